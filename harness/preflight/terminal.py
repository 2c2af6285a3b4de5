"""For a person: what the deployment would change, what stands in its way, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Skipped, Verdict
from harness.plain_text import harmless
from harness.preflight import words
from harness.reporters import text
from harness.reporters.layout import GREEN, INDENT, RED, YELLOW, Painter, field, indented, one_line, page
from harness.reporters.terminal import archive, findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.preflight.deployment import Preflight

_VERDICTS = {Verdict.FAIL: RED, Verdict.INCOMPLETE: YELLOW, Verdict.PASS: GREEN}


def render(preflight: Preflight, *, colour: bool = False, width: int = 100) -> str:
    """Renders a preflight as text.

    Args:
        preflight: What to render.
        colour: Whether to mark the words that matter with ANSI colours.
        width: Where explanations are wrapped.

    Returns:
        Lines without trailing spaces, the last with its end.
    """
    preflight = text.map_text(preflight, harmless)
    painter = Painter(colour=colour)
    groups = text.without_repeats(text.group_findings(preflight.report))
    return page(
        [
            "\n".join(_head(preflight, painter)),
            "\n".join(_table(preflight)),
            *findings(groups, painter, width),
            *_undone(preflight, painter),
            "\n".join(field(label, said, width) for label, said in words.tail(preflight)),
        ]
    )


def _head(preflight: Preflight, paint: Painter) -> Iterator[str]:
    verdict, colon, rest = words.headline(preflight).partition(":")
    yield paint(verdict, _VERDICTS[preflight.report.verdict]) + colon + rest
    for one in preflight.report.artifacts:
        yield field(one.role, archive(one))
    yield field("in", words.where(preflight))


def _table(preflight: Preflight) -> Iterator[str]:
    lines = [words.COLUMNS, *(tuple(map(one_line, row)) for row in words.rows(preflight))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield INDENT + "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))


def _undone(preflight: Preflight, paint: Painter) -> Iterator[str]:
    """What could not be asked; the same reason is said once."""
    skipped = (
        (result.outcome.reason, (result.check, result.function))
        for result in preflight.report.results
        if isinstance(result.outcome, Skipped)
    )
    for reason, checks in text.gather(skipped).items():
        yield f"{paint('SKIPPED', YELLOW)} {one_line(text.subjects(checks))}\n{indented(reason)}"
