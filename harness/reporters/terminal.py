"""For a person, in ten seconds: the verdict, what failed, where, and what to change."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from harness.harmless import harmless
from harness.model import Crashed, Severity, Skipped, Verdict
from harness.reporters import text, timings
from harness.reporters.layout import GREEN, INDENT, RED, YELLOW, Painter, field, indented, one_line, page, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import ArtifactInfo, Report
    from harness.reporters.text import Group

_VERDICTS = {Verdict.FAIL: RED, Verdict.INCOMPLETE: YELLOW, Verdict.PASS: GREEN}
_SEVERITIES = {Severity.ERROR: RED, Severity.WARNING: YELLOW}


def render(report: Report, *, colour: bool = False, width: int = 100) -> str:
    """Renders a report as text.

    Args:
        report: What to render.
        colour: Whether to mark the words that matter with ANSI colours.
        width: Where explanations are wrapped. Messages and places never are: they must be found by grep.

    Returns:
        Lines without trailing spaces, the last with its end.
    """
    report = text.map_text(report, harmless)
    painter = Painter(colour=colour)
    groups = text.without_repeats(text.group_findings(report))
    head = "\n".join(_head(report, painter))
    trouble = [*findings(groups, painter, width), *_undone(report, painter)]
    tail = "\n".join(_tail(report, width))
    blocks = [head, *trouble, tail] if trouble else [f"{head}\n{tail}"]
    blocks.append("\n".join(_timings(report, width)))
    return page(blocks)


def _head(report: Report, paint: Painter) -> Iterator[str]:
    verdict, colon, counts = text.headline(report).partition(":")
    yield paint(verdict, _VERDICTS[report.verdict]) + colon + counts
    for artifact in report.artifacts:
        yield field(artifact.role, archive(artifact))
        if report.source_digests:
            yield from (field("", line) for line in text.digests(artifact))
    yield field("on", text.platform(report))


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


def _undone(report: Report, paint: Painter) -> Iterator[str]:
    """What crashed and what was skipped; the same reason is said once."""
    outcomes = [(result.outcome, (result.check, result.function)) for result in report.results]
    for crash, checks in text.gather((o, check) for o, check in outcomes if isinstance(o, Crashed)).items():
        heading = f"{paint('CRASHED', RED)} {one_line(text.subjects(checks))}"
        yield "\n".join((heading, indented(crash.summary), textwrap.indent(crash.traceback, INDENT * 2)))
    for reason, checks in text.gather((o.reason, check) for o, check in outcomes if isinstance(o, Skipped)).items():
        yield f"{paint('SKIPPED', YELLOW)} {one_line(text.subjects(checks))}\n{indented(reason)}"


def _tail(report: Report, width: int) -> Iterator[str]:
    said = (
        ("passed", text.passed(report, brief=True)),
        ("started", text.started(report)),
        ("waived", text.waived(report)),
        ("no need", text.not_applicable(report)),
        *(("caveat", caveat) for caveat in report.engine.caveats),
        *(("note", note) for note in (*text.limits(report), *report.notes)),
    )
    return (field(label, words, width) for label, words in said if words)


def _timings(report: Report, width: int) -> Iterator[str]:
    if report.timings:
        yield f"TIME {report.seconds:.2f} s"
        for row in timings.rows(report):
            yield f"{INDENT}{row.seconds:8.2f} s  {INDENT * row.is_part}{one_line(row.name)}"
        yield from (f"{INDENT}{line}" for line in wrap(timings.NOTE, width - len(INDENT), ""))
