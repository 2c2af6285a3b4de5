"""For the summary of a CI job or a comment on a pull request, in GitHub's Markdown."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from harness.model import Crashed, Skipped
from harness.reporters import text, timings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.model import Report
    from harness.reporters.text import Group

# A comment holds 65,536 characters.
_LONGEST = 1_000
_LONGEST_CELL = 200
_MOST_ROWS = 50
_MOST_DETAILS = 20

# As character references these are text wherever they stand: in a table's cell, in HTML, beside a backtick.
_SPECIAL = re.compile(r"[\\`*_\[\]{}<>&|~$#!@]")


def render(report: Report) -> str:
    """Renders a report as Markdown.

    Args:
        report: What to render.

    Returns:
        A document that starts with a heading of level 2.
    """
    report = text.map_text(report, partial(text.harmless, longest=_LONGEST))
    groups = text.without_repeats(text.group_findings(report))
    blocks = (
        f"## Lambda artifact: {text.headline(report).partition(':')[0]}",
        _prose(text.headline(report).partition(": ")[2]),
        *_findings(groups),
        *_undone(report),
        "### Verified",
        _archives(report),
        "\n".join(_tail(report)),
        *_timings(report),
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def _archives(report: Report) -> str:
    return _table(
        ("archive", "source", "zipped", "unpacked", "files", "SHA-256"),
        (
            (
                _prose(artifact.role),
                _code(artifact.source),
                "folder" if artifact.zipped_bytes is None else text.size(artifact.zipped_bytes),
                text.size(artifact.unzipped_bytes),
                f"{artifact.files:,}",
                _code(artifact.sha256[:12]),
            )
            for artifact in report.artifacts
        ),
    )


def _findings(groups: Sequence[Group]) -> Iterator[str]:
    if not groups:
        return
    yield "### Findings"
    yield _table(
        ("severity", "check", "message", "where"),
        (
            (
                group.finding.severity.value,
                _prose(text.about(group.check, group.functions)),
                _code(_short(group.finding.message)),
                _code(_short(group.finding.where)),
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
    yield f"#### {finding.severity.value}: {_prose(text.about(group.check, group.functions))}"
    yield _block(finding.message)
    explanations = (
        ("where", finding.where and _code(finding.where)),
        ("chain", finding.chain and _code(text.chain(finding.chain))),
        ("cause", finding.cause and _prose(finding.cause)),
        ("fix", finding.remedy and _prose(finding.remedy)),
    )
    yield "\n".join(f"- **{label}:** {words}" for label, words in explanations if words)


def _undone(report: Report) -> Iterator[str]:
    outcomes = [(result.outcome, (result.check, result.function)) for result in report.results]
    for crash, checks in text.gather((o, check) for o, check in outcomes if isinstance(o, Crashed)).items():
        yield f"### Crashed: {_prose(text.subjects(checks))}"
        yield _prose(crash.summary)
        yield _block(crash.traceback)
    skips = text.gather((o.reason, check) for o, check in outcomes if isinstance(o, Skipped))
    if skips:
        yield "### Skipped"
        yield "\n".join(f"- {_prose(text.subjects(checks))}: {_prose(reason)}" for reason, checks in skips.items())


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
    return (f"- **{label}:** {_prose(words)}" for label, words in said if words)


def _timings(report: Report) -> Iterator[str]:
    if report.timings:
        yield "### Time"
        rows = [("↳ " * row.is_part + _prose(_short(row.name)), f"{row.seconds:.2f}") for row in timings.rows(report)]
        yield _table(("part", "seconds"), (*rows, ("the whole", f"{report.seconds:.2f}")))
        yield timings.NOTE


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join((f"| {' | '.join(header)} |", "|---" * len(header) + "|", *lines)) if lines else ""


def _prose(words: str) -> str:
    # The empty comment keeps an @ from calling on the person or the team of that name.
    return _escaped(words).replace("&#64;", "&#64;<!-- -->").replace("\n", "<br>")


def _code(words: str) -> str:
    return f"<code>{_escaped(words).replace(chr(10), ' ')}</code>"


def _escaped(words: str) -> str:
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", words)


def _block(words: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{words}\n{fence}"


def _short(words: str) -> str:
    line = words.partition("\n")[0]
    return line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]}…"
