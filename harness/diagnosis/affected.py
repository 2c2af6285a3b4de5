"""Which handlers a missing module stops, by which chain of imports, and which it leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.facts.graph import Reach, Unresolved
    from harness.facts.program import Program


@dataclass(frozen=True, slots=True)
class Way:
    """How a function gets to an import that finds nothing."""

    function: str
    when: When
    steps: tuple[str, ...]

    def __str__(self) -> str:
        """``api (app.main:3 → app.api:9)``: each module with the line on which it imports the next."""
        return f"{self.function} ({' → '.join(self.steps)})"


def told(module: str, program: Program) -> Iterator[str]:
    """One sentence each on the functions that a module's absence stops, may stop later, and leaves alone."""
    places = tuple(_places(module, program))
    if not places or not program.names:
        return
    ways = tuple(way for name in program.names if (way := _way(name, places, program)))
    at_start = [str(way) for way in ways if way.when is When.AT_START]
    later = [str(way) for way in ways if way.when is not When.AT_START]
    reached = {way.function for way in ways}
    if at_start:
        yield f"affected, when they start: {'; '.join(at_start)}"
    if later:
        yield f"affected, when the import is reached: {'; '.join(later)}"
    if alone := [name for name in program.names if name not in reached]:
        yield f"not affected: {', '.join(alone)}"


def names(module: str, program: Program) -> tuple[str, ...]:
    """What the imports that miss a module name in full, and the module: ``google.cloud.storage``, ``google``."""
    found = [
        f"{one.statement.module}.{name}".removesuffix(".*")
        for one in _places(module, program)
        for name in one.statement.names or ("*",)
        if not one.statement.level
    ]
    return (*dict.fromkeys(found), module)


def _places(module: str, program: Program) -> Iterator[Unresolved]:
    """The imports of a module that find nothing: in the user's own code, and in libraries that a handler loads."""
    paths = dict.fromkeys((*program.serving, *sorted(program.graph.reached)))
    for path in paths:
        if path in program.facts.modules:
            yield from (one for one in program.graph.unresolved(path) if one.missing == module and one.name is None)


def _way(function: str, places: Sequence[Unresolved], program: Program) -> Way | None:
    """The way of one function that is gone first, and is the shortest."""
    reached = program.reached_by[function]
    ways = [_to(function, reach, one) for one in places if (reach := reached.get(one.path))]
    return min(ways, key=lambda way: (way.when, len(way.steps)), default=None)


def _to(function: str, reach: Reach, one: Unresolved) -> Way:
    when = reach.when
    if one.statement.lazy:
        when = When.LATER
    elif not one.statement.certain:
        when = max(when, When.PERHAPS_AT_START)
    steps, line, step = [], one.statement.line, reach
    while True:
        steps.append(f"{step.name}:{line}")
        if step.parent is None:
            return Way(function, when, tuple(reversed(steps)))
        line, step = step.line, step.parent
