"""What the reports for people share: the table of functions, and who was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness.preflight.rule import listed
from harness.reporters import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.preflight.deployment import Change, Preflight, Row

COLUMNS: Final = ("function", "in the account", "code", "layers", "else")
SAME: Final = "same"
UNKNOWN: Final = "not known"
_MOST_ROWS: Final = 30


def rows(preflight: Preflight) -> tuple[tuple[str, ...], ...]:
    """The table, live → new; of many functions, those are one row of which the same is to be said."""
    cells = [(row, _cells(row)) for row in preflight.rows]
    if len(cells) <= _MOST_ROWS:
        return tuple((row.name, *said) for row, said in cells)
    gathered = text.gather(((said[1:], said[0].partition(" (")[2]), row) for row, said in cells)
    table = []
    for (said, _), of in gathered.items():
        first = _cells(of[0])[0] if len(of) == 1 else f"{len(of):,} functions"
        table.append((listed([row.name for row in of], 3), first, *said))
    return tuple(table)


def _cells(row: Row) -> tuple[str, ...]:
    if row.changes is None:
        state = UNKNOWN if row.exists or row.alone else "new"
        return (f"{row.called} ({'not known' if row.exists else 'not there'})", state, state, "")
    version = [f"version {row.version}"] if row.version != "$LATEST" else []
    shares = [f"{part:.0%} version {number}" for number, part in row.shares]
    called = f"{row.called} ({', '.join([*version, *shares])})" if version or shares else row.called
    changes = text.gather((change.what, change) for change in row.changes)
    code, layers = changes.pop("code", []), changes.pop("layers", [])
    others = "; ".join(f"{what} {_arrow(each)}" for what, each in changes.items())
    return (called, _arrow(code), _arrow(layers), others or SAME)


def _arrow(changes: Sequence[Change]) -> str:
    """What changes, live → new; several where an alias has several versions."""
    gathered = text.gather((change.new, change.live) for change in changes)
    return "; ".join(f"{', '.join(live)} → {new}" for new, live in gathered.items()) or SAME


def unchanged(preflight: Preflight) -> bool:
    """Whether the deployment would change nothing at all."""
    return bool(preflight.rows) and all(row.changes == () for row in preflight.rows)


def headline(preflight: Preflight) -> str:
    """The verdict, where it holds, and what it rests on."""
    verdict, colon, rest = text.headline(preflight.report).partition(":")
    place = f" in {', '.join(preflight.regions)}" if preflight.regions else ""
    return f"{verdict}{place}{colon}{rest}{'; the deployment would change nothing' if unchanged(preflight) else ''}"


def where(preflight: Preflight) -> str:
    """Who was asked, and about what."""
    there = sum(row.arn is not None for row in preflight.rows)
    unknown = sum(row.arn is None and row.exists for row in preflight.rows)
    account = f"account {preflight.account}" if preflight.account else "an account that is not known"
    more = f"; {unknown:,} could not be asked for" if unknown else ""
    place = ", ".join((account, *preflight.regions))
    return f"{place}: {there:,} of {len(preflight.rows):,} functions{more}"


def tail(preflight: Preflight) -> Iterator[tuple[str, str]]:
    """What else is worth knowing, with labels."""
    for room in preflight.storage:
        share = 100 * room.used / room.limit if room.limit else 100
        yield "storage", f"{text.size(room.used)} of {text.size(room.limit)} ({share:.0f} %) in {room.region}"
    if said := text.waived(preflight.report):
        yield "waived", said
    for note in (*_notes(preflight), *preflight.report.notes):
        yield "note", note


def _notes(preflight: Preflight) -> Iterator[str]:
    """The notes that people read, without the ids of their checks."""
    for note in text.limits(preflight.report):
        yield note.partition(": ")[2] or note
