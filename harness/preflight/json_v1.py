"""For programs: the report of a preflight, version 1. Keys may be added; none is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, cast

from msgspec import Meta, Struct

from harness.reporters.json_v1 import artifact, check_result, measured
from harness.reporters.schema_v1 import Amount, Artifact, CheckResult, Count, Harness, Target

if TYPE_CHECKING:
    from harness.preflight.deployment import Preflight, Row

SCHEMA: Final = "lambda-artifact/preflight/v1"


class ReportedStorage(Struct, frozen=True):
    """The room for archives in one region."""

    region: str
    used_bytes: Count
    limit_bytes: Count


class ReportedAccount(Struct, frozen=True):
    """Who was asked."""

    id: Annotated[str | None, Meta(description="Null where none of the functions is there.")]
    regions: Annotated[tuple[str, ...], Meta(description="Those that were asked.")]
    code_storage: tuple[ReportedStorage, ...]


class ReportedChange(Struct, frozen=True):
    """One thing that the deployment would change."""

    what: Literal["code", "layers", "runtime", "architecture", "handler", "memory", "timeout", "variables"]
    live: str
    new: Annotated[str, Meta(description="Of variables, the names of those that are not set; never values.")]


class ReportedShare(Struct, frozen=True):
    """A version that gets a part of an alias's calls."""

    version: str
    part: Annotated[float, Meta(ge=0, le=1)]


class ReportedLive(Struct, frozen=True):
    """What the function's callers get now."""

    arn: str
    version: str
    code_sha256: str
    layers: Annotated[tuple[str, ...], Meta(description="ARNs, in their order.")]
    variables: Annotated[tuple[str, ...] | None, Meta(description="Names; null where Lambda does not tell them.")]
    variables_bytes: Annotated[Count | None, Meta(description="Of all together, as Lambda counts them.")]
    shares: Annotated[
        tuple[ReportedShare, ...],
        Meta(description="What else they get, where an alias sends a part of its calls to another version."),
    ]
    config_sha256: Annotated[
        str | None,
        Meta(description="Lambda's digest of the configuration; another one later means that somebody has changed it."),
    ]


class ReportedOther(Struct, frozen=True):
    """A function that is not in the manifest, and carries versions of its layers."""

    arn: str
    layers: Annotated[tuple[str, ...], Meta(description="ARNs of those versions.")]


class ReportedFunction(Struct, frozen=True):
    """One function, here and there."""

    name: str
    handler: str
    deployed_as: str
    live: Annotated[ReportedLive | None, Meta(description="Null where it is not there, or could not be asked for.")]
    exists: Annotated[bool | None, Meta(description="Null where that could not be asked.")]
    changes: Annotated[tuple[ReportedChange, ...] | None, Meta(description="Null where it is not there, or not known.")]


class PreflightV1(Struct, frozen=True):
    """The manifest compared with an account."""

    schema: Literal["lambda-artifact/preflight/v1"]
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: Literal[0, 1, 3]
    harness: Harness
    target: Target
    account: ReportedAccount
    artifacts: tuple[Artifact, ...]
    functions: tuple[ReportedFunction, ...]
    others: tuple[ReportedOther, ...]
    results: Annotated[tuple[CheckResult, ...], Meta(description="As in lambda-artifact/report/v1.")]
    seconds: Amount
    strict: Annotated[bool, Meta(description="Whether a warning fails, too.")]
    notes: tuple[str, ...]


def data(preflight: Preflight) -> PreflightV1:
    """A preflight as it is published."""
    report = preflight.report
    handlers = {info.name: info.handler for info in report.functions}
    return PreflightV1(
        schema=SCHEMA,
        verdict=report.verdict.value,
        exit_code=cast("Literal[0, 1, 3]", int(report.exit_code)),
        harness=Harness(report.version),
        target=Target(report.runtime, report.architecture),
        account=ReportedAccount(
            preflight.account,
            preflight.regions,
            tuple(ReportedStorage(room.region, room.used, room.limit) for room in preflight.storage),
        ),
        artifacts=tuple(artifact(one) for one in report.artifacts),
        functions=tuple(_function(row, handlers[row.name]) for row in preflight.rows),
        others=tuple(ReportedOther(one.arn, tuple(layer.arn for layer in one.layers)) for one in preflight.others),
        results=tuple(check_result(result, report.artifacts) for result in report.results),
        seconds=measured(report.seconds, 3) or 0.0,
        strict=report.strict,
        notes=report.notes,
    )


def _function(row: Row, handler: str) -> ReportedFunction:
    live = None
    if row.arn is not None:
        live = ReportedLive(
            row.arn,
            row.version or "",
            row.code_sha256 or "",
            row.layers,
            row.variables,
            row.variables_size,
            tuple(ReportedShare(version, part) for version, part in row.shares),
            row.config_sha256,
        )
    changes = None
    if row.changes is not None:
        changes = tuple(ReportedChange(cast("Literal['code']", one.what), one.live, one.new) for one in row.changes)
    return ReportedFunction(
        row.name, handler, row.called, live, (live is not None) or (None if row.exists else False), changes
    )
