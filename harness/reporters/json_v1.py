"""For programs: the JSON report, version 1, and its schema. Keys may be added to it; none is renamed or removed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct

from harness.harmless import printed_json
from harness.model import (
    ArtifactInfo,
    Completed,
    Crashed,
    Finding,
    NotApplicable,
    Report,
    Result,
    Skipped,
    Waived,
)
from harness.reporters.text import encodable, map_text

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA: Final = "lambda-artifact/report/v1"

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Amount: TypeAlias = Annotated[float, Meta(ge=0)]


class Harness(Struct, frozen=True):
    """The program that made the report."""

    version: str


class Target(Struct, frozen=True):
    """What the artifact is built for."""

    runtime: str
    architecture: str


class Engine(Struct, frozen=True):
    """What ran the handlers, and what it cannot vouch for."""

    name: str
    image: str | None
    digest: str | None
    python: str | None
    caveats: tuple[str, ...]
    sandbox: Annotated[str | None, Meta(description="What the handlers were shut in; null where none was started.")]


class Artifact(Struct, frozen=True):
    """One archive or folder."""

    role: str
    source: str
    sha256: str
    code_sha256: Annotated[str | None, Meta(description="As Lambda prints it, in base64; null for a folder.")]
    zipped_bytes: Annotated[Count | None, Meta(description="Null for a folder.")]
    unzipped_bytes: Count
    files: Count


class Function(Struct, frozen=True):
    """One function, and what its start cost; null where it was not started or did not get that far."""

    name: str
    handler: str
    init_seconds: Annotated[Amount | None, Meta(description="Wall time.")]
    max_rss_mb: Amount | None
    init_cpu_seconds: Annotated[Amount | None, Meta(description="Processor time, by which init is judged.")]


class ReportedFinding(Struct, frozen=True):
    """One thing that is wrong."""

    severity: Literal["error", "warning"]
    message: str
    where: str
    chain: Annotated[tuple[str, ...] | None, Meta(description="The imports that led there, the handler's own first.")]
    cause: str | None
    remedy: str | None
    waived: Annotated[str | None, Meta(description="Why the manifest accepts it; null: it counts.")]


class CheckResult(Struct, frozen=True):
    """What one check said of one function."""

    check: str
    title: str
    function: Annotated[str | None, Meta(description="Null for a check on the artifact as a whole.")]
    outcome: Literal["completed", "not-applicable", "skipped", "crashed"]
    seconds: Amount
    findings: tuple[ReportedFinding, ...]
    reason: Annotated[str | None, Meta(description="Why it did not complete; null where it did.")]
    traceback: Annotated[str | None, Meta(description="Of a crash.")]
    notes: Annotated[tuple[str, ...], Meta(description="What is worth knowing and not wrong.")]


class Part(Struct, frozen=True):
    """How long a part of the work took. What was done side by side is counted each time."""

    name: str
    seconds: Amount
    parent: Annotated[str | None, Meta(description="The part that it is a part of; null: of the whole.")]


class ReportV1(Struct, frozen=True):
    """One verification of a Lambda artifact."""

    schema: Literal["lambda-artifact/report/v1"]
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: Literal[0, 1, 3]
    harness: Harness
    target: Target
    engine: Engine
    artifacts: tuple[Artifact, ...]
    functions: tuple[Function, ...]
    results: tuple[CheckResult, ...]
    seconds: Amount
    strict: Annotated[bool, Meta(description="Whether a warning fails the verification, too.")]
    static: Annotated[bool, Meta(description="Whether the handlers were deliberately not started.")]
    notes: tuple[str, ...]
    timings: Annotated[
        tuple[Part, ...], Meta(description="Where the time went, beside the seconds of results and functions.")
    ]


def render(report: Report) -> str:
    """Renders a report as JSON.

    Args:
        report: What to render.

    Returns:
        An indented document of the published schema, in UTF-8's reach.
    """
    return json_text(_report(map_text(report, encodable)))


def schema() -> str:
    """The JSON Schema (draft 2020-12) of the report, as it is published."""
    generated = msgspec.json.schema(ReportV1)
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **generated}
    return json_text(described)


def json_text(value: object) -> str:
    """An indented JSON document of a value, harmless in a log."""
    return printed_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()) + "\n"


def _report(report: Report) -> ReportV1:
    engine = report.engine
    return ReportV1(
        schema=SCHEMA,
        verdict=report.verdict.value,
        exit_code=cast("Literal[0, 1, 3]", int(report.exit_code)),
        harness=Harness(report.version),
        target=Target(report.runtime, report.architecture),
        engine=Engine(engine.name, engine.image, engine.digest, engine.python, engine.caveats, engine.sandbox),
        artifacts=tuple(artifact(one) for one in report.artifacts),
        functions=tuple(
            Function(
                info.name,
                info.handler,
                measured(info.init_seconds, 3),
                measured(info.max_rss_mb, 1),
                measured(info.init_cpu_seconds, 3),
            )
            for info in report.functions
        ),
        results=tuple(check_result(result) for result in report.results),
        seconds=measured(report.seconds, 3) or 0.0,
        strict=report.strict,
        static=report.static,
        notes=report.notes,
        timings=tuple(Part(one.name, measured(one.seconds, 3) or 0.0, one.parent) for one in report.timings),
    )


def artifact(info: ArtifactInfo) -> Artifact:
    """One archive, as it is published."""
    return Artifact(
        role=info.role,
        source=info.source,
        sha256=info.sha256,
        code_sha256=info.code_sha256,
        zipped_bytes=info.zipped_bytes,
        unzipped_bytes=info.unzipped_bytes,
        files=info.files,
    )


def check_result(result: Result) -> CheckResult:
    """What one check said, as it is published."""
    kind: Literal["completed", "not-applicable", "skipped", "crashed"]
    findings: tuple[ReportedFinding, ...] = ()
    reason: str | None = None
    traceback: str | None = None
    match result.outcome:
        case Completed(found, waived):
            kind, findings = "completed", _findings(found, waived)
        case NotApplicable(reason):
            kind = "not-applicable"
        case Skipped(reason, found, waived):
            kind, findings = "skipped", _findings(found, waived)
        case Crashed(reason, traceback):
            kind = "crashed"
    return CheckResult(
        check=result.check,
        title=result.title,
        function=result.function,
        outcome=kind,
        seconds=measured(result.seconds, 3) or 0.0,
        findings=findings,
        reason=reason,
        traceback=traceback,
        notes=tuple(note.text for note in result.outcome.notes) if isinstance(result.outcome, Completed) else (),
    )


def _findings(found: Sequence[Finding], waived: Sequence[Waived]) -> tuple[ReportedFinding, ...]:
    return (
        *(finding(one, None) for one in found),
        *(finding(accepted.finding, accepted.reason) for accepted in waived),
    )


def finding(found: Finding, waived: str | None) -> ReportedFinding:
    """One finding, as it is published; with the reason why it is accepted, where it is."""
    return ReportedFinding(
        severity=found.severity.value,
        message=found.message,
        where=found.where,
        chain=found.chain or None,
        cause=found.cause,
        remedy=found.remedy,
        waived=waived,
    )


def measured(number: float | None, digits: int) -> float | None:
    """A figure as it is published: what is not a finite number is unknown, for JSON has no word for it."""
    return round(number, digits) if number is not None and math.isfinite(number) else None
