"""The JSON report, version 1, as it is published. Keys may be added to it; none is renamed or removed."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

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
        Meta(description="Of paths, bytes and permissions, without a signature of AWS Signer; null: not read."),
    ]


class Source(Struct, frozen=True):
    """A place in the repository."""

    file: Annotated[str, Meta(description="Relative to the folder of the manifest.")]
    line: Annotated[int, Meta(ge=1)] | None


class ReportedAwsCall(Struct, frozen=True):
    """An operation of the emulated AWS that a function called."""

    service: Annotated[str, Meta(description="As requests are signed for: s3.")]
    operation: str
    event: Annotated[str | None, Meta(description="Null: at init, or by a client that does not say.")]


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
    caveats: Annotated[tuple[str, ...], Meta(description="What its declaration leaves to the deploy.")]
    archives: Annotated[
        tuple[str, ...], Meta(description="SHA-256 of its code and layers, in Lambda's order; empty: one is not here.")
    ]
    aws_calls: Annotated[
        tuple[ReportedAwsCall, ...] | None,
        Meta(description="Each once for each event; null: it was not started with an emulated AWS."),
    ] = None


class UncoveredFunction(Struct, frozen=True):
    """A function that a template declares and that was not verified."""

    name: str
    reason: str
    declared_at: Source
    undone: Annotated[bool, Meta(description="Whether it should have been; then the run is incomplete.")]


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


class FromVerdictCache(Struct, frozen=True):
    """What an earlier run of the same in every respect has found, so that it was not made again."""

    functions: Annotated[Count, Meta(description="Whose verdicts they are.")]
    verified_at: Annotated[str, Meta(description="When they were made, in UTC, as RFC 3339 has it.")]


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
    uncovered: Annotated[tuple[UncoveredFunction, ...], Meta(description="Functions of the template without results.")]
    verified_at: Annotated[str, Meta(description="When it ended, in UTC, as RFC 3339 has it.")]
    configuration_sha256: Annotated[str, Meta(description="Of what was asked for: all that the manifest declares.")]
    policy_sha256: Annotated[str, Meta(description="Of what it was held against: this release, and Lambda's limits.")]
    timings: Annotated[
        tuple[Part, ...], Meta(description="Where the time went, beside the seconds of results and functions.")
    ]
    from_verdict_cache: Annotated[FromVerdictCache | None, Meta(description="Null: this run made the report.")]
