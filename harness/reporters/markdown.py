"""For the summary of a CI job or a comment on a pull request, in GitHub's Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.reporters import text, timings
from harness.reporters.markup import block, code, page, prose, short, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.reporters.document import Document, Fact, NotDone, ProblemText

_MOST_ROWS = 50
_MOST_DETAILS = 20


def render(document: Document) -> str:
    """Render a report as Markdown.

    Args:
        document: What to render; its texts are harmless and not too long for a comment.

    Returns:
        A document that starts with a heading of level 2.
    """
    grid = document.table
    return page(
        (
            f"## Lambda {document.heading}",
            f"**{prose(document.summary)}**",
            table(grid.columns, (tuple(map(prose, row)) for row in grid.rows)) if grid else "",
            *_problems((*document.problems, *document.warnings)),
            *_not_done(document.not_done),
            "### Verified",
            _archives(document),
            "\n".join(_fact(fact) for fact in document.facts if fact.words),
            *_timings(document),
        )
    )


def _archives(document: Document) -> str:
    return table(
        ("archive", "source", "zipped", "unpacked", "files", "SHA-256"),
        (
            (
                prose(f"{side} {artifact.role}".strip()),
                code(artifact.source),
                "folder" if artifact.zipped_bytes is None else text.size(artifact.zipped_bytes),
                text.size(artifact.unzipped_bytes),
                f"{artifact.files:,}",
                code(artifact.sha256[:12]),
            )
            for side, artifact in document.archives
        ),
    )


def _problems(problems: Sequence[ProblemText]) -> Iterator[str]:
    """A table of the problems, the worst first, and one section for each."""
    if not problems:
        return
    yield table(
        ("", "severity", "problem", "for whom", "where"),
        (
            (
                str(number),
                one.severity.value,
                prose(short(one.title)),
                prose(short(one.consequence)),
                code(short(one.place)),
            )
            for number, one in enumerate(problems[:_MOST_ROWS], 1)
        ),
    )
    for number, one in enumerate(problems[:_MOST_DETAILS], 1):
        yield from _problem(number, one)
    if len(problems) > _MOST_DETAILS:
        yield f"The details of {len(problems) - _MOST_DETAILS:,} more problems are in the other reports."


def _problem(number: int, problem: ProblemText) -> Iterator[str]:
    yield f"#### {number}. {prose(problem.title)}"
    if problem.message:
        yield block(problem.message)
    numbered = problem.steps.startswith("1. ")
    found_by = "; ".join(text.about(group.check, group.functions) for group in problem.findings)
    explanations = (
        ("for whom", prose(problem.consequence)),
        ("where", problem.place and code(problem.place)),
        ("do", ("<br>" if numbered else "") + prose(problem.steps)),
        ("by", problem.chain and code(problem.chain)),
        ("why", prose(problem.cause)),
        ("also", prose(problem.also)),
        ("found by", prose(found_by)),
    )
    yield "\n".join(f"- **{label}:** {words}" for label, words in explanations if words)


def _not_done(several: Sequence[NotDone]) -> Iterator[str]:
    for one in several:
        if one.traceback:
            yield f"### Crashed: {prose(one.subjects)}"
            yield prose(one.reason)
            yield block(one.traceback)
    skipped = [f"- {prose(one.subjects)}: {prose(one.reason)}" for one in several if not one.traceback]
    if skipped:
        yield "### Not done"
        yield "\n".join(skipped)


def _timings(document: Document) -> Iterator[str]:
    if document.timings:
        yield "### Time"
        rows = [("↳ " * row.is_part + prose(short(row.name)), f"{row.seconds:.2f}") for row in document.timings]
        yield table(("part", "seconds"), (*rows, ("the whole", f"{document.seconds:.2f}")))
        yield timings.NOTE


def _fact(fact: Fact) -> str:
    label = f"**{fact.label}:** " if fact.label else ""
    return f"- {label}{prose(fact.words)}"
