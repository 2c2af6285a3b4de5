"""A comparison as people read it: on one screen, each list cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from harness.diff.values import Kind, Pair
from harness.model import Severity
from harness.plain_text import few
from harness.reporters import text
from harness.reporters.document import Document, Fact, NotDone, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.diff.values import AwsCall, Diff, FileChange, Found, FunctionChange, PackageChange, Reached, Read

T = TypeVar("T")
N = TypeVar("N", int, float)

COLUMNS: Final = ("function", "zipped", "unpacked", "init CPU", "memory")
_BRIEF, _LONG = 4, 50
_MOST_ROWS: Final = 6
_NAMES: Final = 3
_LONGEST: Final = 160
_UNKNOWN: Final = "-"
_ASKERS: Final = 2
_KINDS: Final = (Kind.NEW, Kind.UP, Kind.DOWN, Kind.CHANGED, Kind.GONE)


def document(diff: Diff) -> Document:
    """The whole report."""
    sides = (("before", diff.before), ("after", diff.after))
    return Document(
        subject="diff",
        verdict=diff.verdict,
        summary=summary(diff),
        problems=(),
        facts=tuple(_facts(diff)),
        archives=tuple((label, archive) for label, side in sides for archive in side.artifacts),
        table=_table(diff),
        judges=diff.judges,
        not_done=tuple(NotDone("diff", reason) for reason in diff.undone),
    )


def summary(diff: Diff) -> str:
    """What differs, in numbers."""
    errors = sum(one.severity is Severity.ERROR for one in diff.new)
    counts = (
        text.count(len(diff.packages), "distribution", "distributions"),
        text.count(len(diff.files), "own file", "own files"),
        text.count(len(diff.modules), "module newly reached", "modules newly reached"),
        text.count(len(diff.variables), "variable to set", "variables to set"),
        text.count(len(diff.calls), "new AWS call", "new AWS calls"),
        text.count(errors, "new error", "new errors"),
        text.count(len(diff.new) - errors, "new warning", "new warnings"),
        text.count(len(diff.gone), "finding gone", "findings gone"),
    )
    same = not any(one.differs for one in diff.functions)
    return ", ".join(filter(None, counts)) or ("nothing differs" if same else "sizes and costs alone differ")


def _facts(diff: Diff) -> Iterator[Fact]:
    yield from _listed("findings", sorted(diff.new, key=lambda one: one.severity is not Severity.ERROR), _finding)
    yield from _listed("resolved", diff.gone, _finding)
    packages = sorted(diff.packages, key=lambda one: not one.direct)  # what the project asks for comes first
    yield from _by_kind("packages", packages, _package)
    yield from _by_kind("own files", diff.files, _file, ", ")
    yield from _listed("reached", _reached(diff.modules), str)
    yield from _variables(diff)
    yield from _listed("AWS calls", diff.calls, _call)
    if actions := dict.fromkeys(action for one in diff.calls for action in one.actions):
        yield Fact("IAM actions", ", ".join(actions), few(actions, _BRIEF * 2))
    for label, side in (("before", diff.before), ("after", diff.after)):
        archives = [f"{one.source} {one.sha256[:12]}" for one in side.artifacts]
        yield Fact(label, ", ".join(archives), few(archives, _BRIEF))
    yield from (Fact("note", note) for note in diff.notes)


def _listed(label: str, several: Sequence[T], words: Callable[[T], str], separator: str = "\n") -> Iterator[Fact]:
    if several:
        yield Fact(label, *(_cut([words(one) for one in several], most, separator) for most in (_LONG, _BRIEF)))


def _by_kind(
    label: str, several: Sequence[PackageChange | FileChange], words: Callable[..., str], separator: str = "\n"
) -> Iterator[Fact]:
    """One list for each kind of change, under one label."""
    lists = [(kind, [words(one) for one in several if one.kind is kind]) for kind in _KINDS]
    if several:
        texts = (
            "\n".join(
                _cut([f"{kind}: {one}" for one in found], most, separator)
                if separator == "\n"
                else f"{kind}: {_cut(found, most * 2, separator)}"
                for kind, found in lists
                if found
            )
            for most in (_LONG, _BRIEF)
        )
        yield Fact(label, *texts)


def _cut(several: Sequence[str], most: int, separator: str) -> str:
    """The first of several; one more than there is room for stands in the place of ``and 1 more``."""
    most += len(several) == most + 1
    more = [f"and {len(several) - most:,} more"] if len(several) > most else []
    return separator.join((*several[:most], *more))


def _package(one: PackageChange) -> str:
    versions = " → ".join(dict.fromkeys(filter(None, (", ".join(one.before), ", ".join(one.after)))))
    versions += " has other modules" if one.kind is Kind.CHANGED else ""
    asked = f" ({few(one.asked_by, _ASKERS)})" if one.asked_by else ""
    return f"{one.name} {versions}{asked}"


def _file(one: FileChange) -> str:
    return f"{one.path} ({few(one.functions, _ASKERS)})" if any(one.functions) else one.path


def _reached(several: Sequence[Reached]) -> list[str]:
    """The modules by the own module that leads there."""
    gathered = text.gather((one.by, f"{one.name} ({one.of})" if one.of else one.name) for one in several)
    return [f"{', '.join(names)}{f', by {by}' if by else ''}" for by, names in gathered.items()]


def _variables(diff: Diff) -> Iterator[Fact]:
    """The variables to set: those without a default one by one, the others by name."""
    required = [_variable(one) for one in diff.variables if one.required]
    optional = [one.name for one in diff.variables if not one.required]
    if diff.variables:
        others = [f"have a default: {_cut(optional, most, ', ')}" if optional else "" for most in (_LONG, _BRIEF)]
        texts = (
            "\n".join(filter(None, (_cut(required, most, "\n"), other)))
            for most, other in zip((_LONG, _BRIEF), others, strict=True)
        )
        yield Fact("variables", *texts)


def _variable(one: Read) -> str:
    functions = f" for {few(one.unset, _ASKERS)}" if any(one.unset) else ""
    return f"{one.name} is not set{functions}{', so that reading it fails' if one.raises else ''}: {one.where}"


def _call(one: AwsCall) -> str:
    functions = f" by {few(one.functions, _ASKERS)}" if any(one.functions) else ""
    return f"{one.service} {one.operation}{functions}: {one.where}"


def _finding(one: Found) -> str:
    message = one.message.partition("\n")[0]
    short = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
    return f"{one.severity}: {text.about(one.check, [one.function] if one.function else [])}: {short} ({one.where})"


def _table(diff: Diff) -> Table | None:
    """The functions that differ, those with the same numbers in one row; of many rows, the first."""
    gathered = text.gather((_cells(one), _name(one)) for one in diff.functions if one.differs)
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
        _cell(one.init, "{:.2f} s".format),
        _cell(one.memory, "{:.0f} MB".format),
    )


def _cell(pair: Pair[N], words: Callable[[N], str]) -> str:
    """The new value with the difference; of a function that is gone, the old one."""
    value = pair.before if pair.after is None else pair.after
    if value is None:
        return _UNKNOWN
    if not pair.differs or pair.before is None or pair.after is None:
        return words(value)
    return f"{words(value)} ({'+' if pair.after > pair.before else '-'}{words(abs(pair.after - pair.before))})"
