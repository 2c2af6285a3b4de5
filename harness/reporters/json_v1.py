"""For programs: the JSON report, version 1, and the schemas of all published reports."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from harness.diagnosis.fingerprints import fingerprints
from harness.diagnosis.problems import problems
from harness.model import (
    ArtifactInfo,
    Completed,
    Crashed,
    Finding,
    NotApplicable,
    Place,
    Problem,
    Report,
    Result,
    Skipped,
    Waived,
)
from harness.plain_text import printed_json
from harness.reporters.schema_v1 import (
    SCHEMA,
    Artifact,
    CheckResult,
    Engine,
    FromVerdictCache,
    Function,
    Harness,
    Part,
    ProblemEdit,
    ReportedAwsCall,
    ReportedFinding,
    ReportedProblem,
    ReportV1,
    Source,
    Target,
    UncoveredFunction,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def schema(report: type[msgspec.Struct] = ReportV1, title: str = SCHEMA) -> str:
    """The JSON Schema (draft 2020-12) of a report, as it is published."""
    generated = msgspec.json.schema(report)
    return json_text({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **generated})


def json_text(value: object) -> str:
    """An indented JSON document of a value, harmless in a log."""
    return printed_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()) + "\n"


def data(report: Report) -> ReportV1:
    """A report as it is published."""
    return ReportV1(
        schema=SCHEMA,
        verdict=report.verdict.value,
        exit_code=cast("Literal[0, 1, 3]", int(report.exit_code)),
        harness=Harness(report.version),
        target=Target(report.runtime, report.architecture),
        engine=msgspec.convert(report.engine, Engine, from_attributes=True),
        artifacts=tuple(artifact(one) for one in report.artifacts),
        functions=tuple(
            Function(
                info.name,
                info.handler,
                measured(info.init_seconds, 3),
                measured(info.max_rss_mb, 1),
                measured(info.init_cpu_seconds, 3),
                info.runtime,
                info.architecture,
                _source(info.declared_at),
                info.caveats,
                info.digests,
                msgspec.convert(info.aws_calls, tuple[ReportedAwsCall, ...] | None, from_attributes=True),
            )
            for info in report.functions
        ),
        results=tuple(check_result(result, report.artifacts) for result in report.results),
        problems=tuple(_problem(one) for one in problems(report)),
        seconds=measured(report.seconds, 3) or 0.0,
        strict=report.strict,
        static=report.static,
        notes=report.notes,
        uncovered=tuple(
            UncoveredFunction(one.name, one.reason, Source(one.place.file, one.place.line or None), one.undone)
            for one in report.uncovered
        ),
        verified_at=report.verified_at,
        configuration_sha256=report.configuration_sha256,
        policy_sha256=report.policy_sha256,
        from_verdict_cache=(
            FromVerdictCache(len(report.functions), report.verified_at) if report.from_verdict_cache else None
        ),
        timings=tuple(Part(one.name, measured(one.seconds, 3) or 0.0, one.parent) for one in report.timings),
    )


def artifact(info: ArtifactInfo) -> Artifact:
    """One archive, as it is published."""
    return msgspec.convert(info, Artifact, from_attributes=True)


def _source(place: Place | None) -> Source | None:
    return Source(place.file, place.line or None) if place else None


def _problem(one: Problem) -> ReportedProblem:
    edits = (
        ProblemEdit(edit.at.file if edit.at else None, (edit.at.line or None) if edit.at else None, edit.do)
        for edit in one.edits
    )
    return ReportedProblem(
        id=one.id,
        severity=one.severity.value,
        stage=one.stage.value,
        title=one.title,
        functions=one.functions,
        not_affected=one.not_affected,
        cause=one.cause,
        edits=tuple(edits),
        findings=one.findings,
    )


def check_result(result: Result, artifacts: Sequence[ArtifactInfo]) -> CheckResult:
    """What one check said of some archives, as it is published."""
    kind: Literal["completed", "not-applicable", "skipped", "crashed"]
    reason: str | None = None
    traceback: str | None = None
    waived: tuple[Waived, ...] = ()
    match result.outcome:
        case Completed(waived=waived):
            kind = "completed"
        case NotApplicable(reason):
            kind = "not-applicable"
        case Skipped(reason, waived=waived):
            kind = "skipped"
        case Crashed(reason, traceback):
            kind = "crashed"
    found = (*((one, None) for one in result.findings), *((one.finding, one.reason) for one in waived))
    marks = fingerprints(result, artifacts)
    return CheckResult(
        check=result.check,
        title=result.title,
        function=result.function,
        outcome=kind,
        seconds=measured(result.seconds, 3) or 0.0,
        findings=tuple(finding(one, waiver, mark) for (one, waiver), mark in zip(found, marks, strict=True)),
        reason=reason,
        traceback=traceback,
        notes=tuple(note.text for note in result.outcome.notes) if isinstance(result.outcome, Completed) else (),
    )


def finding(found: Finding, waived: str | None, mark: str) -> ReportedFinding:
    """One finding, as it is published.

    Args:
        found: The finding.
        waived: The reason why it is accepted, where it is.
        mark: Its fingerprint.
    """
    return ReportedFinding(
        severity=found.severity.value,
        message=found.message,
        where=found.where,
        chain=found.chain or None,
        cause=found.cause,
        remedy=found.remedy,
        waived=waived,
        fingerprint=mark,
        source=_source(found.source),
    )


def measured(number: float | None, digits: int) -> float | None:
    """A figure as it is published: what is not a finite number is unknown, for JSON has no word for it."""
    return round(number, digits) if number is not None and math.isfinite(number) else None
