"""For programs: the report of a transition, version 1. Keys may be added; none is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, cast

from msgspec import Meta, Struct

from harness.diagnosis.fingerprints import fingerprint
from harness.reporters.json_v1 import artifact, finding, measured
from harness.reporters.schema_v1 import Amount, Artifact, Count, Engine, Harness, ReportedFinding
from harness.transition.advice import advice

if TYPE_CHECKING:
    from harness.transition.values import Group, Seen, Side, Transition, Way

SCHEMA: Final = "lambda-artifact/transition/v1"

StateName: TypeAlias = Literal["before", "code-first", "configuration-first", "after"]
OrderName: TypeAlias = Literal["code-first", "configuration-first", "atomic"]


class ReportedSide(Struct, frozen=True):
    """The deployed version, or the new one."""

    runtime: str
    architecture: str
    artifacts: tuple[Artifact, ...]


class ReportedEngine(Engine, frozen=True):
    """What ran the handlers of one runtime."""

    runtime: str
    architecture: str


class ReportedChange(Struct, frozen=True):
    """One thing that differs."""

    what: Literal["code", "architecture", "layers", "handler", "runtime", "memory", "timeout", "environment"]
    before: str
    after: Annotated[str, Meta(description="Of the environment, the names of the variables that differ, never values.")]


class ReportedState(Struct, frozen=True):
    """What a function did with one code and one configuration."""

    state: StateName
    outcome: Literal["works", "fails", "unknown"]
    same_as: Annotated[
        StateName | None, Meta(description="The state that it is no other than, since nothing is mixed in it.")
    ]
    findings: Annotated[
        tuple[ReportedFinding, ...],
        Meta(description="With the severity that they have on this way; empty where same_as has them."),
    ]
    reason: Annotated[str | None, Meta(description="Why it is not known, or not all of it.")]
    init_seconds: Amount | None
    events_answered: Count


class ReportedFunction(Struct, frozen=True):
    """One function on its way."""

    name: str
    kind: Literal["changed", "unchanged", "new", "removed"]
    changes: tuple[ReportedChange, ...]
    states: tuple[ReportedState, ...]


class ReportedGroup(Struct, frozen=True):
    """Functions that are updated together, because they share an archive that changes."""

    functions: tuple[str, ...]
    safe: tuple[OrderName, ...]
    unknown: tuple[OrderName, ...]


class ReportedOrder(Struct, frozen=True):
    """The orders in which the two calls can be made."""

    declared: OrderName | None
    safe: Annotated[tuple[OrderName, ...], Meta(description="Safe for every function.")]
    advice: str


class TransitionV1(Struct, frozen=True, rename={"from_": "from"}):
    """One transition from the deployed version to the new one."""

    schema: Literal["lambda-artifact/transition/v1"]
    verdict: Literal["pass", "fail", "incomplete"]
    exit_code: Literal[0, 1, 3]
    harness: Harness
    from_: ReportedSide
    to: ReportedSide
    engines: tuple[ReportedEngine, ...]
    order: ReportedOrder
    groups: tuple[ReportedGroup, ...]
    functions: tuple[ReportedFunction, ...]
    seconds: Amount
    static: Annotated[bool, Meta(description="Whether the handlers were deliberately not started.")]
    notes: tuple[str, ...]


def data(transition: Transition) -> TransitionV1:
    """A transition as it is published."""
    return TransitionV1(
        schema=SCHEMA,
        verdict=transition.verdict.value,
        exit_code=cast("Literal[0, 1, 3]", int(transition.exit_code)),
        harness=Harness(transition.version),
        from_=_side(transition.before),
        to=_side(transition.after),
        engines=tuple(
            ReportedEngine(
                **{field: getattr(ran.engine, field) for field in Engine.__struct_fields__},
                runtime=ran.runtime,
                architecture=ran.architecture,
            )
            for ran in transition.ran
        ),
        order=ReportedOrder(
            transition.order.value if transition.order else None,
            tuple(order.value for order in transition.safe),
            advice(transition),
        ),
        groups=tuple(_group(group) for group in transition.groups),
        functions=tuple(_function(transition, way) for way in transition.ways),
        seconds=measured(transition.seconds, 3) or 0.0,
        static=transition.static,
        notes=transition.notes,
    )


def _side(side: Side) -> ReportedSide:
    return ReportedSide(side.runtime, side.architecture, tuple(artifact(one) for one in side.artifacts))


def _group(group: Group) -> ReportedGroup:
    return ReportedGroup(
        group.functions, tuple(order.value for order in group.safe), tuple(order.value for order in group.unknown)
    )


def _function(transition: Transition, way: Way) -> ReportedFunction:
    return ReportedFunction(
        way.name,
        way.kind.value,
        tuple(
            ReportedChange(cast("Literal['code']", change.what), change.before, change.after) for change in way.changes
        ),
        tuple(_state(transition, way, seen) for seen in way.seen),
    )


def _state(transition: Transition, way: Way, seen: Seen) -> ReportedState:
    judged = [one.finding for one in transition.judged if (one.function, one.state) == (way.name, seen.state)]
    outcomes: dict[bool | None, Literal["works", "fails", "unknown"]] = {True: "works", False: "fails"}
    return ReportedState(
        state=seen.state.value,
        outcome=outcomes.get(seen.works, "unknown"),
        same_as=seen.same_as.value if seen.same_as else None,
        findings=tuple(finding(one, None, fingerprint(seen.state.value, way.name, one)) for one in judged),
        reason=seen.undone,
        init_seconds=measured(seen.init_seconds, 3),
        events_answered=seen.events,
    )
