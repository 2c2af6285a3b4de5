"""A preflight as people read it: what the deployment would change, what stands in its way, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness.model import Severity, Skipped
from harness.preflight.rule import listed
from harness.reporters import text
from harness.reporters.document import Document, Fact, Table, problem_texts, skips

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.preflight.deployment import Change, Preflight, Row

COLUMNS: Final = ("function", "in the account", "code", "layers", "other")
SAME: Final = "same"
UNKNOWN: Final = "not known"
_MOST_ROWS: Final = 30


def document(preflight: Preflight) -> Document:
    """The whole report."""
    results = preflight.report.results
    return Document(
        subject="preflight",
        verdict=preflight.report.verdict,
        summary=_summary(preflight),
        problems=tuple(
            problem_texts((one.check, one.function, finding) for one in results for finding in one.findings)
        ),
        facts=tuple(_facts(preflight)),
        archives=tuple(("", one) for one in preflight.report.artifacts),
        table=Table(COLUMNS, rows(preflight)),
        not_done=tuple(skips(results)),
    )


def rows(preflight: Preflight) -> tuple[tuple[str, ...], ...]:
    """The table, deployed → new; many functions with the same changes share a row."""
    cells = [(row, _cells(row)) for row in preflight.rows]
    if len(cells) <= _MOST_ROWS:
        return tuple((row.name, *words) for row, words in cells)
    gathered = text.gather(((words[1:], words[0].partition(" (")[2]), row) for row, words in cells)
    table = []
    for (words, _), of in gathered.items():
        first = _cells(of[0])[0] if len(of) == 1 else f"{len(of):,} functions"
        table.append((listed([row.name for row in of], 3), first, *words))
    return tuple(table)


def _cells(row: Row) -> tuple[str, ...]:
    if row.changes is None:
        state = UNKNOWN if row.exists or row.alone else "new"
        return (f"{row.called} ({UNKNOWN if row.exists else 'not there'})", state, state, "")
    version = [f"version {row.version}"] if row.version != "$LATEST" else []
    shares = [f"{part:.0%} version {number}" for number, part in row.shares]
    called = f"{row.called} ({', '.join([*version, *shares])})" if version or shares else row.called
    changes = text.gather((change.what, change) for change in row.changes)
    code, layers = changes.pop("code", []), changes.pop("layers", [])
    others = "; ".join(f"{what} {_arrow(each)}" for what, each in changes.items())
    return (called, _arrow(code), _arrow(layers), others or SAME)


def _arrow(changes: Sequence[Change]) -> str:
    """What changes, deployed → new; several where an alias has several versions."""
    gathered = text.gather((change.new, change.live) for change in changes)
    return "; ".join(f"{', '.join(live)} → {new}" for new, live in gathered.items()) or SAME


def _summary(preflight: Preflight) -> str:
    report = preflight.report
    counts = (
        text.count(report.count(Severity.ERROR), "error", "errors"),
        text.count(report.count(Severity.WARNING), "warning", "warnings") + (" (--strict)" if report.strict else ""),
        text.count(sum(isinstance(one.outcome, Skipped) for one in report.results), "not done"),
        text.count(sum(map(text.is_passed, report.results)), "check passed", "checks passed"),
    )
    place = f"{', '.join(preflight.regions)}: " if preflight.regions else ""
    unchanged = preflight.rows and all(row.changes == () for row in preflight.rows)
    nothing = "; the deployment would change nothing" if unchanged else ""
    return f"{place}{', '.join(one for one in counts if one[:1].isdigit()) or 'nothing was checked'}{nothing}"


def _facts(preflight: Preflight) -> Iterator[Fact]:
    there = sum(row.arn is not None for row in preflight.rows)
    unknown = sum(row.arn is None and row.exists for row in preflight.rows)
    more = f"; {unknown:,} could not be asked for" if unknown else ""
    account = ", ".join((preflight.account or UNKNOWN, *preflight.regions))
    yield Fact("account", f"{account}: {there:,} of {len(preflight.rows):,} functions{more}")
    yield Fact("compared", ", ".join(f"{one.source} {one.sha256[:12]}" for one in preflight.report.artifacts))
    for room in preflight.storage:
        share = 100 * room.used / room.limit if room.limit else 100
        used = f"{text.size(room.used)} of {text.size(room.limit)} ({share:.0f} %) in {room.region}"
        yield Fact("storage", used)
    yield Fact("waived", text.waived(preflight.report))
    for note in text.limits(preflight.report):
        yield Fact("note", note.partition(": ")[2] or note)
    yield from (Fact("note", note) for note in preflight.report.notes)
