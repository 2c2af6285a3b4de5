"""Starts handlers of one code archive with one engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engines.protocol import Engine, Job, Observation, Start
from harness.policy import runtime_policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Bench:
    engine: Engine
    task: Path

    def job(self, *starts: Start, init_timeout: float = 5.0) -> Job:
        return Job(runtime_policy("python3.12"), "x86_64", self.task, None, starts, init_timeout)

    def run(self, *starts: Start, init_timeout: float = 5.0) -> tuple[Observation, ...]:
        return self.engine.run(self.job(*starts, init_timeout=init_timeout), lambda _: None).observations

    def start(self, handler: str, events: Sequence[str] = (), **environment: object) -> Observation:
        (seen,) = self.run(start(handler, events, **environment))
        return seen


def start(handler: str, events: Sequence[str] = (), **environment: object) -> Start:
    """A function named like its handler, of 256 MB, with 3 seconds for each event."""
    variables = tuple((name, str(value)) for name, value in environment.items())
    return Start(handler, handler, 256, 3, variables, tuple(events))
