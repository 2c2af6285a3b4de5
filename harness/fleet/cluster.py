"""Judges members on the workers of a Dask cluster, none of which is believed without a sample.

A worker that is killed loses its members to others. One that no longer answers does the same after a while. One that
answers wrongly is found by members that are judged here, too, unknown to it: then nothing that it said counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import random
from collections import deque
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from harness.cache.folder import cache_folder, using
from harness.fleet import dask_cluster
from harness.fleet.account import AccountMember
from harness.fleet.values import Member, MemberVerdict
from harness.sources.download_cache import FOLDER, Downloads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from distributed import Client

    from harness.fleet.judge import Judge

RETRIES: Final = 2
SAMPLE: Final = 0.05
"""The part of each worker's members that is judged here, too; at least one of each."""
_WIDTH: Final = 4
"""Members that are handed out at a time, for each worker."""
SILENT_SECONDS: Final = 600.0
"""Without any answer, after which what is left is not judged; longer than any verification takes."""


def judged(  # noqa: PLR0913 - where, and what a test makes shorter
    members: Sequence[Member],
    judge: Judge,
    place: str,
    progress: Callable[[str], None],
    *,
    sample: float = SAMPLE,
    silent: float = SILENT_SECONDS,
) -> Iterator[MemberVerdict]:
    """The verdicts on members, in whichever order.

    Args:
        members: Whose folders are in the same places for each worker; archives of an account are sent.
        judge: How they are judged.
        place: ``tcp://host:port`` of a scheduler, a TOML file that declares a cluster, or ``local:N`` for N workers of
            this machine.
        progress: Called with each step.
        sample: The part of each worker's members that is judged here, too.
        silent: Seconds without any answer, after which what is left is not judged.

    Raises:
        UsageError: There is no such cluster.
    """
    with dask_cluster.client(place) as client:
        found = list(_answers(client, members, judge, progress, silent, is_here=place.startswith(dask_cluster.LOCAL)))
    by_name = {member.name: member for member in members}
    yield from _believed(found, by_name, judge, progress, sample)


def _answers(  # noqa: PLR0913 - what `judged` was given, and where
    client: Client,
    members: Sequence[Member],
    judge: Judge,
    progress: Callable[[str], None],
    silent: float,
    *,
    is_here: bool,
) -> Iterator[MemberVerdict]:
    """What the workers say; a member that none has judged in time is named."""
    from distributed import wait  # noqa: PLC0415 - an extra
    from distributed.client import FuturesCancelledError  # noqa: PLC0415 - the same

    packed, sent, needs = pickle.dumps(judge), dask_cluster.Sent(client), dask_cluster.Needs.of(client, judge)
    width = _WIDTH * max(1, len(client.nthreads()))
    waiting, running = deque((member, RETRIES) for member in members), dict[Any, tuple[Member, int, tuple[Any, ...]]]()
    done = 0
    while waiting or running:
        try:
            while waiting and len(running) < width:
                member, tries = waiting[0]
                archives = () if is_here else sent.of(member)
                wanted = needs.resources(member)
                task = client.submit(
                    _on_worker,
                    packed,
                    member,
                    *archives,
                    is_here=is_here,
                    pure=False,
                    retries=RETRIES,
                    resources=wanted,
                )
                running[task] = member, tries, archives
                waiting.popleft()
            with contextlib.suppress(FuturesCancelledError):
                wait(list(running), timeout=silent, return_when="FIRST_COMPLETED")
        except TimeoutError:
            break
        for task in [task for task in running if task.status != "pending"]:
            member, tries, _ = running.pop(task)
            if task.status == "cancelled" and tries:  # the worker that ended had the only copy of an archive
                waiting.append((member, tries - 1))
                continue
            done += 1
            progress(f"{done:,} of {len(members):,}: {member.name}")
            if task.status == "finished":
                yield _answer(client, task, member)
            else:
                why = task.exception() if task.status == "error" else "the workers with its archives ended"
                yield _not_judged(member, f"its workers failed, {RETRIES + 1} times: {why}")
    client.cancel(list(running))
    for member in (*(one for one, *_ in running.values()), *(one for one, _ in waiting)):
        yield _not_judged(member, f"no worker has answered for {silent:,.0f} seconds")


def _answer(client: Client, future: Any, member: Member) -> MemberVerdict:  # noqa: ANN401 - a Future
    """What a worker said of a member; which worker that was, the scheduler says."""
    workers = client.who_has([future]).get(future.key)
    verdict = future.result()
    if not isinstance(verdict, MemberVerdict):
        return _not_judged(member, f"its worker answered with no verdict ({type(verdict).__name__})")
    return replace(verdict, name=member.name, team=member.team, worker=workers[0] if workers else "that has ended")


@cache
def _unpacked(packed: bytes, *, is_here: bool) -> Judge:
    """The judge of a worker, with an engine that all its members share, and the cache of the worker's machine."""
    judge: Judge = pickle.loads(packed)  # noqa: S301 - of the scheduler, which may run anything here
    return judge if is_here else replace(judge, cache=cache_folder(os.environ))


def _on_worker(packed: bytes, member: Member, *contents: bytes, is_here: bool) -> MemberVerdict:
    """Judge a member, on a worker, with the contents of its archives where these were sent."""
    judge = _unpacked(packed, is_here=is_here)
    if not isinstance(member, AccountMember) or not contents:
        return judge(member)
    with using(judge.cache):
        downloads = Downloads(judge.cache / FOLDER)
        return judge(member.at(tuple(_written(downloads, content) for content in contents)))


def _written(downloads: Downloads, content: bytes) -> Path:
    """An archive that was sent, in the cache of the worker's machine."""

    def fill(file: BinaryIO) -> str:
        file.write(content)
        return digest

    digest = hashlib.sha256(content).hexdigest()
    return downloads.fetch(f"sent {digest}", digest, fill)[0]


def _believed(
    found: Sequence[MemberVerdict],
    members: dict[str, Member],
    judge: Judge,
    progress: Callable[[str], None],
    sample: float,
) -> Iterator[MemberVerdict]:
    """The verdicts, without those of workers that said something else than this machine."""
    workers: dict[str, list[MemberVerdict]] = {}
    for verdict in found:
        workers.setdefault(verdict.worker, []).append(verdict)
    for worker, verdicts in workers.items():
        if not worker:
            yield from verdicts
            continue
        chosen = random.SystemRandom().sample(verdicts, max(1, round(sample * len(verdicts))))
        progress(f"judging {len(chosen)} members of {worker} here, too")
        wrong = [one.name for one in chosen if judge(members[one.name]).judgement != one.judgement]
        if wrong:
            reason = f"the worker {worker} answered otherwise than this machine about {wrong[0]}"
            yield from (_not_judged(members[one.name], reason) for one in verdicts)
        else:
            yield from verdicts


def _not_judged(member: Member, reason: str) -> MemberVerdict:
    return MemberVerdict(member.name, member.team, reason=reason)
