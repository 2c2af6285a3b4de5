"""Judges members on all cores of this machine."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.fleet.values import Member, MemberVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from harness.fleet.judge import Judge


_MEMBERS_OF_A_PROCESS: Final = 250
"""After which another takes its place, so that none grows for ever."""


@dataclass
class _Worker:
    """What a process of the pool holds."""

    judge: Judge | None = None


_WORKER: Final = _Worker()


def _begin(judge: Judge) -> None:
    _WORKER.judge = judge


def _judged(member: Member) -> MemberVerdict:
    if _WORKER.judge is None:
        raise RuntimeError("the process has no judge")
    return _WORKER.judge(member)


def judged(
    members: Sequence[Member], judge: Judge, jobs: int, progress: Callable[[str], None]
) -> Iterator[MemberVerdict]:
    """The verdicts on members, in the order in which they are ready.

    A process that dies takes all members with it that are under way. Each of them is tried once more, alone.
    """
    for done, verdict in enumerate(_all(members, judge, jobs), 1):
        progress(f"{done:,} of {len(members):,}: {verdict.name}")
        yield verdict


def _all(members: Sequence[Member], judge: Judge, jobs: int) -> Iterator[MemberVerdict]:
    waiting, suspects = deque(members), list[Member]()
    while waiting:
        suspects += yield from _until_one_dies(waiting, judge, jobs)
    for member in suspects:
        if (yield from _until_one_dies(deque([member]), judge, 1)):
            yield MemberVerdict(member.name, member.team, reason="the process that verified it died, twice")


def _until_one_dies(waiting: deque[Member], judge: Judge, jobs: int) -> Generator[MemberVerdict, None, list[Member]]:
    """Judge waiting members, until there is none or a process dies; return those that were under way then."""
    running: dict[Future[MemberVerdict], Member] = {}
    with _pool(judge, jobs) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < 2 * jobs:
                    running[pool.submit(_judged, waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    verdict = future.result()
                    del running[future]
                    yield verdict
        except BrokenProcessPool:
            return list(running.values())
    return []


def _pool(judge: Judge, jobs: int) -> ProcessPoolExecutor:
    # Neither threads nor locks of this process come along; what was imported is shared.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.fleet.judge"])
    return ProcessPoolExecutor(jobs, context, _begin, (judge,), max_tasks_per_child=_MEMBERS_OF_A_PROCESS)
