"""Workflow commands of GitHub Actions: an annotation for each problem, within the limits of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from harness.plain_text import and_more
from harness.reporters import text
from harness.reporters.alerts import alerts, home, not_done

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import Place, Report

MOST: Final = 10
"""Annotations of each level that GitHub shows of a step."""

_MESSAGE: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = _MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


class _Annotation(NamedTuple):
    """One line; each text is harmless."""

    level: str
    place: Place
    title: str
    message: str


def render(report: Report) -> str:
    """A line for each problem, errors first; the last of a level says how many more there are."""
    by_level = text.gather((one.level, one) for one in dict.fromkeys(_annotations(report)))
    return "".join(line for several in by_level.values() for line in _lines(several))


def _annotations(report: Report) -> Iterator[_Annotation]:
    """The problems, the worst first, then what was not done."""
    for several in text.gather((alert.problem, alert) for alert in alerts(report)).values():
        first = several[0]  # it tells most
        yield _Annotation(first.finding.severity.value, first.place, first.title, first.message)
    for one in not_done(report):
        yield _Annotation("error", home(report), f"could not be done: {one.subjects}", one.reason)


def _lines(several: Sequence[_Annotation]) -> Iterator[str]:
    for number, one in enumerate(several[:MOST], 1):
        more = and_more(len(several) - MOST + 1) if number == MOST else ""
        properties = {"file": one.place.file, "line": str(one.place.line or ""), "title": one.title + more}
        said = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items() if value)
        yield f"::{one.level} {said}::{one.message.translate(_MESSAGE)}\n"
