"""For a browser: one file without scripts, which loads nothing and stays below two megabytes."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.plain_text import printed
from harness.reporters import text, timings
from harness.reporters.html import import_graph, treemap, waterfall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.reporters.document import Document, ProblemText
    from harness.reporters.html.import_graph import Graph

_KB: Final = 1000
# What each section may take; together with everything else less than two megabytes.
_BUDGETS: Final[Mapping[str, int]] = {
    "problems": 350 * _KB,
    "rows": 600 * _KB,
    "not_done": 100 * _KB,
    "functions": 120 * _KB,
    "inits": 300 * _KB,
    "links": 300 * _KB,
    "maps": 150 * _KB,
    "archives": 80 * _KB,
    "facts": 120 * _KB,
    "timings": 30 * _KB,
}
_OPEN: Final = 10
"""Problems that are shown unfolded."""
_DRAWN: Final = 50
"""Problems with a graph."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        parts: As markup, as many as fit.
        left: How many do not.
    """

    parts: tuple[Markup, ...]
    left: int


def render(document: Document) -> str:
    """Render a report as a page.

    Args:
        document: What to render; its texts are harmless.
    """
    environment = _environment()
    part: Any = environment.get_template("parts.html").module
    style = printed(environment.get_template("style.css").render())
    several = tuple(enumerate((*document.problems, *document.warnings), 1))
    explained = (part.problem(number, one, _graph(number, one, document), number <= _OPEN) for number, one in several)
    problems = _fitting("problems", explained)
    made: dict[str, Iterable[Markup]] = {
        "rows": (part.row(number, one) for number, one in several[len(problems.parts) :]),
        "not_done": map(part.not_done, document.not_done),
        "functions": (part.function(one, one.name in document.stopped) for one in document.functions),
        "inits": (part.init(one, at == 0) for at, one in enumerate(waterfall.waterfalls(document.functions))),
        "links": map(part.link, document.links),
        "maps": map(part.treemap, treemap.maps(document)),
        "archives": (part.archive(*one) for one in document.archives),
        "facts": (part.fact(one) for one in document.facts if one.words),
        "timings": map(part.timing, document.timings),
    }
    page = environment.get_template("page.html").render(
        document=document,
        # As the browser sees it: between the tags.
        style=Markup(style),  # noqa: S704 - ours
        digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        sections={"problems": problems} | {name: _fitting(name, parts) for name, parts in made.items()},
        numbers=_numbers(one for _, one in several),
        note=timings.NOTE,
    )
    return printed(page + "\n")


def _graph(number: int, problem: ProblemText, document: Document) -> Graph | None:
    return import_graph.drawn(problem, document.functions) if number <= _DRAWN else None


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.reporters.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "size": text.size,
        "about": text.about,
        "lines": lambda words: Markup("<br>").join(words.split("\n")),
        "percent": lambda share: f"{share:.2f}%",
    }
    return environment


def _fitting(name: str, parts: Iterable[Markup]) -> Section:
    """The first parts of a section, as long as they are within its budget."""
    shown, left, budget = list[Markup](), 0, _BUDGETS[name]
    for part in parts:
        budget -= len(part.encode())
        if left or budget < 0:
            left += 1
        else:
            shown.append(part)
    return Section(tuple(shown), left)


def _numbers(problems: Iterable[ProblemText]) -> Iterator[str]:
    """How many problems there are of each severity."""
    counted = text.gather((one.severity.value, one) for one in problems)
    return (text.count(len(each), name, f"{name}s") for name, each in counted.items())
