"""Put into words which order of the two calls is safe, and how to get there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Severity
from harness.plain_text import few
from harness.transition.order import CALLS, OTHER
from harness.transition.values import STEPWISE, Kind, Order, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.transition.values import Group, Transition, Way

_SHOWN = 10


def verdict(transition: Transition) -> str:
    """What was found, in a few words."""
    errors = _failing(transition)
    if State.AFTER in errors:
        return "the new version does not work"
    if State.BEFORE in errors:
        return "the deployed version does not start, so there is no rollback"
    if transition.order is Order.ATOMIC:
        return _at_once(transition)
    if transition.order and not transition.undone:
        return f"{transition.order.words} is {'not ' if errors else ''}safe"
    return advice(transition)


def _at_once(transition: Transition) -> str:
    """What is known of a switch by an alias."""
    if transition.undone:
        return "not all of it is known"
    changed = _changed(transition)
    if not changed:
        return "nothing is updated"
    if any(way.works(State.BEFORE) is False for way in changed):
        does = "finds what it imports" if transition.static else "works"
        return f"the new version {does}, and replaces one that does not"
    do = "find what they import" if transition.static else "work"
    return f"both versions {do}, and no caller meets a mixture"


def _changed(transition: Transition) -> list[Way]:
    return [way for way in transition.ways if way.kind is Kind.CHANGED]


def _failing(transition: Transition) -> set[State]:
    return {one.state for one in transition.judged if one.finding.severity is Severity.ERROR}


def advice(transition: Transition) -> str:
    """Which order is safe."""
    if not transition.groups:
        return "nothing is updated"
    if not all(group.safe for group in transition.groups):
        return "the new version does not work"
    if call := _one_call(transition.ways):
        return f"{call} alone is called, and nothing is mixed"
    if all(way.works(State.BEFORE) is False for way in _changed(transition)):
        return "the deployed version does not work, so no order makes it worse"
    return _orders(transition)


def _orders(transition: Transition) -> str:
    if orders := stepwise(transition.safe):
        return f"{first(orders)} is safe"
    if stuck := [name for group in transition.groups if _stuck(group) for name in group.functions]:
        return f"no order of the two calls is safe for {_names(stuck)}"
    if any(group.unknown for group in transition.groups):
        return "which order is safe is not known"
    return "each group of functions has a safe order of its own"


def _one_call(ways: Sequence[Way]) -> str | None:
    """The call, where all functions take one and the same."""
    calls = {way.calls for way in ways if way.kind is Kind.CHANGED}
    return only[0] if len(calls) == 1 and len(only := calls.pop()) == 1 else None


def steps(transition: Transition) -> Iterator[tuple[str, str]]:
    """How to get there, and back: a label, and what to do."""
    if not transition.groups or not all(group.safe for group in transition.groups):
        return
    if transition.order is Order.ATOMIC:
        yield "order", f"at once: {CALLS[Order.ATOMIC]}"
        yield "back", _back(transition, "`update-alias` to the version before")
        if without := [way.name for way in _changed(transition) if way.alias is None]:
            yield (
                "note",
                (
                    f"{_names(without)}: `deployed-as` names no alias; callers without one get the state "
                    "between the two calls, which was not verified"
                ),
            )
        return
    if _one_call(transition.ways):
        return
    if orders := stepwise(transition.safe):
        chosen = transition.order if transition.order in orders else orders[-1]
        yield "order", f"{first(orders)}: {CALLS[chosen]}"
        yield "back", _back(transition, f"the same way in reverse: {first([OTHER[one] for one in orders])}")
        return
    for group in transition.groups:
        own = stepwise(group.safe)
        if own or not group.unknown:
            yield "order", f"{_names(group.functions)}: {first(own) if own else CALLS[Order.ATOMIC]}"
    if any(map(_stuck, transition.groups)):
        yield "back", _back(transition, "`update-alias` to the version before")


def _back(transition: Transition, way_back: str) -> str:
    """The way back, as far as the deployed version works."""
    changed = _changed(transition)
    broken = [way.name for way in changed if way.works(State.BEFORE) is False]
    unknown = [way.name for way in changed if way.works(State.BEFORE) is None]
    if broken:
        return f"none for {_names(broken)}: the deployed version does not work; go back to an older one that does"
    if unknown:
        return f"not known for {_names(unknown)}: the deployed version could not be observed"
    return way_back


def stepwise(orders: Sequence[Order]) -> list[Order]:
    """Those of the orders that have a state between the two calls."""
    return [order for order in STEPWISE if order in orders]


def _stuck(group: Group) -> bool:
    return not group.unknown and not stepwise(group.safe)


def first(orders: Sequence[Order]) -> str:
    """What to update first, in words."""
    return "either order" if len(orders) > 1 else orders[0].words


def _names(names: Sequence[str]) -> str:
    return few(names, _SHOWN)
