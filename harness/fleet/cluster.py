"""Judges members on the workers of a Dask cluster, none of which is believed without a sample.

A worker that is killed loses its members to others. One that no longer answers does the same after a while. One that
answers wrongly is found by members that are judged here, too, unknown to it: then nothing that it said counts.
"""

from __future__ import annotations

import contextlib
import pickle
import random
from collections import deque
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from harness.fleet.values import Member, MemberVerdict
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Client

    from harness.fleet.judge import Judge

LOCAL: Final = "local:"
RETRIES: Final = 2
SAMPLE: Final = 0.05
"""The part of each worker's members that is judged here, too; at least one of each."""
_WIDTH: Final = 4
"""Members that are handed out at a time, for each worker."""
SILENT_SECONDS: Final = 600.0
"""Without any answer, after which what is left is not judged; longer than any verification takes."""
WORKER_SECONDS: Final = "60s"
"""After which a worker of a local cluster that does not answer is given up."""


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
        members: Whose folders or archives are in the same places for each worker.
        judge: How they are judged.
        place: ``tcp://host:port`` of a scheduler, or ``local:N`` for N workers of this machine.
        progress: Called with each step.
        sample: The part of each worker's members that is judged here, too.
        silent: Seconds without any answer, after which what is left is not judged.

    Raises:
        UsageError: There is no such cluster.
    """
    with _client(place) as client:
        found = list(_answers(client, members, judge, progress, silent))
    by_name = {member.name: member for member in members}
    yield from _believed(found, by_name, judge, progress, sample)


@contextlib.contextmanager
def _client(place: str) -> Iterator[Client]:
    try:
        import dask  # noqa: PLC0415 - an extra
        from distributed import Client, LocalCluster  # noqa: PLC0415 - the same
    except ImportError:
        raise UsageError("--cluster needs more packages: pip install 'lambda-artifact-harness[fleet]'") from None
    if not place.startswith(LOCAL):
        try:
            with Client(place, timeout="10s") as client:
                yield client
        except (OSError, ValueError) as error:
            raise UsageError(f"--cluster {place}: no scheduler answers: {error}") from error
        return
    count = place.removeprefix(LOCAL)
    if not count.isdecimal() or not int(count):
        raise UsageError(f"--cluster {place}: expected {LOCAL}N, with a number of workers")
    settings = {"distributed.scheduler.worker-ttl": WORKER_SECONDS, "distributed.admin.tick.limit": "1h"}
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=int(count), threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def resources(client: Client, judge: Judge) -> dict[str, float]:
    """What a worker needs, of the names that any worker of the cluster offers: its engine, where it is labelled.

    A worker that has a container daemon is started with ``--resources container=1``, one that has the sandboxes of
    namespaces with ``--resources sandbox=1``.
    """
    wanted = {"container": "container", "process": "sandbox"}.get(judge.choice)
    workers: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    offered = {name for worker in workers.values() for name in worker.get("resources", {})}
    return {wanted: 1.0} if wanted in offered and wanted else {}


def _answers(
    client: Client, members: Sequence[Member], judge: Judge, progress: Callable[[str], None], silent: float
) -> Iterator[MemberVerdict]:
    """What the workers say; a member that none has judged in time is named."""
    from distributed import wait  # noqa: PLC0415 - an extra

    packed = pickle.dumps(judge)
    wanted, width = resources(client, judge), _WIDTH * max(1, len(client.nthreads()))
    waiting, running = deque(members), dict[Any, Member]()
    done = 0
    while waiting or running:
        while waiting and len(running) < width:
            member = waiting.popleft()
            future = client.submit(_on_worker, packed, member, pure=False, retries=RETRIES, resources=wanted)
            running[future] = member
        try:
            ready = wait(list(running), timeout=silent, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            break
        for future in ready:
            member = running.pop(future)
            done += 1
            progress(f"{done:,} of {len(members):,}: {member.name}")
            if future.status == "finished":
                yield _answer(client, future, member)
            else:
                yield _not_judged(member, f"its workers ended, {RETRIES + 1} times: {future.exception()}")
    client.cancel(list(running))
    for member in (*running.values(), *waiting):
        yield _not_judged(member, f"no worker has answered for {silent:,.0f} seconds")


def _answer(client: Client, future: Any, member: Member) -> MemberVerdict:  # noqa: ANN401 - a Future
    """What a worker said of a member; which worker that was, the scheduler says."""
    workers = client.who_has([future]).get(future.key)
    verdict = future.result()
    if not isinstance(verdict, MemberVerdict):
        return _not_judged(member, f"its worker answered with no verdict ({type(verdict).__name__})")
    return replace(verdict, name=member.name, team=member.team, worker=workers[0] if workers else "that has ended")


@cache
def _unpacked(packed: bytes) -> Judge:
    """The judge of a worker, with an engine that all its members share."""
    judge: Judge = pickle.loads(packed)  # noqa: S301 - of the scheduler, which may run anything here
    return judge


def _on_worker(packed: bytes, member: Member) -> MemberVerdict:
    """Judge a member, on a worker."""
    return _unpacked(packed)(member)


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
