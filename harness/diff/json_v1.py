"""For programs: the report of a comparison, version 1. Keys may be added; none is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from harness.reporters.json_v1 import artifact, measured
from harness.reporters.schema_v1 import Amount, Artifact, Count, Harness

if TYPE_CHECKING:
    from harness.diff.values import Diff, Found, FunctionChange, Side

T = TypeVar("T", bound=Struct)

SCHEMA: Final = "lambda-artifact/diff/v1"


class ReportedSide(Struct, frozen=True):
    """One side."""

    name: str
    artifacts: tuple[Artifact, ...]


class ReportedPackage(Struct, frozen=True):
    """A distribution that differs."""

    kind: Annotated[
        Literal["new", "up", "down", "changed", "gone"],
        Meta(description="Changed: the same version, with other modules."),
    ]
    name: str
    before: Annotated[tuple[str, ...], Meta(description="Its versions; several where functions have their own.")]
    after: tuple[str, ...]
    asked_by: Annotated[tuple[str, ...], Meta(description="Requirements of the project, and distributions.")]
    direct: Annotated[bool, Meta(description="Whether the project itself asks for it.")]


class ReportedFile(Struct, frozen=True):
    """An own file that differs in its content."""

    kind: Literal["new", "changed", "gone"]
    path: str
    functions: Annotated[tuple[str, ...], Meta(description="Empty: all that have the file.")]


class ReportedModule(Struct, frozen=True):
    """A module outside the own code that handlers newly reach."""

    name: str
    of: Annotated[str, Meta(description="Its distribution and version; empty: not known.")]
    by: Annotated[str, Meta(description="The own module that leads there.")]


class ReportedVariable(Struct, frozen=True):
    """An environment variable that own code reads and that functions do not set."""

    name: str
    required: Annotated[bool, Meta(description="Whether nothing takes its place where it is not set.")]
    raises: Annotated[bool, Meta(description="Whether reading it fails where it is not set.")]
    where: str
    unset: Annotated[tuple[str, ...], Meta(description="The functions.")]


class ReportedPermission(Struct, frozen=True):
    """Whether the role of a function grants an action, on any resource."""

    action: str
    function: str
    granted: Annotated[bool | None, Meta(description="Null: the template does not tell.")]
    why: Annotated[str, Meta(description="The same in words, with the role's place.")]


class ReportedCall(Struct, frozen=True):
    """An operation of AWS that own code newly calls."""

    service: str
    operation: str
    actions: Annotated[tuple[str, ...], Meta(description="The IAM actions that it needs, as far as that is known.")]
    where: str
    functions: Annotated[tuple[str, ...], Meta(description="Those for which it is new.")]
    permissions: Annotated[
        tuple[ReportedPermission, ...],
        Meta(description="Of those functions whose role a template declares, or should; they are no findings."),
    ]


class Bytes(Struct, frozen=True):
    """A size on both sides."""

    before: Count | None
    after: Count | None


class Measure(Struct, frozen=True):
    """A measurement on both sides; null where it was not made."""

    before: Amount | None
    after: Amount | None
    differs: Annotated[bool, Meta(description="By more than two measurements of the same.")]


class ReportedFunction(Struct, frozen=True):
    """The sizes of one function and the cost of its start."""

    name: str
    kind: Literal["new", "gone"] | None
    zipped_bytes: Bytes
    unzipped_bytes: Bytes
    init_cpu_seconds: Measure
    max_rss_mb: Measure


class DiffFinding(Struct, frozen=True):
    """A finding of one side."""

    check: str
    function: str | None
    severity: Literal["error", "warning"]
    message: str
    where: str
    fingerprint: Annotated[str, Meta(description="As the report of verify has it.")]


class DiffV1(Struct, frozen=True):
    """What a release changes."""

    schema: Literal["lambda-artifact/diff/v1"]
    exit_code: Annotated[Literal[0, 1, 3], Meta(description="Of the command: 0 is no verdict on the release.")]
    harness: Harness
    before: ReportedSide
    after: ReportedSide
    compared: Annotated[bool, Meta(description="Whether contents were compared: a report of verify has none.")]
    distributions: tuple[ReportedPackage, ...]
    files: tuple[ReportedFile, ...]
    modules: tuple[ReportedModule, ...]
    variables: tuple[ReportedVariable, ...]
    aws_calls: tuple[ReportedCall, ...]
    emulated_aws_calls: Annotated[
        tuple[ReportedCall, ...],
        Meta(description="What functions newly called of the emulated AWS; where: the event."),
    ]
    functions: tuple[ReportedFunction, ...]
    new_findings: tuple[DiffFinding, ...]
    gone_findings: tuple[DiffFinding, ...]
    undone: Annotated[tuple[str, ...], Meta(description="What could not be done.")]
    notes: tuple[str, ...]
    seconds: Amount


def data(diff: Diff) -> DiffV1:
    """A comparison as it is published."""
    return DiffV1(
        schema=SCHEMA,
        exit_code=cast("Literal[0, 1, 3]", int(diff.exit_code)),
        harness=Harness(diff.version),
        before=_side(diff.before),
        after=_side(diff.after),
        compared=diff.compared,
        distributions=_same(diff.packages, ReportedPackage),
        files=_same(diff.files, ReportedFile),
        modules=_same(diff.modules, ReportedModule),
        variables=_same(diff.variables, ReportedVariable),
        aws_calls=_same(diff.calls, ReportedCall),
        emulated_aws_calls=_same(diff.called, ReportedCall),
        functions=tuple(map(_function, diff.functions)),
        new_findings=tuple(map(_finding, diff.new)),
        gone_findings=tuple(map(_finding, diff.gone)),
        undone=diff.undone,
        notes=diff.notes,
        seconds=measured(diff.seconds, 3) or 0.0,
    )


def _same(several: tuple[object, ...], kind: type[T]) -> tuple[T, ...]:
    return tuple(msgspec.convert(one, kind, from_attributes=True) for one in several)


def _side(side: Side) -> ReportedSide:
    return ReportedSide(side.name, tuple(map(artifact, side.artifacts)))


def _function(one: FunctionChange) -> ReportedFunction:
    return ReportedFunction(
        one.name,
        cast("Literal['new', 'gone'] | None", one.kind and one.kind.value),
        Bytes(one.zipped.before, one.zipped.after),
        Bytes(one.unzipped.before, one.unzipped.after),
        Measure(measured(one.init.before, 3), measured(one.init.after, 3), one.init.differs),
        Measure(measured(one.memory.before, 1), measured(one.memory.after, 1), one.memory.differs),
    )


def _finding(one: Found) -> DiffFinding:
    return DiffFinding(one.check, one.function, one.severity.value, one.message, one.where, one.fingerprint)
