"""What the reports of a transition share: the order in words, a row for each function, findings as groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Severity
from harness.reporters import text
from harness.transition.order import CALLS, OTHER
from harness.transition.values import LOOKED_AT, STEPWISE, Kind, Order, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.transition.values import Group, Seen, Transition, Way

COLUMNS = ("function", "changes", "before", "code first", "configuration first", "after", "safe order")
_SHOWN = 10


def headline(transition: Transition) -> str:
    """The verdict, the order, and the counts it rests on, in one line."""
    severities = [one.finding.severity for one in transition.judged]
    counts = (
        text.count(len(transition.ways), "function", "functions"),
        text.count(severities.count(Severity.ERROR), "error", "errors"),
        text.count(severities.count(Severity.WARNING), "warning", "warnings"),
        text.count(len(transition.undone), "not looked at", "not looked at"),
    )
    static = "; no handler was started: imports were looked up" if transition.static else ""
    counted = ", ".join(filter(None, counts))
    return f"{transition.verdict.upper()}: {verdict(transition)}: {counted} in {transition.seconds:.1f} s{static}"


def verdict(transition: Transition) -> str:
    """What was found, in a few words."""
    errors = _failing(transition)
    if State.AFTER in errors:
        return "what is to be live does not work"
    if State.BEFORE in errors:
        return "what is live does not start, and is no way back"
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
        return f"what will be live {does}, and replaces what does not"
    do = "find what they import" if transition.static else "work"
    return f"both ends {do}, and nothing is between them"


def _changed(transition: Transition) -> list[Way]:
    return [way for way in transition.ways if way.kind is Kind.CHANGED]


def _failing(transition: Transition) -> set[State]:
    return {one.state for one in transition.judged if one.finding.severity is Severity.ERROR}


def advice(transition: Transition) -> str:
    """Which order is safe."""
    if not transition.groups:
        return "nothing is updated"
    if not all(group.safe for group in transition.groups):
        return "what is to be live does not work"
    if call := _one_call(transition.ways):
        return f"{call} alone is called, and nothing is mixed"
    if all(way.works(State.BEFORE) is False for way in _changed(transition)):
        return "what is live does not work, so no order makes it worse"
    return _orders(transition)


def _orders(transition: Transition) -> str:
    if orders := _stepwise(transition.safe):
        return f"{_first(orders)} is safe"
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
                    f"{_names(without)}: `deployed-as` names no alias; who calls the function without one gets what "
                    "stands between the two calls, which was not looked at"
                ),
            )
        return
    if _one_call(transition.ways):
        return
    if orders := _stepwise(transition.safe):
        chosen = transition.order if transition.order in orders else orders[-1]
        yield "order", f"{_first(orders)}: {CALLS[chosen]}"
        yield "back", _back(transition, f"the same way in reverse: {_first([OTHER[one] for one in orders])}")
        return
    for group in transition.groups:
        own = _stepwise(group.safe)
        if own or not group.unknown:
            yield "order", f"{_names(group.functions)}: {_first(own) if own else CALLS[Order.ATOMIC]}"
    if any(map(_stuck, transition.groups)):
        yield "back", _back(transition, "`update-alias` to the version before")


def _back(transition: Transition, way_back: str) -> str:
    """The way back, as far as what is live works."""
    changed = _changed(transition)
    broken = [way.name for way in changed if way.works(State.BEFORE) is False]
    unknown = [way.name for way in changed if way.works(State.BEFORE) is None]
    if broken:
        return f"none for {_names(broken)}: what is live does not work; go back to an older version that does"
    if unknown:
        return f"not known for {_names(unknown)}: what is live could not be looked at"
    return way_back


def _stepwise(orders: Sequence[Order]) -> list[Order]:
    return [order for order in STEPWISE if order in orders]


def _stuck(group: Group) -> bool:
    return not group.unknown and not _stepwise(group.safe)


def _first(orders: Sequence[Order]) -> str:
    return "either order" if len(orders) > 1 else orders[0].words


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def rows(transition: Transition) -> Iterator[tuple[str, ...]]:
    """One row for each function."""
    of = {name: group for group in transition.groups for name in group.functions}
    for way in transition.ways:
        cells = (_cell(way.at(state)) for state in State)
        yield way.name, changed(way), *cells, _safe(way, of.get(way.name), transition.order)


def changed(way: Way) -> str:
    """What of a function changes."""
    return ", ".join(change.what for change in way.changes) if way.kind is Kind.CHANGED else str(way.kind)


def _cell(seen: Seen | None) -> str:
    if seen is None:
        return "-"
    if seen.same_as:
        return f"as {seen.same_as.value.replace('-', ' ')}"
    return {True: "works", False: "fails", None: "unknown"}[seen.works]


def _safe(way: Way, group: Group | None, order: Order | None) -> str:
    """What the order means for one function."""
    if way.kind is Kind.NEW:
        return "one call" if way.works(State.AFTER) else "-"
    if group is None or not group.safe:
        return "-"
    if order is Order.ATOMIC:
        known = way.works(State.AFTER) is not None
        return (f"at once, alias {way.alias}" if way.alias else "at once, by an alias") if known else "unknown"
    if way.works(State.BEFORE) is False:
        return "-"
    if len(way.calls) == 1:
        return "one call"
    own = _stepwise(group.safe)
    return _first(own).removesuffix(" order") if own else "unknown" if group.unknown else "at once"


def findings(transition: Transition) -> tuple[text.Group, ...]:
    """The findings, equal ones of several functions once, and long explanations once."""
    found = text.gather(((one.state, one.finding), one.function) for one in transition.judged)
    return text.without_repeats(
        tuple(text.Group(str(state), finding, tuple(names)) for (state, finding), names in found.items())
    )


def undone(transition: Transition) -> dict[str, str]:
    """What was not looked at: each reason, and where it holds."""
    found = text.gather((one.reason, (one.state, one.function)) for one in transition.undone)
    ordered = {reason: sorted(places, key=lambda place: LOOKED_AT.index(place[0])) for reason, places in found.items()}
    return {reason: text.subjects((str(state), name) for state, name in places) for reason, places in ordered.items()}


def platforms(transition: Transition) -> tuple[str, ...]:
    """What the handlers ran on, and what that cannot vouch for."""
    return tuple(text.runs_on(ran.runtime, ran.architecture, ran.engine) for ran in transition.ran)
