"""Where the time went, for people: the phases, the starts of the handlers, and the checks, each with its parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from harness.model import Timing
from harness.reporters import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import Report

_STARTS = "starts of handlers"
_CHECKS = "checks"
_MOST_PARTS = 10
_SHORTEST = 0.005  # seconds; what is shown as 0.00 is not worth a line

NOTE = (
    "What is done side by side is counted each time, and a check is charged with what it is the first to ask for: the "
    "parts can add up to more than the whole."
)


def timed(report: Report) -> Report:
    """The report, with the starts of its handlers and its checks among its timings."""
    starts = [Timing(one.name, one.init_seconds, _STARTS) for one in report.functions if one.init_seconds is not None]
    checks = [
        Timing(text.about(one.check, [one.function] if one.function else []), one.seconds, _CHECKS)
        for one in report.results
    ]
    known = {one.name for one in report.timings if one.parent is None}
    more = [one for name, parts in ((_STARTS, starts), (_CHECKS, checks)) if name not in known for one in _with(parts)]
    return replace(report, timings=(*report.timings, *more))


def _with(parts: Sequence[Timing]) -> Iterator[Timing]:
    """Parts of the same whole, and before them the whole."""
    if parts:
        yield Timing(str(parts[0].parent), sum(_finite(part) for part in parts))
        yield from parts


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    seconds: float
    is_part: bool


def rows(report: Report) -> Iterator[Row]:
    """The wholes in their order, below each its parts, the longest first; what was done several times is one row."""
    for name, seconds in _sums(report.timings, None).items():
        yield Row(name, seconds, is_part=False)
        parts = sorted(_sums(report.timings, name).items(), key=lambda part: part[1], reverse=True)
        shown = [Row(*part, is_part=True) for part in parts[:_MOST_PARTS] if part[1] >= _SHORTEST]
        yield from shown
        if shown and (rest := parts[len(shown) :]):
            yield Row(f"{len(rest):,} more", sum(seconds for _, seconds in rest), is_part=True)


def _sums(timings: Sequence[Timing], parent: str | None) -> dict[str, float]:
    several = text.gather((one.name, _finite(one)) for one in timings if one.parent == parent)
    return {name: sum(each) for name, each in several.items()}


def _finite(timing: Timing) -> float:
    return timing.seconds if isfinite(timing.seconds) else 0.0
