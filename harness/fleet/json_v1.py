"""For programs, and for the next run: the report of a fleet, version 1. Keys may be added; none is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, cast

import msgspec
from msgspec import Meta, Struct

from harness import regular_files
from harness.fleet.values import FoundProblem, MemberVerdict
from harness.model import Severity, Stage, UsageError, Verdict
from harness.reporters.json_v1 import measured
from harness.reporters.schema_v1 import Amount, Count, Harness

if TYPE_CHECKING:
    from pathlib import Path

    from harness.fleet.values import Cause, FleetReport

SCHEMA: Final = "lambda-artifact/fleet/v1"


class ReportedProblem(Struct, frozen=True):
    """A problem of one member."""

    id: Annotated[str, Meta(description="Equal in each member that has it.")]
    severity: Literal["error", "warning"]
    stage: Literal["start", "event", "deploy", "never"]
    title: str
    functions: Annotated[tuple[str, ...], Meta(description="Those that it stops, or may stop.")]
    edit: Annotated[str, Meta(description="The first thing to change.")]
    new: Annotated[bool | None, Meta(description="Whether the run before did not have it; null: no run is named.")]


class ReportedFunction(Struct, frozen=True):
    """A function."""

    name: str
    runtime: str


class ReportedArchive(Struct, frozen=True):
    """An archive that was judged."""

    role: str
    sha256: str


class ReportedMember(Struct, frozen=True):
    """A manifest, another tool's build output, or a deployed function."""

    name: str
    team: str
    verdict: Literal["pass", "fail", "incomplete"]
    reason: Annotated[str, Meta(description="Why it was not judged, or not completely; empty where it was.")]
    functions: tuple[ReportedFunction, ...]
    problems: tuple[ReportedProblem, ...]
    archives: tuple[ReportedArchive, ...]
    seconds: Annotated[Amount, Meta(description="That a verification takes; shards are made by it.")]
    from_verdict_cache: bool
    verified_at: Annotated[str, Meta(description="In UTC, as RFC 3339 has it; empty: there is no report.")]
    worker: Annotated[str, Meta(description="Of a cluster; empty: this machine.")]


class ReportedCause(Struct, frozen=True):
    """One problem of several members."""

    id: str
    severity: Literal["error", "warning"]
    stage: Literal["start", "event", "deploy", "never"]
    title: str
    edit: str
    members: tuple[str, ...]
    functions: Count
    new: Annotated[bool, Meta(description="Whether it is new in one of the members.")]


class FleetV1(Struct, frozen=True):
    """The verdicts on a fleet."""

    schema: Literal["lambda-artifact/fleet/v1"]
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: Literal[0, 1, 3]
    harness: Harness
    shard: Annotated[str, Meta(description="2/5: the second of five; empty: the whole fleet.")]
    strict: bool
    members: Annotated[tuple[ReportedMember, ...], Meta(description="In the order of their names.")]
    causes: Annotated[tuple[ReportedCause, ...], Meta(description="Errors first, then those of most functions.")]
    runtimes: Annotated[dict[str, Count], Meta(description="How many functions each has.")]
    deprecations: Annotated[dict[str, str], Meta(description="The day that AWS has named for a runtime.")]
    notes: tuple[str, ...]
    seconds: Amount


def data(report: FleetReport) -> FleetV1:
    """A report as it is published."""
    return FleetV1(
        schema=SCHEMA,
        verdict=report.verdict.value,
        exit_code=cast("Literal[0, 1, 3]", int(report.verdict.exit_code)),
        harness=Harness(report.version),
        shard=report.shard,
        strict=report.strict,
        members=tuple(_member(one, report) for one in report.members),
        causes=tuple(_cause(one) for one in report.causes),
        runtimes=dict(sorted(report.by_runtime().items())),
        deprecations={runtime: day.isoformat() for runtime, day in sorted(report.deprecations.items())},
        notes=report.notes,
        seconds=measured(report.seconds, 3) or 0.0,
    )


def _member(member: MemberVerdict, report: FleetReport) -> ReportedMember:
    return ReportedMember(
        name=member.name,
        team=member.team,
        verdict=member.verdict.value,
        reason=member.reason,
        functions=tuple(ReportedFunction(*one) for one in member.functions),
        problems=tuple(
            ReportedProblem(
                one.id,
                one.severity.value,
                one.stage.value,
                one.title,
                one.functions,
                one.edit,
                None if report.before is None else report.is_new(member, one),
            )
            for one in member.problems
        ),
        archives=tuple(ReportedArchive(*one) for one in member.archives),
        seconds=measured(member.seconds, 3) or 0.0,
        from_verdict_cache=member.from_verdict_cache,
        verified_at=member.verified_at,
        worker=member.worker,
    )


def _cause(one: Cause) -> ReportedCause:
    return ReportedCause(
        one.id,
        one.severity.value,
        one.stage.value,
        one.title,
        one.edit,
        one.members,
        one.functions,
        one.is_new,
    )


def earlier(*paths: Path) -> dict[str, MemberVerdict]:
    """The verdicts of earlier runs, or of the shards of one, by the names of the members.

    Raises:
        UsageError: One is no report of a fleet.
    """
    found: dict[str, MemberVerdict] = {}
    for path in paths:
        try:
            report = msgspec.json.decode(regular_files.read(path, regular_files.LARGEST_ARCHIVE), type=FleetV1)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"--since {path}: no JSON report of `fleet`: {error}") from error
        found |= {one.name: _read(one) for one in report.members}
    return found


def _read(one: ReportedMember) -> MemberVerdict:
    return MemberVerdict(
        name=one.name,
        team=one.team,
        functions=tuple((function.name, function.runtime) for function in one.functions),
        verdict=Verdict(one.verdict),
        problems=tuple(
            FoundProblem(p.id, Severity(p.severity), Stage(p.stage), p.title, p.functions, p.edit) for p in one.problems
        ),
        reason=one.reason,
        archives=tuple((archive.role, archive.sha256) for archive in one.archives),
        seconds=one.seconds,
        from_verdict_cache=one.from_verdict_cache,
        verified_at=one.verified_at,
        worker=one.worker,
    )
