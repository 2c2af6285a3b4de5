"""A comparison as people read it: on one screen, each list cut."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final, TypeVar

from harness.diff.contents import ordered
from harness.diff.values import Kind, Pair
from harness.model import Severity
from harness.plain_text import few
from harness.reporters import text
from harness.reporters.document import Document, Fact, NotDone, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from harness.diff.values import AwsCall, Diff, FileChange, Found, FunctionChange, PackageChange, Reached, Read, Side
    from harness.model import ArtifactInfo

K = TypeVar("K", "PackageChange", "FileChange")
N = TypeVar("N", int, float)

COLUMNS: Final = ("function", "zipped", "unpacked", "init CPU", "memory")
_BRIEF: Final = (16, 12, 8, 6, 4, 3, 2, 1)
"""How many of a list are shown: the first that fits one screen."""
_LONG: Final = 50
_SCREEN: Final = 37  # lines, with an empty one between the parts, and the prompt
_WIDE, _LABEL = 88, 12  # columns after the label, and its own
_MOST_ROWS: Final = 5
_NAMES: Final = 3
_LONGEST: Final = 160
_UNKNOWN, _SAME = "-", "as before"
_GRANTED: Final = (False, None, True)
_MOST_UNDONE: Final = 2
_ASKERS: Final = 2
_KINDS: Final = (Kind.NEW, Kind.UP, Kind.DOWN, Kind.CHANGED, Kind.GONE)


def document(diff: Diff) -> Document:
    """The whole report."""
    table, long = _table(diff), tuple(_lines(diff, _LONG))
    shown = diff.undone[:_MOST_UNDONE]
    more = (f"{len(diff.undone) - len(shown)} more, which the JSON report has",) if diff.undone[_MOST_UNDONE:] else ()
    not_done = tuple(NotDone("diff", reason) for reason in (*shown, *more))
    room = _SCREEN - _table_lines(table) - sum(2 + _lines_of(one.reason) for one in not_done)
    shorter = [tuple(_lines(diff, most)) for most in _BRIEF]
    brief = next((one for one in shorter if _height(one) <= room), shorter[-1])
    return Document(
        subject="diff",
        verdict=diff.verdict,
        summary=summary(diff),
        problems=(),
        facts=tuple(Fact(label, words, short) for (label, words), (_, short) in zip(long, brief, strict=True)),
        archives=tuple((label, archive) for label, side in _sides(diff) for archive in side.artifacts),
        table=table,
        judges=diff.judges,
        not_done=not_done,
    )


def summary(diff: Diff) -> str:
    """What differs, in numbers."""
    refused = {
        permission.action
        for one in (*diff.calls, *diff.called)
        for permission in one.permissions
        if permission.granted is False
    }
    errors = sum(one.severity is Severity.ERROR for one in diff.new)
    counts = (
        text.count(len(diff.packages), "distribution", "distributions"),
        text.count(len(diff.files), "own file", "own files"),
        text.count(len(diff.modules), "module newly reached", "modules newly reached"),
        text.count(len(diff.variables), "variable to set", "variables to set"),
        text.count(len(diff.calls), "new AWS call", "new AWS calls"),
        text.count(len(diff.called), "AWS call newly made", "AWS calls newly made"),
        text.count(len(refused), "IAM action not granted", "IAM actions not granted"),
        text.count(errors, "new error", "new errors"),
        text.count(len(diff.new) - errors, "new warning", "new warnings"),
        text.count(len(diff.gone), "finding gone", "findings gone"),
    )
    same = not any(one.differs for one in diff.functions)
    return ", ".join(filter(None, counts)) or ("nothing differs" if same else "sizes and costs alone differ")


def _height(lines: Iterable[tuple[str, str]]) -> int:
    """The lines of a terminal that labelled texts take."""
    return sum(_lines_of(line) for _, words in lines for line in words.split("\n"))


def _lines_of(line: str) -> int:
    return len(wrap(line, _WIDE, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))


def _table_lines(table: Table | None) -> int:
    """The same of a table, which has two lines a row where it is too wide."""
    if table is None:
        return 0
    columns = zip(table.columns, *table.rows, strict=True)
    wide = sum(2 + max(map(len, column)) for column in columns) > _WIDE + _LABEL
    return 2 + (1 + wide) * len(table.rows)


def _lines(diff: Diff, most: int) -> Iterator[tuple[str, str]]:
    """What differs, each list with its label.

    Args:
        diff: The comparison.
        most: How many of a list are shown, one a line; of those that share a line twice as many.
    """
    new = sorted(diff.new, key=lambda one: one.severity is not Severity.ERROR)
    packages = sorted(diff.packages, key=_weight)
    optional = [one.name for one in diff.variables if not one.required]
    texts = (
        ("findings", _cut(map(_finding, new), most)),
        ("resolved", _cut(map(_finding, diff.gone), most)),
        ("packages", _by_kind(packages, lambda kind, found: _cut((f"{kind}: {_package(one)}" for one in found), most))),
        ("own files", _by_kind(diff.files, lambda kind, found: f"{kind}: {_cut(map(_file, found), most * 2, ', ')}")),
        ("reached", _cut(_reached(diff.modules, most * 2), most)),
        ("variables", _cut((_variable(one) for one in diff.variables if one.required), most)),
        ("optional", _cut(optional, most * 2, ", ")),
        ("AWS calls", _cut(_calls(diff.calls, most), most)),
        ("called", _cut(_calls(diff.called, most), most)),
        ("IAM actions", _cut(_actions((*diff.calls, *diff.called), most * 2), most)),
        *((label, _cut(map(_archive, side.artifacts), most, ", ")) for label, side in _sides(diff)),
        *(("note", note) for note in diff.notes),
    )
    yield from ((label, words) for label, words in texts if words)


def _sides(diff: Diff) -> tuple[tuple[str, Side], ...]:
    return ("before", diff.before), ("after", diff.after)


def _cut(several: Iterable[str], most: int, separator: str = "\n") -> str:
    """The first of several, and how many more there are; one alone is no more than those words."""
    every = [*several]
    most += len(every) == most + 1
    more = f", and {len(every) - most:,} more" if len(every) > most else ""
    return separator.join(every[:most]) + more


def _by_kind(several: Iterable[K], words: Callable[[Kind, list[K]], str]) -> str:
    """One list for each kind of change."""
    lists = text.gather((one.kind, one) for one in several)
    return "\n".join(words(kind, lists[kind]) for kind in _KINDS if kind in lists)


def _archive(one: ArtifactInfo) -> str:
    return f"{one.source} {one.sha256[:12]}"


def _weight(one: PackageChange) -> tuple[bool, bool]:
    """Another major version comes first, and what the project itself asks for."""
    majors = {version.release[0] for text in (*one.before, *one.after) for version, _ in (ordered(text),)}
    return len(majors) == 1, not one.direct


def _package(one: PackageChange) -> str:
    versions = " → ".join(dict.fromkeys(filter(None, (", ".join(one.before), ", ".join(one.after)))))
    versions += " has other modules" if one.kind is Kind.CHANGED else ""
    asked = f" ({few(one.asked_by, _ASKERS)})" if one.asked_by else ""
    return f"{one.name} {versions}{asked}"


def _file(one: FileChange) -> str:
    return f"{one.path} ({few(one.functions, _ASKERS)})" if any(one.functions) else one.path


def _reached(several: Sequence[Reached], most: int) -> Iterator[str]:
    """The modules by the own module that leads there."""
    gathered = text.gather((one.by, f"{one.name} ({one.of})" if one.of else one.name) for one in several)
    yield from (f"{_cut(names, most, ', ')}{f', by {by}' if by else ''}" for by, names in gathered.items())


def _variable(one: Read) -> str:
    functions = f" for {few(one.unset, _ASKERS)}" if any(one.unset) else ""
    return f"{one.name} is not set{functions}{', so that reading it fails' if one.raises else ''}: {one.where}"


def _calls(several: Sequence[AwsCall], most: int) -> Iterator[str]:
    """The operations, each on a line; where they are more, those of one service and the same functions share one."""
    shared = len(several) > most
    lines = text.gather(
        ((one.service, one.functions, "" if shared else one.operation), (one.operation, one.where)) for one in several
    )
    for (service, functions, _), found in lines.items():
        by = f" by {few(functions, _ASKERS)}" if any(functions) else ""
        yield f"{service} {', '.join(name for name, _ in found)}{by}: {found[0][1]}"


def _actions(calls: Sequence[AwsCall], most: int) -> Iterator[str]:
    """The actions by what the role says of them: those that it does not grant first, and those without a role last."""
    permissions = [permission for one in calls for permission in one.permissions]
    permissions.sort(key=lambda one: _GRANTED.index(one.granted))
    gathered = text.gather((one.why, one.action) for one in permissions)
    yield from (f"{why}: {_cut(dict.fromkeys(actions), most, ', ')}" for why, actions in gathered.items())
    judged = {(one.action, one.function) for one in permissions}
    others = (
        action
        for one in calls
        for action in one.actions
        for name in one.functions or ("",)
        if (action, name) not in judged
    )
    yield from filter(None, [_cut(dict.fromkeys(others), most, ", ")])


def _finding(one: Found) -> str:
    message = one.message.partition("\n")[0]
    short = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
    return f"{one.severity}: {text.about(one.check, [one.function] if one.function else [])}: {short} ({one.where})"


def _table(diff: Diff) -> Table | None:
    """The functions that differ, those with the same numbers in one row; of many rows, the first."""
    differing = sorted((one for one in diff.functions if one.differs), key=lambda one: one.kind is None)
    gathered = text.gather((_cells(one), _name(one)) for one in differing)
    rows = [(few(names, _NAMES), *cells) for cells, names in gathered.items()]
    if not rows:
        return None
    shown = rows[: _MOST_ROWS + (len(rows) == _MOST_ROWS + 1)]
    more = [(f"and {len(rows) - len(shown)} more", "", "", "", "")] if len(rows) > len(shown) else []
    known = [at for at in range(len(COLUMNS)) if at == 0 or any(row[at] != _UNKNOWN for row in rows)]
    return Table(tuple(COLUMNS[at] for at in known), tuple(tuple(row[at] for at in known) for row in (*shown, *more)))


def _name(one: FunctionChange) -> str:
    return f"{one.name} ({one.kind})" if one.kind else one.name


def _cells(one: FunctionChange) -> tuple[str, ...]:
    return (
        _cell(one.zipped, text.size),
        _cell(one.unzipped, text.size),
        _measure(one.init, "{:.2f} s".format),
        _measure(one.memory, "{:.0f} MB".format),
    )


def _measure(pair: Pair[float], words: Callable[[float], str]) -> str:
    """The same of a measurement; what is as before is not shown, since it would set apart functions that are alike."""
    alike = not (pair.differs or pair.before is None or pair.after is None)
    return _SAME if alike else _cell(pair, words)


def _cell(pair: Pair[N], words: Callable[[N], str]) -> str:
    """The new value with the difference; of a function that is gone, the old one."""
    value = pair.before if pair.after is None else pair.after
    if value is None:
        return _UNKNOWN
    if not pair.differs or pair.before is None or pair.after is None:
        return words(value)
    return f"{words(value)} ({'+' if pair.after > pair.before else '-'}{words(abs(pair.after - pair.before))})"
