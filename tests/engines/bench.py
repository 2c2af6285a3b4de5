"""Starts handlers of one code archive with one engine."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - a dataclass that another process unpickles
from typing import TYPE_CHECKING

from fixtures.broken import mini
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.artifact.store import Store
from harness.engines.container import ContainerEngine
from harness.engines.process import ProcessEngine
from harness.engines.protocol import Engine, Job, Observation, Start
from harness.engines.rungs import rungs
from harness.policy import runtime_policy
from harness.probe.processes import peak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

INIT_SECONDS = 60.0
"""Of an init that a busy machine may make slow; what never ends is given less where a test is about that."""


def a_job(task: Path, *starts: Start, init_timeout: float = INIT_SECONDS) -> Job:
    """Starts on one tree."""
    return Job(runtime_policy("python3.12"), "x86_64", task, None, starts, init_timeout)


def unpacked(cache: Path, path: Path, files: Mapping[str, str | bytes], modes: Mapping[str, int] | None = None) -> Path:
    """The tree at /var/task of an archive of these files, which is made at ``path``."""
    archive = read(mini(path, dict(files), modes=dict(modes or {})), "code.zip", Role.CODE)
    assert not archive.refusals
    store = Store(cache / "trees")
    return store.masked(store.tree(archive, 262_144_000))


@dataclass(frozen=True)
class Bench:
    engine: Engine
    task: Path

    def job(self, *starts: Start, init_timeout: float = INIT_SECONDS) -> Job:
        return a_job(self.task, *starts, init_timeout=init_timeout)

    def run(self, *starts: Start, init_timeout: float = INIT_SECONDS) -> tuple[Observation, ...]:
        return self.engine.run(self.job(*starts, init_timeout=init_timeout), lambda _: None).observations

    def start(self, handler: str, events: Sequence[str] = (), **environment: object) -> Observation:
        (seen,) = self.run(start(handler, events, **environment))
        return seen


def start(handler: str, events: Sequence[str] = (), **environment: object) -> Start:
    """A function named like its handler, of 256 MB, with 3 seconds for each event."""
    variables = tuple((name, str(value)) for name, value in environment.items())
    return Start(handler, handler, 256, 3, variables, tuple(events))


def made(kind: str, cache: Path) -> Engine:
    """An engine by the name of what it shuts handlers in."""
    if kind == "container":
        return ContainerEngine(dict(os.environ), cache, os.environ["LAMBDA_ARTIFACT_TEST_IMAGE"])
    names = {kind, "none"} if kind == "landlock" else {kind}
    return ProcessEngine(
        dict(os.environ), cache, rungs=tuple(rung for rung in rungs(os.environ, cache) if rung.name in names)
    )


@dataclass(frozen=True)
class Elsewhere:
    """A run in a process of its own, which is over.

    Attributes:
        pid: The process's.
        memory: The most that it had, in bytes.
    """

    seen: tuple[Observation, ...]
    pid: int
    memory: int


def elsewhere(kind: str, cache: Path, job: Job) -> Elsewhere:
    """Run a job in a process that does nothing else."""
    spawn = multiprocessing.get_context("spawn")
    ours, its = spawn.Pipe()
    process = spawn.Process(target=_run, args=(kind, cache, job, its))
    process.start()
    its.close()
    with ours:
        found: Elsewhere = ours.recv()
    process.join()
    return found


def _run(kind: str, cache: Path, job: Job, answer: Connection) -> None:
    seen = made(kind, cache).run(job, lambda _: None).observations
    answer.send(Elsewhere(seen, os.getpid(), peak(os.getpid())))
