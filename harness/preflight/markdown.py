"""For the summary of a CI job or a comment on a pull request, in GitHub's Markdown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.model import Skipped
from harness.plain_text import harmless
from harness.preflight import words
from harness.reporters import text
from harness.reporters.markdown import findings
from harness.reporters.markup import LONGEST, code, document, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.preflight.deployment import Preflight


def render(preflight: Preflight) -> str:
    """Renders a preflight as Markdown.

    Args:
        preflight: What to render.

    Returns:
        A document that starts with a heading of level 2.
    """
    preflight = text.map_text(preflight, partial(harmless, longest=LONGEST))
    verdict, _, rest = words.headline(preflight).partition(": ")
    groups = text.without_repeats(text.group_findings(preflight.report))
    blocks = (
        f"## Lambda preflight: {verdict}",
        prose(f"{rest}; {words.where(preflight)}"),
        table(words.COLUMNS, (tuple(map(prose, row)) for row in words.rows(preflight))),
        *findings(groups),
        *_undone(preflight),
        "### Compared",
        table(
            ("role", "source", "SHA-256", "CodeSha256"),
            (
                (prose(one.role), code(one.source), code(one.sha256[:12]), code(one.code_sha256 or ""))
                for one in preflight.report.artifacts
            ),
        ),
        "\n".join(f"- **{label}:** {prose(said)}" for label, said in words.tail(preflight)),
    )
    return document(blocks)


def _undone(preflight: Preflight) -> Iterator[str]:
    skipped = text.gather(
        (result.outcome.reason, (result.check, result.function))
        for result in preflight.report.results
        if isinstance(result.outcome, Skipped)
    )
    if skipped:
        yield "### Not looked at"
        yield "\n".join(f"- {prose(text.subjects(checks))}: {prose(reason)}" for reason, checks in skipped.items())
