"""For a person: which order is safe, what each function does on the way, what fails and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Verdict
from harness.plain_text import harmless
from harness.reporters import text
from harness.reporters.layout import GREEN, INDENT, RED, YELLOW, Painter, field, indented, one_line, page
from harness.reporters.terminal import archive, findings
from harness.transition import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.transition.values import Transition

_VERDICTS = {Verdict.FAIL: RED, Verdict.INCOMPLETE: YELLOW, Verdict.PASS: GREEN}
_CELLS = {"works": GREEN, "fails": RED, "unknown": YELLOW}


def render(transition: Transition, *, colour: bool = False, width: int = 100) -> str:
    """Renders a transition as text.

    Args:
        transition: What to render.
        colour: Whether to mark the words that matter with ANSI colours.
        width: Where explanations are wrapped.

    Returns:
        Lines without trailing spaces, the last with its end.
    """
    transition = text.map_text(transition, harmless)
    painter = Painter(colour=colour)
    return page(
        [
            "\n".join(_head(transition, painter)),
            "\n".join(_table(transition, painter)),
            *findings(words.findings(transition), painter, width),
            *(
                f"{painter('NOT LOOKED AT', YELLOW)} {one_line(places)}\n{indented(reason)}"
                for reason, places in words.undone(transition).items()
            ),
            "\n".join(_tail(transition, width)),
        ]
    )


def _head(transition: Transition, paint: Painter) -> Iterator[str]:
    verdict, colon, rest = words.headline(transition).partition(":")
    yield paint(verdict, _VERDICTS[transition.verdict]) + colon + rest
    for label, side in (("from", transition.before), ("to", transition.after)):
        for one in side.artifacts:
            yield field(label, f"{one.role} {archive(one)}")
    for platform in words.platforms(transition):
        yield field("on", platform)


def _table(transition: Transition, paint: Painter) -> Iterator[str]:
    lines = [words.COLUMNS, *(tuple(map(one_line, row)) for row in words.rows(transition))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            paint(cell, _CELLS[cell]) + " " * (width - len(cell)) if cell in _CELLS else f"{cell:<{width}}"
            for cell, width in zip(line, widths, strict=True)
        )
        yield INDENT + "  ".join(cells)


def _tail(transition: Transition, width: int) -> Iterator[str]:
    caveats = dict.fromkeys(caveat for ran in transition.ran for caveat in ran.engine.caveats)
    said = (
        *words.steps(transition),
        *(("caveat", caveat) for caveat in caveats),
        *(("note", note) for note in transition.notes),
    )
    return (field(label, one, width) for label, one in said)
