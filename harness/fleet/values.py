"""The values of a fleet: its members, the verdict on each, and the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeAlias

from harness.model import Severity, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from harness.manifest import Manifest

Archives: TypeAlias = tuple[tuple[str, str], ...]
"""Each with its role or its place, and its SHA-256."""


class Member(Protocol):
    """One verification of a fleet: a manifest, another tool's build output, or a deployed function."""

    @property
    def name(self) -> str:
        """Unique in the fleet: a path from its root, or a function's name."""

    @property
    def team(self) -> str:
        """Who is responsible; empty where nobody is known."""

    def manifest(self, environ: Mapping[str, str]) -> Manifest:
        """What is to be verified.

        Raises:
            UsageError: It cannot be read, or is wrong.
        """


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """A problem of a member, as its own report has it.

    Attributes:
        id: Equal in each member that has it.
        functions: Those that it stops, or may stop.
        edit: The first thing to change.
    """

    id: str
    severity: Severity
    stage: Stage
    title: str
    functions: tuple[str, ...]
    edit: str


@dataclass(frozen=True, slots=True)
class MemberVerdict:
    """The verdict on one member.

    Attributes:
        functions: Each with its runtime.
        reason: Why it was not judged, or not completely; empty where it was.
        archives: What was judged.
        layers: The SHA-256 of its layers, by which members share them.
        seconds: Wall time of its verification; of the one that made the report, where that is from the verdict cache.
        verified_at: When its report was made; empty without one.
        worker: Where it was judged; empty for this machine.
    """

    name: str
    team: str
    functions: tuple[tuple[str, str], ...] = ()
    verdict: Verdict = Verdict.INCOMPLETE
    problems: tuple[FoundProblem, ...] = ()
    reason: str = ""
    archives: Archives = ()
    seconds: float = 0.0
    from_verdict_cache: bool = False
    verified_at: str = ""
    worker: str = ""

    @property
    def layers(self) -> tuple[str, ...]:
        """The SHA-256 of its layers."""
        return tuple(digest for role, digest in self.archives if role == "layer")

    @property
    def judgement(self) -> object:
        """What two workers must agree on."""
        return self.verdict, sorted(one.id for one in self.problems), self.archives


@dataclass(frozen=True, slots=True)
class Cause:
    """One problem of several members.

    Attributes:
        edit: What to change, in one of the members.
        functions: How many it stops, or may stop.
        is_new: Whether the run before did not have it in one of these members.
    """

    id: str
    title: str
    severity: Severity
    stage: Stage
    edit: str
    members: tuple[str, ...]
    functions: int
    is_new: bool


@dataclass(frozen=True)
class FleetReport:
    """The verdicts on a fleet.

    Attributes:
        members: In the order of their names.
        before: The problems of each member in the run before, by their ids; None where no run is named.
        deprecations: The day from which AWS no longer supports a runtime.
        shard: ``2/5``, where it is a part of a fleet.
        reports: The folder of the members' own reports; None without.
    """

    version: str
    members: tuple[MemberVerdict, ...]
    before: Mapping[str, frozenset[str]] | None = None
    deprecations: Mapping[str, date] = field(default_factory=dict)
    strict: bool = False
    shard: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    subject: str = "fleet"
    reports: str | None = None

    @property
    def verdict(self) -> Verdict:
        """A failure outweighs what was not judged; a fleet without members was not judged."""
        each = {member.verdict for member in self.members} or {Verdict.INCOMPLETE}
        return next(one for one in (Verdict.FAIL, Verdict.INCOMPLETE, Verdict.PASS) if one in each)

    @property
    def functions(self) -> int:
        """How many functions are in it."""
        return sum(len(member.functions) for member in self.members)

    @property
    def cached(self) -> tuple[MemberVerdict, ...]:
        """The members whose verdicts are from the verdict cache."""
        return tuple(member for member in self.members if member.from_verdict_cache)

    @property
    def undone(self) -> tuple[MemberVerdict, ...]:
        """The members that were not judged, or not completely."""
        return tuple(member for member in self.members if member.reason)

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """The problems of all members, errors first, then those that stop most functions."""
        found: dict[str, list[tuple[MemberVerdict, FoundProblem]]] = {}
        for member in self.members:
            for problem in member.problems:
                found.setdefault(f"{problem.severity} {problem.id}", []).append((member, problem))
        causes = [self._cause(each) for each in found.values()]
        return tuple(sorted(causes, key=lambda one: (one.severity is not Severity.ERROR, -one.functions, one.id)))

    def _cause(self, each: list[tuple[MemberVerdict, FoundProblem]]) -> Cause:
        _, first = each[0]
        return Cause(
            first.id,
            first.title,
            first.severity,
            first.stage,
            first.edit,
            tuple(member.name for member, _ in each),
            sum(len(problem.functions) or len(member.functions) for member, problem in each),
            self.before is not None and any(self.is_new(member, problem) for member, problem in each),
        )

    def is_new(self, member: MemberVerdict, problem: FoundProblem) -> bool:
        """Whether the run before did not have a problem."""
        return self.before is None or problem.id not in self.before.get(member.name, frozenset())

    def by_team(self) -> Iterator[tuple[str, Counter[str]]]:
        """For each team how many members and functions it has, and how they were judged."""
        teams: dict[str, Counter[str]] = {}
        for member in self.members:
            counted = teams.setdefault(member.team, Counter())
            counted.update({"members": 1, "functions": len(member.functions), str(member.verdict): 1})
        yield from sorted(teams.items())

    def by_runtime(self) -> Counter[str]:
        """How many functions each runtime has."""
        return Counter(runtime for member in self.members for _, runtime in member.functions)
