"""For programs: the JSON report, version 1, and its schema. Keys may be added to it; none is renamed or removed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct

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
    content_sha256: Annotated[
        str | None,
        Meta(description="Of paths, bytes and what is executable, whatever their order and times; null: not read."),
    ]


class Source(Struct, frozen=True):
    """A place in the repository."""

    file: Annotated[str, Meta(description="Relative to the folder of the manifest.")]
    line: Annotated[int, Meta(ge=1)] | None


class Function(Struct, frozen=True):
    """One function, and what its start cost; null where it was not started or did not get that far."""

    name: str
    handler: str
    init_seconds: Annotated[Amount | None, Meta(description="Wall time.")]
    max_rss_mb: Amount | None
    init_cpu_seconds: Annotated[Amount | None, Meta(description="Processor time, by which init is judged.")]
    runtime: Annotated[str | None, Meta(description="What it is declared to run on; null: as the target.")]
    architecture: Annotated[str | None, Meta(description="Null: as the target.")]
    declared_at: Annotated[Source | None, Meta(description="Null: no file declares it.")]


class ReportedFinding(Struct, frozen=True):
    """One thing that is wrong."""

    severity: Literal["error", "warning"]
    message: str
    where: str
    chain: Annotated[tuple[str, ...] | None, Meta(description="The imports that led there, the handler's own first.")]
    cause: str | None
    remedy: str | None
    waived: Annotated[str | None, Meta(description="Why the manifest accepts it; null: it counts.")]
    fingerprint: Annotated[str, Meta(description="Stable over lines, paths of the machine, and order.")]
    source: Annotated[Source | None, Meta(description="The place in the repository; null: not known.")]


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


class ProblemEdit(Struct, frozen=True):
    """One change to make."""

    file: Annotated[str | None, Meta(description="Of the repository; null: not done in a file.")]
    line: Annotated[int, Meta(ge=1)] | None
    do: str


class ReportedProblem(Struct, frozen=True):
    """Findings with one cause, as one: the same edits mend them."""

    id: Annotated[str, Meta(description="Stable over lines, paths of the machine, and order.")]
    severity: Literal["error", "warning"]
    stage: Annotated[
        Literal["start", "event", "deploy", "never"],
        Meta(description="When it is noticed: handlers do not start, an event fails, AWS refuses it, or not for sure."),
    ]
    title: str
    functions: Annotated[tuple[str, ...], Meta(description="Those that it stops, or may stop where it is no error.")]
    not_affected: Annotated[tuple[str, ...], Meta(description="Those that it certainly leaves alone.")]
    cause: str | None
    edits: Annotated[tuple[ProblemEdit, ...], Meta(description="In order.")]
    findings: Annotated[
        tuple[tuple[Count, Count], ...],
        Meta(description="The index of a result and that of a finding in it; the first one tells most."),
    ]


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
    problems: Annotated[
        tuple[ReportedProblem, ...],
        Meta(description="The worst first; each finding that counts is in exactly one."),
    ]
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
                info.runtime,
                info.architecture,
                _source(info.declared_at),
            )
            for info in report.functions
        ),
        results=tuple(check_result(result, report.artifacts) for result in report.results),
        problems=tuple(_problem(one) for one in problems(report)),
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
        content_sha256=info.content_sha256,
    )


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
