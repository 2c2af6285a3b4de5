"""The straight line of a fleet: members, verdicts, report."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from harness import __version__
from harness.fleet import pool
from harness.fleet.members import ordered
from harness.fleet.values import FleetReport
from harness.model import Severity, UsageError, Verdict
from harness.plain_text import few
from harness.policy import KNOWN_RUNTIMES, runtime_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from harness.fleet.judge import Exchange, Judge
    from harness.fleet.values import Member, MemberVerdict

    Judged = Callable[[Sequence[Member], Judge], Iterable[MemberVerdict]]

_SHOWN = 3


def verify(
    members: Sequence[Member],
    judge: Judge,
    last: Mapping[str, MemberVerdict] | None = None,
    judged: Judged | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> FleetReport:
    """Verify a fleet.

    Args:
        members: Each name once.
        judge: How each is judged.
        last: The verdicts of an earlier run; None without one.
        judged: Who does it, in which order whatever; None for the cores of this machine.
        progress: Called with each step.

    Raises:
        UsageError: Two members have one name.
    """
    began = time.perf_counter()
    if twice := [name for name, count in Counter(member.name for member in members).items() if count > 1]:
        raise UsageError(f"{few(twice, _SHOWN)}: in the fleet twice; name each folder once")
    judged = judged or (lambda some, judge: pool.judged(some, judge, os.cpu_count() or 1, progress))
    found = {verdict.name: verdict for verdict in judged(ordered(members, last or {}), judge)}
    before = {name: frozenset(one.id for one in verdict.problems) for name, verdict in (last or {}).items()}
    days = {runtime: runtime_policy(runtime).deprecation for runtime in KNOWN_RUNTIMES}
    return FleetReport(
        version=__version__,
        members=tuple(found[name] for name in sorted(found)),
        before=None if last is None else before,
        deprecations={runtime: day for runtime, day in days.items() if day},
        strict=judge.strict,
        reports=str(judge.reports) if judge.reports else None,
        seconds=time.perf_counter() - began,
    )


def rehearse(
    members: Sequence[Member],
    judge: Judge,
    exchange: Exchange,
    judged: Judged | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> FleetReport:
    """What a new layer in an old one's place would break: the problems that members have with it and not without it.

    Raises:
        UsageError: Nobody carries the old layer.
    """
    carriers = [member for member in members if _carries(member, judge, exchange)]
    if not carriers:
        raise UsageError(f"--layer {exchange.old}: no function of the fleet carries it")
    before = verify(carriers, replace(judge, reports=None), None, judged, progress=progress)
    now = {member.name: member for member in before.members}
    after = verify(carriers, replace(judge, exchange=exchange), now, judged, progress=progress)
    return replace(
        after,
        subject="rehearsal",
        members=tuple(_only_new(member, after) for member in after.members),
        notes=(f"{exchange.new.text} in the place of {exchange.old}, under each function that carries it",),
    )


def _carries(member: Member, judge: Judge, exchange: Exchange) -> bool:
    try:
        return exchange.concerns(member.manifest(judge.environ))
    except UsageError:  # which its own verdict says, if it is asked for
        return False


def _only_new(member: MemberVerdict, report: FleetReport) -> MemberVerdict:
    """A verdict on what is new alone: what failed before may fail again."""
    problems = tuple(problem for problem in member.problems if report.is_new(member, problem))
    if member.verdict is Verdict.INCOMPLETE:
        return replace(member, problems=problems)
    failed = any(problem.severity is Severity.ERROR or report.strict for problem in problems)
    return replace(member, problems=problems, verdict=Verdict.FAIL if failed else Verdict.PASS)
