"""Handlers that are started before anything is checked, where earlier runs have kept all that they need.

Half of the time until the first handler starts goes into modules that only checks need, and into understanding what was
understood before. Where nobody has touched the archives since, another thread starts the handlers at once, and
the verification goes on beside it. When it comes to the same job by its own way, it is given what was already found; to
any other job, nothing that was done early has anything to say. However the verification ends, it ends the handlers.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from harness.archives import Archives
from harness.artifact.bundle import Bundle
from harness.artifact.entries import Refused, Role
from harness.engines.protocol import Ending
from harness.jobs import job_of
from harness.policy import runtime_policy
from harness.reaching import FOLDER, ReachStore, at_start, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from harness.engines.protocol import Answers, Engine, Job, Progress
    from harness.manifest import Function, Manifest
    from harness.model import Report
    from harness.policy import RuntimePolicy
    from harness.settings import Settings

T = TypeVar("T")
PATIENCE_SECONDS = 5.0
SWITCH_SECONDS = 0.0005
"""A tenth of the interpreter's own: after how long a thread that computes lets another one go on."""


def verify(manifest: Manifest, settings: Settings) -> Report:
    """Verify everything that a manifest asks for; the handlers first where that is possible.

    Raises:
        UsageError: The request is wrong.
    """
    began = time.perf_counter()
    report = beside(manifest, settings, partial(_verified, manifest))
    return replace(report, seconds=time.perf_counter() - began)


def beside(manifest: Manifest, settings: Settings, work: Callable[[Settings, Archives], T]) -> T:
    """Start a manifest's handlers in another thread, where that is possible, and do the work beside them.

    Args:
        manifest: What is to be verified.
        settings: How.
        work: Is given settings whose engine knows what was started, and the archives as far as they were had.
    """
    archives = archives_of(settings)
    jobs = tuple(jobs_of(manifest, settings, archives))
    if not jobs:
        return work(settings, archives)
    # Thousands of small system calls, after each of which that thread would wait for this one, which imports.
    settings.engine.prepare(jobs[0].policy, jobs[0].architecture, settings.progress)
    with _often(), Begun(settings.engine, jobs, settings.progress) as engine:
        return work(replace(settings, engine=engine), archives)


@contextlib.contextmanager
def _often() -> Iterator[None]:
    """Have the thread that talks to the engine wait less for the interpreter's lock, which it needs for a moment."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def archives_of(settings: Settings) -> Archives:
    """The archives that settings lead to."""
    return Archives(settings.cache, settings.progress, settings.profile, trust_mtime=settings.trust_mtime)


def _verified(manifest: Manifest, settings: Settings, archives: Archives) -> Report:
    collects = gc.isenabled()
    gc.disable()  # what is imported stays: to look for garbage among it is a tenth of the time
    try:
        from harness.verify import verify as verified  # noqa: PLC0415 - what takes so long
    finally:
        if collects:
            gc.freeze()
            gc.enable()
    return verified(manifest, settings, archives)


def jobs_of(manifest: Manifest, settings: Settings, archives: Archives) -> Iterator[Job]:
    """The jobs that a verification will come to, as far as all that they need is kept."""
    if settings.static or settings.select or settings.skip:
        return
    policy = runtime_policy(manifest.runtime)
    groups: dict[object, list[Function]] = {}
    for function in manifest.functions:
        groups.setdefault((function.code, function.layers), []).append(function)
    for group in groups.values():
        try:
            job = _job(manifest, settings, policy, group, archives)
        except (OSError, Refused):  # it comes again where it is told
            job = None
        if job is None:
            return  # those behind it would only come before their turn
        yield job


def _job(
    manifest: Manifest, settings: Settings, policy: RuntimePolicy, group: list[Function], archives: Archives
) -> Job | None:
    first, limit = group[0], policy.limits.unzipped_bytes
    code = archives.recognise(first.code, Role.CODE)
    layers = [archives.recognise(layer, Role.LAYER) for layer in first.layers]
    known = [one for one in (code, *layers) if one and not one.refusals and one.unzipped_bytes <= limit]
    if len(known) <= len(layers) or any(function.seed for function in group):
        return None
    bundle = Bundle(known[0], tuple(known[1:]))
    key = key_of(policy.runtime, manifest.architecture, bundle, group)
    if not (rows := ReachStore(settings.cache / FOLDER).find(key)):
        return None
    return job_of(group, archives.trees(bundle, limit), at_start(rows), manifest=manifest, settings=settings)


class Begun:
    """An engine of which some jobs are done before they are asked for, one after another in another thread.

    Leaving it ends those that nobody has asked for.
    """

    def __init__(self, engine: Engine, jobs: Iterable[Job], progress: Progress) -> None:
        self._engine, self._progress, self._ending = engine, progress, Ending()
        self._begun: list[tuple[Job, Future[Answers]]] = [(replace(job, ending=self._ending), Future()) for job in jobs]
        self._thread = threading.Thread(target=self._work, args=(tuple(self._begun),), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _work(self, begun: Iterable[tuple[Job, Future[Answers]]]) -> None:
        for job, answers in begun:
            if self._ending.asked:
                return
            try:
                answers.set_result(self._engine.run(job, self._progress))
            except BaseException as error:  # noqa: BLE001 - whoever asks for the answers gets it
                answers.set_exception(error)

    def _end(self) -> None:
        """End what is under way; what does not end soon ends with this process."""
        self._begun.clear()
        self._ending.ask()
        self._thread.join(PATIENCE_SECONDS)

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool | None:
        """See :class:`harness.engines.protocol.Engine`."""
        return self._engine.prepare(policy, architecture, progress)

    def run(self, job: Job, progress: Progress) -> Answers:
        """The answers of an equal job that was begun, each once; any other job is done now, and nothing beside it.

        Raises:
            Unavailable: The job cannot be done here.
        """
        for place, (begun, answers) in enumerate(self._begun):
            if begun == job:
                del self._begun[: place + 1]
                return answers.result()
        self._end()
        return self._engine.run(job, progress)
