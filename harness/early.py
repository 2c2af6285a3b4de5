"""Handlers that are started before anything is checked, where earlier runs have kept all that they need.

Half of the time until the first handler starts goes into modules that only checks need, and into understanding archives
that were understood before. Where nobody has touched the archives since, the handlers are started at once, and the
verification goes on beside them. When it comes to the same job by its own way, it is given what was already found; to
any other job, nothing that was done early has anything to say.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from harness.archives import Archives
from harness.artifact.bundle import Bundle
from harness.artifact.entries import Refused, Role
from harness.jobs import job_of
from harness.policy import runtime_policy
from harness.reaching import FOLDER, ReachStore, at_start, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.engines.protocol import Answers, Engine, Job, Progress
    from harness.manifest import Function, Manifest
    from harness.model import Report
    from harness.policy import RuntimePolicy
    from harness.settings import Settings

T = TypeVar("T")
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
    """Start a manifest's handlers where that is possible, and do the work beside them, in another thread.

    Args:
        manifest: What is to be verified.
        settings: How.
        work: Is given settings whose engine knows what was started, and the archives as far as they were had.
    """
    archives = archives_of(settings)
    jobs = list(jobs_of(manifest, settings, archives))
    if not jobs:
        return work(settings, archives)
    engine = Served(settings.engine)
    # Thousands of small system calls, after each of which this thread would wait for one that imports.
    settings.engine.prepare(jobs[0].policy, jobs[0].architecture, settings.progress)
    with _often(), ThreadPoolExecutor(1) as pool:
        try:
            for job in jobs:
                engine.begin(job, settings.progress)
            done = pool.submit(work, replace(settings, engine=engine), archives)
            done.add_done_callback(lambda _: engine.close())
            engine.serve()  # here, where signals arrive: whatever is under way must end in order
        finally:
            engine.close()
    return done.result()


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
    from harness.verify import verify as verified  # noqa: PLC0415 - what takes so long

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


_Asked: TypeAlias = "tuple[Job, Progress, Future[Answers]]"


class Served:
    """An engine whose jobs are done by the thread that serves, whoever asks for them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._begun: list[tuple[Job, Future[Answers]]] = []
        self._closed = False
        self._lock = threading.Lock()

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool | None:
        """See :class:`harness.engines.protocol.Engine`."""
        return self._engine.prepare(policy, architecture, progress)

    def begin(self, job: Job, progress: Progress) -> None:
        """Have a job done before anybody asks for it."""
        self._begun.append((job, self._ask(job, progress)))

    def run(self, job: Job, progress: Progress) -> Answers:
        """What was begun, or is done now.

        Raises:
            Unavailable: The job cannot be done here.
            KeyboardInterrupt: Nobody serves any more.
        """
        for place, (begun, answers) in enumerate(self._begun):
            if begun == job:
                del self._begun[place]
                return answers.result()
        return self._ask(job, progress).result()

    def _ask(self, job: Job, progress: Progress) -> Future[Answers]:
        answers: Future[Answers] = Future()
        with self._lock:  # nothing is asked for behind the end
            if self._closed:
                answers.set_exception(KeyboardInterrupt())
            else:
                self._asked.put((job, progress, answers))
        return answers

    def serve(self) -> None:
        """Do what is asked for, until it is closed."""
        while (asked := self._asked.get()) is not None:
            job, progress, answers = asked
            try:
                answers.set_result(self._engine.run(job, progress))
            except BaseException as error:
                answers.set_exception(error)
                if not isinstance(error, Exception):  # a signal
                    raise

    def close(self) -> None:
        """Do nothing more; who still waits, or asks later, is interrupted."""
        with self._lock:
            self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                if (asked := self._asked.get_nowait()) is not None:
                    asked[2].set_exception(KeyboardInterrupt())
        self._asked.put(None)
