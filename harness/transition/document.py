"""A transition as people read it: which order is safe, what each function does on the way, what fails and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness.model import Severity
from harness.reporters import text
from harness.reporters.document import Document, Fact, NotDone, Table, problem_texts
from harness.transition.advice import first, steps, stepwise, verdict
from harness.transition.values import REPORTED, Kind, Order, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.transition.values import Group, Seen, Transition, Way

COLUMNS: Final = ("function", "changes", "before", "code first", "configuration first", "after", "safe order")


def document(transition: Transition) -> Document:
    """The whole report."""
    sides = (("from", transition.before), ("to", transition.after))
    return Document(
        subject="transition",
        verdict=transition.verdict,
        summary=_summary(transition),
        problems=tuple(problem_texts((str(one.state), one.function, one.finding) for one in transition.judged)),
        facts=tuple(_facts(transition)),
        archives=tuple((label, archive) for label, side in sides for archive in side.artifacts),
        table=Table(COLUMNS, tuple(rows(transition))),
        not_done=tuple(_not_done(transition)),
    )


def _summary(transition: Transition) -> str:
    """The order, and the counts that it rests on, in one line."""
    severities = [one.finding.severity for one in transition.judged]
    counts = (
        text.count(len(transition.ways), "function", "functions"),
        text.count(severities.count(Severity.ERROR), "error", "errors"),
        text.count(severities.count(Severity.WARNING), "warning", "warnings"),
        text.count(len(transition.undone), "not done"),
    )
    static = "; no handler was started: imports were looked up" if transition.static else ""
    return f"{verdict(transition)}: {', '.join(filter(None, counts))}{static}"


def _facts(transition: Transition) -> Iterator[Fact]:
    yield from (Fact(label, words) for label, words in steps(transition))
    for label, side in (("from", transition.before), ("to", transition.after)):
        yield Fact(label, ", ".join(f"{one.source} {one.sha256[:12]}" for one in side.artifacts))
    for ran in transition.ran:
        yield Fact("on", text.runs_on(ran.runtime, ran.architecture, ran.engine))
    caveats = dict.fromkeys(caveat for ran in transition.ran for caveat in ran.engine.caveats)
    yield Fact(
        "not vouched", "; ".join(caveats), "; ".join(text.shortened(one, "--format markdown") for one in caveats)
    )
    yield from (Fact("note", note) for note in transition.notes)


def _not_done(transition: Transition) -> Iterator[NotDone]:
    """What could not be observed: each reason, and for which states and functions."""
    for reason, places in text.gather((one.reason, (one.state, one.function)) for one in transition.undone).items():
        ordered = sorted(places, key=lambda place: REPORTED.index(place[0]))
        yield NotDone(text.subjects((str(state), name) for state, name in ordered), reason)


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
    own = stepwise(group.safe)
    return first(own).removesuffix(" order") if own else "unknown" if group.unknown else "at once"
