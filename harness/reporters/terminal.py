"""For a person, in ten seconds: the verdict, what is broken and for whom, and what to change first."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from harness.model import Crashed, Severity, Skipped, Verdict
from harness.plain_text import harmless
from harness.reporters import text, timings, verification
from harness.reporters.layout import GREEN, INDENT, RED, WIDTH, YELLOW, Painter, field, indented, one_line, page, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import ArtifactInfo, Report
    from harness.reporters.text import Group
    from harness.reporters.verification import Shown

_VERDICTS = {Verdict.FAIL: RED, Verdict.INCOMPLETE: YELLOW, Verdict.PASS: GREEN}
_SEVERITIES = {Severity.ERROR: RED, Severity.WARNING: YELLOW}

_MARGIN: Final = 3
_LABEL: Final = 6
_TAIL: Final = 12
_MOST_WARNINGS: Final = 5
_WARNING_LINES: Final = 2
_MOST_LINES: Final = 8  # of a cause
_NARROWEST: Final = 40


def render(report: Report, *, colour: bool = False, width: int = WIDTH, verbose: bool = False) -> str:
    """Renders a report as text.

    Args:
        report: What to render.
        colour: Whether to mark the words that matter with ANSI colours.
        width: Where explanations are wrapped. Messages and places never are: they must be found by grep.
        verbose: Whether it has each finding of each problem, each check and each remark.

    Returns:
        Lines without trailing spaces, the last with its end.
    """
    report = text.map_text(report, harmless)
    setting = _Setting(Painter(colour=colour), max(width, _NARROWEST), verbose=verbose)
    failing, others = verification.arranged(report)
    blocks = [setting.verdict(report, failing)]
    blocks += [setting.problem(number, one) for number, one in enumerate(failing, 1)]
    if verbose:
        blocks += [setting.problem(number, one) for number, one in enumerate(others, len(failing) + 1)]
    blocks += setting.undone(report)
    tail = "\n".join((*setting.warnings(others), *setting.tail(report)))
    blocks = [*blocks, tail] if blocks[1:] else [f"{blocks[0]}\n{tail}"]
    blocks.append("\n".join(_timings(report, width)))
    return page(blocks)


class _Setting:
    """How wide it is, in which colours, and how much of it is wanted."""

    def __init__(self, paint: Painter, width: int, *, verbose: bool) -> None:
        self.paint, self.width, self.verbose = paint, width, verbose

    def verdict(self, report: Report, failing: Sequence[Shown]) -> str:
        """The first line."""
        word = self.paint(report.verdict.upper(), _VERDICTS[report.verdict])
        counted = f"; {verification.counted(report)}" if report.verdict is Verdict.PASS else ""
        return f"{word}  {one_line(verification.verdict(report, failing))}{counted}"

    def problem(self, number: int, shown: Shown) -> str:
        """One problem: each line has one job."""
        margin = f"{number}"
        heading = self.paint(one_line(shown.problem.title), _SEVERITIES[shown.problem.severity])
        consequence = one_line(shown.consequence)
        fits = len(shown.problem.title) + len(consequence) + 2 * _MARGIN <= self.width
        said = "" if not consequence else f"{' ' * _MARGIN}{consequence}" if fits else f"\n{' ' * _MARGIN}{consequence}"
        rows: list[tuple[str, str, bool]] = [
            ("", shown.words, False),
            ("at", shown.place, False),
            ("do", shown.steps, True),
            ("by", text.chain(shown.lead.chain) if shown.lead.chain[1:] else "", True),
            ("why", self._cause(shown.cause), True),
            ("also", shown.also, True),
        ]
        if self.verbose:
            rows += [("seen", said, False) for said in _seen(shown)]
        lines = (self._row(label, words, wrapped=wrapped) for label, words, wrapped in rows if words)
        return "\n".join((f"{margin:<{_MARGIN}}{heading}{said}", *lines))

    def _cause(self, cause: str) -> str:
        lines = cause.split("\n")
        if self.verbose or len(lines) <= _MOST_LINES + 1:
            return cause
        return "\n".join((*lines[:_MOST_LINES], f"({len(lines) - _MOST_LINES} more lines: -v)"))

    def _row(self, label: str, words: str, *, wrapped: bool) -> str:
        if not label:
            return " " * _MARGIN + words.replace("\n", f"\n{' ' * _MARGIN}{INDENT}")
        return field(label, words, self.width if wrapped else None, indent=_MARGIN, wide=_LABEL)

    def warnings(self, others: Sequence[Shown]) -> Iterator[str]:
        """What does not fail the verification: one short line each."""
        if not others or self.verbose:
            return
        count = text.count(len(others), "warning", "warnings")
        yield f"{self.paint(count, YELLOW)} (-v explains {'it' if len(others) == 1 else 'them'})"
        for one in others[:_MOST_WARNINGS]:
            consequence = f"; {one.consequence}" if one.consequence else ""
            words = f"{one_line(one.problem.title)}{one_line(consequence)}"
            lines = wrap(words, self.width - _MARGIN, INDENT)
            shown = lines if len(lines) <= _WARNING_LINES else [*lines[: _WARNING_LINES - 1], f"{lines[1]} …"]
            yield from (f"{' ' * _MARGIN}{line}" for line in shown)
        if others[_MOST_WARNINGS:]:
            yield f"{' ' * _MARGIN}and {len(others) - _MOST_WARNINGS} more"

    def undone(self, report: Report) -> Iterator[str]:
        """What crashed and what was skipped; the same reason is said once."""
        outcomes = [(one.outcome, (one.check, one.function)) for one in verification.undone_of(report)]
        for crash, checks in text.gather((o, check) for o, check in outcomes if isinstance(o, Crashed)).items():
            heading = f"{self.paint('CRASHED', RED)} {one_line(text.subjects(checks))}"
            yield "\n".join((heading, indented(crash.summary), textwrap.indent(crash.traceback, INDENT * 2)))
        for reason, checks in text.gather((o.reason, check) for o, check in outcomes if isinstance(o, Skipped)).items():
            words = "\n".join(line for said in reason.split("\n") for line in wrap(said, self.width - 3, INDENT))
            yield f"{self.paint('NOT DONE', YELLOW)} {one_line(text.subjects(checks))}\n{indented(words)}"

    def tail(self, report: Report) -> Iterator[str]:
        """What the verdict rests on: for a ticket."""
        limits = text.limits(report)
        remarks = text.count(len(limits), "remark", "remarks") + " on what checks could not judge (-v)"
        vouched = [*report.engine.caveats, *([remarks] if limits and not self.verbose else [])]
        said = [
            ("started", text.started(report) if self.verbose or report.failed or report.incomplete else ""),
            ("waived", text.waived(report)),
            ("checked", verification.counted(report) if self.verbose or report.verdict is Verdict.INCOMPLETE else ""),
            ("verified", verification.verified(report)),
            *(("", line) for artifact in report.artifacts if report.source_digests for line in _digests(artifact)),
            ("not vouched", "; ".join(vouched)),
            *(("note", note) for note in report.notes),
        ]
        if self.verbose:
            said += [
                *(("archive", archive(artifact)) for artifact in report.artifacts),
                ("passed", text.passed(report)),
                ("no need", text.not_applicable(report)),
                *(("remark", note) for note in limits),
            ]
        return (field(label, words, self.width, indent=0, wide=_TAIL) for label, words in said if words)


def _seen(shown: Shown) -> Iterator[str]:
    """Each finding of a problem: which check made it, about whom, where, and what it says to do."""
    for group in text.grouped(shown.members):
        finding = group.finding
        said = [f"{text.about(group.check, group.functions)}: {finding.message}", finding.where]
        said += [f"fix: {finding.remedy}"] if finding.remedy and finding is not shown.lead else []
        yield "\n".join(said)


def _digests(artifact: ArtifactInfo) -> Iterator[str]:
    yield f"{artifact.role} {artifact.source}"
    yield from text.digests(artifact)


def archive(artifact: ArtifactInfo) -> str:
    """An archive in one line: its name, its sizes, its digest."""
    zipped = "folder" if artifact.zipped_bytes is None else f"{text.size(artifact.zipped_bytes)} zipped"
    return (
        f"{artifact.source}: {zipped}, {text.size(artifact.unzipped_bytes)} unpacked, "
        f"{text.count(artifact.files, 'file', 'files') or 'no files'}, sha256 {artifact.sha256[:12]}"
    )


def findings(groups: Sequence[Group], paint: Painter, width: int) -> Iterator[str]:
    """One block for each finding."""
    for group in groups:
        finding = group.finding
        explanations = (
            ("where", finding.where, None),
            ("chain", text.chain(finding.chain), None),
            ("cause", finding.cause, width),
            ("fix", finding.remedy, width),
        )
        severity = paint(finding.severity.upper(), _SEVERITIES[finding.severity])
        yield "\n".join(
            (
                f"{severity} {one_line(text.about(group.check, group.functions))}",
                indented(finding.message),
                *(field(label, said, wrapped) for label, said, wrapped in explanations if said),
            )
        )


def _timings(report: Report, width: int) -> Iterator[str]:
    if report.timings:
        yield f"TIME {report.seconds:.2f} s"
        for row in timings.rows(report):
            yield f"{INDENT}{row.seconds:8.2f} s  {INDENT * row.is_part}{one_line(row.name)}"
        yield from (f"{INDENT}{line}" for line in wrap(timings.NOTE, width - len(INDENT), ""))
