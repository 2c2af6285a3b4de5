"""The goals as a picture: for each line its median and spread, as a share of what it may be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.results import bound, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Figure

WIDTH, LEFT, RIGHT, ROW, TOP = 1000, 370, 200, 26, 64
MET, MISSED, PALE, INK, RULE = "#1a7f5a", "#c2410c", "#6b7280", "#1f2937", "#d1d5db"
TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def plot(found: Sequence[Figure]) -> str:
    """An SVG; the axis is logarithmic, and the goal is the line at 1."""
    shown = [(one, one.line.goal) for one in found if one.line.goal is not None and one.values]
    shares = [value / goal for one, goal in shown for value in one.values if value > 0]
    low, high = min([0.5, *shares]) / 1.15, max([2.0, *shares]) * 1.15
    height = TOP + ROW * len(shown) + 34

    def across(share: float) -> float:
        inside = (math.log(max(share, low)) - math.log(low)) / (math.log(high) - math.log(low))
        return LEFT + inside * (WIDTH - LEFT - RIGHT)

    rows: list[str] = []
    for number, (one, goal) in enumerate(shown):
        rows += _row(one, TOP + ROW * (number + 0.5), [across(value / goal) for value in _spread(one)])
    ticks = [tick for tick in TICKS if low < tick < high]
    bottom = TOP + ROW * len(shown)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            _text(16, 26, "Measured, as a share of the goal", weight="600", size=16),
            _text(16, 46, "median, least and most of all rounds; left of 1 the goal is met", fill=PALE),
            *(line for tick in ticks for line in _tick(tick, across(tick), bottom)),
            *rows,
            "</svg>",
            "",
        ]
    )


def _spread(figure: Figure) -> tuple[float, float, float]:
    return min(figure.values), figure.median, max(figure.values)


def _row(figure: Figure, y: float, places: Sequence[float]) -> Iterator[str]:
    least, median, most = places
    colour = MET if figure.met else MISSED
    yield _text(LEFT - 14, y + 4, figure.line.id, anchor="end")
    yield (
        f'<line x1="{least:.1f}" x2="{most:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="3" '
        'stroke-opacity="0.4" stroke-linecap="round"/>'
    )
    yield f'<circle cx="{median:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
    words = f"{spread([figure.median], figure.line.unit)}, goal {bound(figure.line)}"
    yield _text(WIDTH - RIGHT + 16, y + 4, words, fill=colour)


def _tick(tick: float, x: float, bottom: float) -> Iterator[str]:
    goal = math.isclose(tick, 1.0)
    stroke = f'stroke="{INK}" stroke-width="1.5"' if goal else f'stroke="{RULE}"'
    yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom + 4}" {stroke}/>'
    yield _text(x, bottom + 20, f"{tick:g}", anchor="middle", fill=INK if goal else PALE)


def _text(  # noqa: PLR0913 - what a text has
    x: float, y: float, words: str, *, anchor: str = "start", fill: str = INK, weight: str = "400", size: int = 13
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}" '
        f'font-size="{size}">{escape(words)}</text>'
    )
