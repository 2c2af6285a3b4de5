"""For the summary of a CI job or a comment on a pull request, in GitHub's Markdown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.model import Crashed, Skipped
from harness.plain_text import harmless
from harness.reporters import text, timings, verification
from harness.reporters.markup import LONGEST, block, code, document, prose, short, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import Report
    from harness.reporters.text import Group
    from harness.reporters.verification import Shown

_MOST_ROWS = 50
_MOST_DETAILS = 20


def render(report: Report) -> str:
    """Renders a report as Markdown.

    Args:
        report: What to render.

    Returns:
        A document that starts with a heading of level 2.
    """
    report = text.map_text(report, partial(harmless, longest=LONGEST))
    failing, others = verification.arranged(report)
    blocks = (
        f"## Lambda artifact: {report.verdict.upper()}",
        f"**{prose(verification.verdict(report, failing))}**",
        *_problems((*failing, *others)),
        *_undone(report),
        "### Verified",
        _archives(report),
        _digests(report),
        "\n".join(_tail(report)),
        *_timings(report),
    )
    return document(blocks)


def _archives(report: Report) -> str:
    return table(
        ("archive", "source", "zipped", "unpacked", "files", "SHA-256"),
        (
            (
                prose(artifact.role),
                code(artifact.source),
                "folder" if artifact.zipped_bytes is None else text.size(artifact.zipped_bytes),
                text.size(artifact.unzipped_bytes),
                f"{artifact.files:,}",
                code(artifact.sha256[:12]),
            )
            for artifact in report.artifacts
        ),
    )


def _digests(report: Report) -> str:
    if not report.source_digests:
        return ""
    lines = [(artifact, line) for artifact in report.artifacts for line in text.digests(artifact)]
    return "\n".join(f"- {prose(artifact.role)} {code(artifact.source)}: {code(line)}" for artifact, line in lines)


def _problems(several: Sequence[Shown]) -> Iterator[str]:
    """A table of the problems, the worst first, and one section for each."""
    if not several:
        return
    yield table(
        ("", "severity", "problem", "for whom", "where"),
        (
            (
                str(number),
                one.problem.severity.value,
                prose(short(one.problem.title)),
                prose(short(one.consequence)),
                code(short(one.place)),
            )
            for number, one in enumerate(several[:_MOST_ROWS], 1)
        ),
    )
    for number, one in enumerate(several[:_MOST_DETAILS], 1):
        yield from _problem(number, one)
    if len(several) > _MOST_DETAILS:
        yield f"The details of {len(several) - _MOST_DETAILS:,} more problems are in the other reports."


def _problem(number: int, one: Shown) -> Iterator[str]:
    yield f"#### {number}. {prose(one.problem.title)}"
    if one.words:
        yield block(one.words)
    steps = (
        "".join(f"<br>{prose(line)}" for line in one.steps.split("\n")) if one.problem.edits[1:] else prose(one.steps)
    )
    seen = "; ".join(text.about(group.check, group.functions) for group in text.grouped(one.members))
    explanations = (
        ("for whom", prose(one.consequence)),
        ("where", one.place and code(one.place)),
        ("do", steps),
        ("by", one.lead.chain[1:] and code(text.chain(one.lead.chain))),
        ("why", prose(one.cause)),
        ("also", prose(one.also)),
        ("seen by", prose(seen)),
    )
    yield "\n".join(f"- **{label}:** {words}" for label, words in explanations if words)


def findings(groups: Sequence[Group]) -> Iterator[str]:
    """A table of the findings, and one section for each."""
    if not groups:
        return
    yield "### Findings"
    yield table(
        ("severity", "check", "message", "where"),
        (
            (
                group.finding.severity.value,
                prose(text.about(group.check, group.functions)),
                code(short(group.finding.message)),
                code(short(group.finding.where)),
            )
            for group in groups[:_MOST_ROWS]
        ),
    )
    for group in groups[:_MOST_DETAILS]:
        yield from _detail(group)
    if len(groups) > _MOST_DETAILS:
        yield f"The details of {len(groups) - _MOST_DETAILS:,} more findings are in the other reports."


def _detail(group: Group) -> Iterator[str]:
    finding = group.finding
    yield f"#### {finding.severity.value}: {prose(text.about(group.check, group.functions))}"
    yield block(finding.message)
    explanations = (
        ("where", finding.where and code(finding.where)),
        ("chain", finding.chain and code(text.chain(finding.chain))),
        ("cause", finding.cause and prose(finding.cause)),
        ("fix", finding.remedy and prose(finding.remedy)),
    )
    yield "\n".join(f"- **{label}:** {words}" for label, words in explanations if words)


def _undone(report: Report) -> Iterator[str]:
    outcomes = [(one.outcome, (one.check, one.function)) for one in verification.undone_of(report)]
    for crash, checks in text.gather((o, check) for o, check in outcomes if isinstance(o, Crashed)).items():
        yield f"### Crashed: {prose(text.subjects(checks))}"
        yield prose(crash.summary)
        yield block(crash.traceback)
    skips = text.gather((o.reason, check) for o, check in outcomes if isinstance(o, Skipped))
    if skips:
        yield "### Not done"
        yield "\n".join(f"- {prose(text.subjects(checks))}: {prose(reason)}" for reason, checks in skips.items())


def _tail(report: Report) -> Iterator[str]:
    said = (
        ("on", text.platform(report)),
        ("passed", text.passed(report)),
        ("started", text.started(report)),
        ("waived", text.waived(report)),
        ("no need", text.not_applicable(report)),
        *(("caveat", caveat) for caveat in report.engine.caveats),
        *(("note", note) for note in (*text.limits(report), *report.notes)),
    )
    return (f"- **{label}:** {prose(words)}" for label, words in said if words)


def _timings(report: Report) -> Iterator[str]:
    if report.timings:
        yield "### Time"
        rows = [("↳ " * row.is_part + prose(short(row.name)), f"{row.seconds:.2f}") for row in timings.rows(report)]
        yield table(("part", "seconds"), (*rows, ("the whole", f"{report.seconds:.2f}")))
        yield timings.NOTE
