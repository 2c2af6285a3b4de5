"""For a person, in ten seconds: the verdict, what failed, where, and what to change."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from harness.model import Crashed, Severity, Skipped, Verdict
from harness.reporters import text, timings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model import ArtifactInfo, Report

_INDENT = "  "
_LABEL = 8
_RED, _YELLOW, _GREEN = "31", "33", "32"
_VERDICTS = {Verdict.FAIL: _RED, Verdict.INCOMPLETE: _YELLOW, Verdict.PASS: _GREEN}
_SEVERITIES = {Severity.ERROR: _RED, Severity.WARNING: _YELLOW}


def render(report: Report, *, colour: bool = False, width: int = 100) -> str:
    """Renders a report as text.

    Args:
        report: What to render.
        colour: Whether to mark the words that matter with ANSI colours.
        width: Where explanations are wrapped. Messages and places never are: they must be found by grep.

    Returns:
        Lines without trailing spaces, the last with its end.
    """
    report = text.map_text(report, text.harmless)
    painter = _Painter(colour=colour)
    head = "\n".join(_head(report, painter))
    trouble = [*_findings(report, painter, width), *_undone(report, painter)]
    tail = "\n".join(_tail(report, width))
    blocks = [head, *trouble, tail] if trouble else [f"{head}\n{tail}"]
    blocks.append("\n".join(_timings(report, width)))
    lines = "\n\n".join(block for block in blocks if block).split("\n")
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


class _Painter:
    """Marks words for a terminal, or leaves them alone."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    def __call__(self, words: str, code: str) -> str:
        return f"\x1b[1;{code}m{words}\x1b[0m" if self.colour else words


def _head(report: Report, paint: _Painter) -> Iterator[str]:
    verdict, colon, counts = text.headline(report).partition(":")
    yield paint(verdict, _VERDICTS[report.verdict]) + colon + counts
    for artifact in report.artifacts:
        yield _field(artifact.role, _archive(artifact))
    yield _field("on", text.platform(report))


def _archive(artifact: ArtifactInfo) -> str:
    zipped = "folder" if artifact.zipped_bytes is None else f"{text.size(artifact.zipped_bytes)} zipped"
    return (
        f"{artifact.source}: {zipped}, {text.size(artifact.unzipped_bytes)} unpacked, "
        f"{text.count(artifact.files, 'file', 'files') or 'no files'}, sha256 {artifact.sha256[:12]}"
    )


def _findings(report: Report, paint: _Painter, width: int) -> Iterator[str]:
    for group in text.without_repeats(text.group_findings(report)):
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
                f"{severity} {_one_line(text.about(group.check, group.functions))}",
                _indented(finding.message),
                *(_field(label, said, wrapped) for label, said, wrapped in explanations if said),
            )
        )


def _undone(report: Report, paint: _Painter) -> Iterator[str]:
    """What crashed and what was skipped; the same reason is said once."""
    outcomes = [(result.outcome, (result.check, result.function)) for result in report.results]
    for crash, checks in text.gather((o, check) for o, check in outcomes if isinstance(o, Crashed)).items():
        heading = f"{paint('CRASHED', _RED)} {_one_line(text.subjects(checks))}"
        yield "\n".join((heading, _indented(crash.summary), textwrap.indent(crash.traceback, _INDENT * 2)))
    for reason, checks in text.gather((o.reason, check) for o, check in outcomes if isinstance(o, Skipped)).items():
        yield f"{paint('SKIPPED', _YELLOW)} {_one_line(text.subjects(checks))}\n{_indented(reason)}"


def _tail(report: Report, width: int) -> Iterator[str]:
    said = (
        ("passed", text.passed(report, brief=True)),
        ("started", text.started(report)),
        ("waived", text.waived(report)),
        ("no need", text.not_applicable(report)),
        *(("caveat", caveat) for caveat in report.engine.caveats),
        *(("note", note) for note in (*text.limits(report), *report.notes)),
    )
    return (_field(label, words, width) for label, words in said if words)


def _timings(report: Report, width: int) -> Iterator[str]:
    if report.timings:
        yield f"TIME {report.seconds:.2f} s"
        for row in timings.rows(report):
            yield f"{_INDENT}{row.seconds:8.2f} s  {_INDENT * row.is_part}{_one_line(row.name)}"
        yield from (f"{_INDENT}{line}" for line in _wrap(timings.NOTE, width - len(_INDENT), ""))


def _field(label: str, words: str, width: int | None = None) -> str:
    """A labelled text; its further lines hang below its first, where none can pass for a line of ours."""
    column = len(_INDENT) + _LABEL
    said = words.split("\n")
    hang = "  " if len(said) > 1 else ""  # which of several lines one belongs to
    lines = [wrapped for line in said for wrapped in _wrap(line, width and max(width - column, 20), hang)]
    return f"{_INDENT}{_one_line(label):<{_LABEL}}" + f"\n{' ' * column}".join(lines)


def _wrap(line: str, width: int | None, hang: str) -> list[str]:
    if width is None or line.startswith(" "):  # an indented line is a command to copy
        return [line]
    broken = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False, subsequent_indent=hang)
    return broken or [""]


def _indented(words: str) -> str:
    return _INDENT + words.replace("\n", "\n" + _INDENT * 2)


def _one_line(words: str) -> str:
    return words.replace("\n", "\\n")
