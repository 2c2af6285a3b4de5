"""For a person, in ten seconds: the verdict, what is broken and for whom, and what to change first."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from harness.model import Severity, Verdict
from harness.reporters import text, timings
from harness.reporters.layout import GREEN, INDENT, RED, WIDTH, YELLOW, Painter, field, indented, one_line, page, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model import ArtifactInfo
    from harness.reporters.document import Document, NotDone, ProblemText, Table

_VERDICTS = {Verdict.FAIL: RED, Verdict.INCOMPLETE: YELLOW, Verdict.PASS: GREEN}
_SEVERITIES = {Severity.ERROR: RED, Severity.WARNING: YELLOW}
_CELLS = {"works": GREEN, "fails": RED, "unknown": YELLOW}

_MARGIN: Final = 3
_LABEL: Final = 6
_FACT: Final = 12
_MOST_WARNINGS: Final = 5
_WARNING_LINES: Final = 2
_MOST_LINES: Final = 8  # of a cause
_NARROWEST: Final = 40


def render(document: Document, *, colour: bool = False, width: int = WIDTH, verbose: bool = False) -> str:
    """Render a report as text.

    Args:
        document: What to render; its texts are harmless.
        colour: Whether to mark the words that matter with ANSI colours.
        width: Where explanations are wrapped. Messages and places never are: they must be found by grep.
        verbose: Whether it has each finding of each problem, each check and each remark.

    Returns:
        Lines without trailing spaces, the last with its end.
    """
    layout = _Layout(Painter(colour=colour), max(width, _NARROWEST), verbose=verbose)
    shown = (*document.problems, *document.warnings) if verbose else document.problems
    blocks = [
        layout.paint(document.word, _VERDICTS[document.verdict]) + f"  {one_line(document.summary)}",
        *([layout.table(document.table)] if document.table else []),
        *(layout.problem(number, problem) for number, problem in enumerate(shown, 1)),
        *(layout.not_done(one) for one in document.not_done),
    ]
    facts = "\n".join((*layout.warnings(document.warnings), *layout.facts(document)))
    blocks = [*blocks, facts] if blocks[1:] else [f"{blocks[0]}\n{facts}"]
    return page([*blocks, "\n".join(layout.timings(document))])


class _Layout:
    """How wide it is, in which colours, and how detailed."""

    def __init__(self, paint: Painter, width: int, *, verbose: bool) -> None:
        self.paint, self.width, self.verbose = paint, width, verbose

    def table(self, table: Table) -> str:
        """A table; where it is too wide, a paragraph for each row."""
        lines = [table.columns, *(tuple(map(one_line, row)) for row in table.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        if sum(widths) + len(INDENT) * len(widths) > self.width:
            return "\n".join(line for row in lines[1:] for line in self._paragraph(table.columns, row))
        return "\n".join(INDENT + INDENT.join(map(self._cell, line, widths)) for line in lines)

    def _cell(self, cell: str, width: int) -> str:
        return (self.paint(cell, _CELLS[cell]) if cell in _CELLS else cell) + " " * (width - len(cell))

    def _paragraph(self, columns: tuple[str, ...], row: tuple[str, ...]) -> Iterator[str]:
        cells = "; ".join(f"{column}: {cell}" for column, cell in zip(columns[1:], row[1:], strict=True) if cell)
        yield f"{INDENT}{row[0]}"
        yield from (f"{INDENT * 2}{line}" for line in wrap(cells, self.width - len(INDENT) * 2, INDENT))

    def problem(self, number: int, problem: ProblemText) -> str:
        """One problem: each line has one job."""
        heading = self.paint(one_line(problem.title), _SEVERITIES[problem.severity])
        consequence = one_line(problem.consequence)
        fits = len(problem.title) + len(consequence) + 2 * _MARGIN <= self.width
        after = f"{'' if fits else chr(10)}{' ' * _MARGIN}{consequence}" if consequence else ""
        rows: list[tuple[str, str, bool]] = [
            ("at", problem.place, False),
            ("do", problem.steps, True),
            ("by", problem.chain, True),
            ("why", self._cause(problem.cause), True),
            ("also", problem.also, True),
        ]
        if self.verbose:
            rows += [("seen", words, False) for words in _findings(problem)]
            rows += [("page", "\n".join(problem.pages), False)]
        lines = [
            field(label, words, self.width if wrapped else None, indent=_MARGIN, wide=_LABEL)
            for label, words, wrapped in rows
            if words
        ]
        if problem.message:
            lines.insert(0, " " * _MARGIN + problem.message.replace("\n", f"\n{' ' * _MARGIN}{INDENT}"))
        return "\n".join((f"{number:<{_MARGIN}}{heading}{after}", *lines))

    def _cause(self, cause: str) -> str:
        lines = cause.split("\n")
        if self.verbose or len(lines) <= _MOST_LINES + 1:
            return cause
        return "\n".join((*lines[:_MOST_LINES], f"({len(lines) - _MOST_LINES} more lines: -v)"))

    def warnings(self, problems: tuple[ProblemText, ...]) -> Iterator[str]:
        """What does not fail the verification: one short line each."""
        if not problems or self.verbose:
            return
        count = text.count(len(problems), "warning", "warnings")
        yield f"{self.paint(count, YELLOW)} (-v explains {'it' if len(problems) == 1 else 'them'})"
        for one in problems[:_MOST_WARNINGS]:
            words = "; ".join(filter(None, (one_line(one.title), one_line(one.consequence))))
            lines = wrap(words, self.width - _MARGIN, INDENT)
            shown = lines if len(lines) <= _WARNING_LINES else [*lines[: _WARNING_LINES - 1], f"{lines[1]} …"]
            yield from (f"{' ' * _MARGIN}{line}" for line in shown)
        if problems[_MOST_WARNINGS:]:
            yield f"{' ' * _MARGIN}and {len(problems) - _MOST_WARNINGS} more"

    def not_done(self, one: NotDone) -> str:
        """What crashed or was skipped."""
        if one.traceback:
            heading = f"{self.paint('CRASHED', RED)} {one_line(one.subjects)}"
            return "\n".join((heading, indented(one.reason), textwrap.indent(one.traceback, INDENT * 2)))
        words = "\n".join(part for line in one.reason.split("\n") for part in wrap(line, self.width - 3, INDENT))
        return f"{self.paint('NOT DONE', YELLOW)} {one_line(one.subjects)}\n{indented(words)}"

    def facts(self, document: Document) -> Iterator[str]:
        """What the verdict rests on."""
        for fact in document.facts:
            if words := fact.words if self.verbose or fact.brief is None else fact.brief:
                yield field(fact.label, words, self.width, indent=0, wide=max(_FACT, len(fact.label) + 1))
        if self.verbose:
            for side, info in document.archives:
                yield field("archive", f"{side} {_archive(info)}".strip(), self.width, indent=0, wide=_FACT)

    def timings(self, document: Document) -> Iterator[str]:
        """Where the time went."""
        if document.timings:
            yield f"TIME {document.seconds:.2f} s"
            for row in document.timings:
                yield f"{INDENT}{row.seconds:8.2f} s  {INDENT * row.is_part}{one_line(row.name)}"
            yield from (f"{INDENT}{line}" for line in wrap(timings.NOTE, self.width - len(INDENT), ""))


def _findings(problem: ProblemText) -> Iterator[str]:
    """Each finding of a problem: which check made it, about whom, where, and what it says to do."""
    for number, group in enumerate(problem.findings):
        finding = group.finding
        lines = [f"{text.about(group.check, group.functions)}: {finding.message}", finding.where]
        lines += [f"fix: {finding.remedy}"] if finding.remedy and number else []
        yield "\n".join(lines)


def _archive(artifact: ArtifactInfo) -> str:
    """An archive in one line: its name, its sizes, its digest."""
    zipped = "folder" if artifact.zipped_bytes is None else f"{text.size(artifact.zipped_bytes)} zipped"
    return (
        f"{artifact.source}: {zipped}, {text.size(artifact.unzipped_bytes)} unpacked, "
        f"{text.count(artifact.files, 'file', 'files') or 'no files'}, sha256 {artifact.sha256[:12]}"
    )
