"""Determine which order of updates is safe, and how severe each finding is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model import Severity
from harness.transition.causes import behind
from harness.transition.values import REPORTED, STEPWISE, Group, Judged, Kind, Order, State, Undone, Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.model import Finding

CALLS = {
    Order.CODE_FIRST: "`update-function-code`, `wait function-updated`, then `update-function-configuration`",
    Order.CONFIGURATION_FIRST: "`update-function-configuration`, `wait function-updated`, then `update-function-code`",
    Order.ATOMIC: "let callers go through an alias: make both calls on $LATEST, `publish-version`, then "
    "`update-alias` to that version",
}
OTHER = {Order.CODE_FIRST: Order.CONFIGURATION_FIRST, Order.CONFIGURATION_FIRST: Order.CODE_FIRST}
BRIDGE = (
    "or make it two deploys, the first with layers and settings that both the old and the new code work with, the "
    "second without what only the old code needs"
)


def groups(ways: Sequence[Way], shared: Mapping[str, frozenset[str]]) -> tuple[Group, ...]:
    """The functions that change, those together that share an archive which does.

    Args:
        ways: Every function.
        shared: The digests of the archives that change, by the function's name.
    """
    found: list[tuple[set[str], list[Way]]] = []
    for way in ways:
        if way.kind is not Kind.CHANGED:
            continue
        digests, members = set(shared.get(way.name, ())), [way]
        for known in [one for one in found if one[0] & digests]:
            found.remove(known)
            digests |= known[0]
            members = [*known[1], *members]
        found.append((digests, members))
    return tuple(_group([way for way in ways if way in members]) for _, members in found)


def _group(ways: Sequence[Way]) -> Group:
    names = tuple(way.name for way in ways)
    if any(way.works(State.AFTER) is False for way in ways):
        return Group(names, ())
    # What does not work before gets no worse on the way.
    judged = [way for way in ways if way.works(State.BEFORE) is not False]
    known = {order: [way.works(State(order.value)) for way in judged] for order in STEPWISE}
    return Group(
        functions=names,
        safe=(*(order for order, works in known.items() if all(works)), Order.ATOMIC),
        unknown=tuple(order for order, works in known.items() if None in works and False not in works),
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """What is wrong, as bad as it is in this transition.

    Attributes:
        order: What the user declares.
        rollback: Whether the deployed version must start.
    """

    order: Order | None
    rollback: bool = True

    def judged(self, way: Way, group: Group | None) -> Iterator[Judged]:
        """What is wrong with one function, the worst first: the goal, the way back, what is between."""
        for state in REPORTED:
            seen = way.at(state)
            if seen is None or seen.same_as:
                continue
            for finding in seen.findings:
                if state is State.AFTER:
                    yield Judged(state, way.name, finding)
                elif state is State.BEFORE:
                    yield Judged(state, way.name, self._back(finding, way))
                else:
                    yield Judged(state, way.name, self._between(finding, state, way, group))

    def _back(self, finding: Finding, way: Way) -> Finding:
        """The deployed version does not work, and so not after a rollback."""
        stood = "this is the deployed version, which a rollback brings back"
        cause = "\n".join(one for one in (stood, behind(way), finding.cause) if one)
        remedy = "make sure that --from… names the deployed version, and that there is an older one that starts"
        if self.rollback:
            remedy += "; if this deploy fixes it, pass --without-rollback"
        severity = Severity.ERROR if self.rollback else Severity.WARNING
        return replace(finding, severity=severity, cause=cause, remedy=remedy)

    def _between(self, finding: Finding, state: State, way: Way, group: Group | None) -> Finding:
        order = Order(state.value)
        return replace(finding, severity=self._severity(order, way, group), remedy=_remedy(OTHER[order], way, group))

    def _severity(self, order: Order, way: Way, group: Group | None) -> Severity:
        """An error is what the deploy runs into: by the order that is declared, or by any that there is."""
        if not way.ends or group is None or not group.safe:
            return Severity.WARNING
        if self.order is not None:
            return Severity.ERROR if self.order is order else Severity.WARNING
        stuck = not group.unknown and not any(one in STEPWISE for one in group.safe)
        return Severity.ERROR if stuck else Severity.WARNING

    def undone(self, way: Way, group: Group | None) -> Iterator[Undone]:
        """What was needed and could not be looked at."""
        for seen in way.seen:
            if seen.undone and not seen.same_as and self._needs(seen.state, group):
                yield Undone(seen.state, way.name, seen.undone)

    def _needs(self, state: State, group: Group | None) -> bool:
        if state.order is None:
            return self.rollback or state is State.AFTER
        if self.order is not None:
            return state.order is self.order
        return group is not None and state.order in group.unknown


def _remedy(other: Order, way: Way, group: Group | None) -> str:
    """What to do about a mixture that does not work, given the other order."""
    if group is None or not group.safe:
        return "correct the new version first: then see which order is safe"
    if other in group.safe:
        return f"update the {other.value.partition('-')[0]} first: {CALLS[other]}"
    if other in group.unknown:
        return f"check whether the other order is safe, which is not known here; else {CALLS[Order.ATOMIC]}"
    both = "; the new code can have the old handler's module for one more deploy"
    handler = both if any(change.what == "handler" for change in way.changes) else ""
    return f"switch at once: {CALLS[Order.ATOMIC]}; {BRIDGE}{handler}"
