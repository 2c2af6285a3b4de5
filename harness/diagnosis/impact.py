"""The impact of a missing module: the handlers that it stops, by which imports, and those that it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.diagnosis.severity import PERHAPS, UNAFFECTED
from harness.facts.python.possible_imports import computes
from harness.facts.python.walk import weaker
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.facts.python.graph import Unresolved
    from harness.facts.python.program import Program
    from harness.facts.python.walk import Reach


@dataclass(frozen=True, slots=True)
class Way:
    """The chain of imports by which a function gets to one that finds nothing."""

    function: str
    when: When
    steps: tuple[str, ...]

    def __str__(self) -> str:
        """``api (app.main:3 → app.api:9)``: each module with the line on which it imports the next."""
        return f"{self.function} ({' → '.join(self.steps)})"


@dataclass(frozen=True, slots=True)
class Affected:
    """The impact of a module's absence on each function.

    Attributes:
        at_start: The ways of those that it stops when they start.
        at_event: The ways of those that start, and fail with every event.
        later: The ways of those that it stops when they get to the import.
        perhaps: Those of which imports do not tell, each with the file that loads modules by other ways.
        alone: The functions that it leaves alone.
    """

    at_start: tuple[Way, ...] = ()
    at_event: tuple[Way, ...] = ()
    later: tuple[Way, ...] = ()
    perhaps: tuple[tuple[str, str], ...] = ()
    alone: tuple[str, ...] = ()

    @property
    def stopped(self) -> tuple[str, ...]:
        """The names of the functions that do not start."""
        return tuple(way.function for way in self.at_start)

    @property
    def sentences(self) -> Iterator[str]:
        """One sentence each on the functions that it stops, stops later, and leaves alone."""
        if self.at_start:
            yield f"affected, when they start: {'; '.join(map(str, self.at_start))}"
        if self.at_event:
            yield f"affected, with every event: {'; '.join(map(str, self.at_event))}"
        if self.later:
            yield f"affected, when the import is reached: {'; '.join(map(str, self.later))}"
        if self.perhaps:
            yield PERHAPS + "; ".join(f"{name} ({path} loads modules)" for name, path in self.perhaps)
        if self.alone:
            yield UNAFFECTED + ", ".join(self.alone)


def by(module: str, program: Program) -> Affected:
    """The impact of the absence of a module on each function."""
    places = tuple(_places(module, program))
    if not places:
        return Affected()
    # What functions of libraries import, few calls get to, and many expect to fail.
    places = tuple(one for one in places if one.path in program.own or not one.statement.lazy) or places
    ways = tuple(way for name in program.names if (way := _way(name, places, program)))
    rest = [name for name in program.names if name not in {way.function for way in ways}]
    loading = {name: found for name in rest if (found := _loading(name, places, program))}
    return Affected(
        tuple(way for way in ways if way.when is When.AT_START),
        tuple(way for way in ways if way.when is When.AT_EVENT),
        tuple(way for way in ways if way.when > When.AT_EVENT),
        tuple(loading.items()),
        tuple(name for name in rest if name not in loading),
    )


def _loading(function: str, places: Sequence[Unresolved], program: Program) -> str | None:
    """The file that loads modules by computed names, perhaps those that miss the module."""
    possible = program.possible(function)
    if any(one.path in possible for one in places):
        loaders = (reach.parent.path for one in places if (reach := possible.get(one.path)) and reach.parent)
        return next(loaders, "something")
    return next(iter(computes(program, program.walks[function])), None)


def names(module: str, program: Program) -> tuple[str, ...]:
    """The full names in the imports that miss a module, and the module: ``google.cloud.storage``, ``google``."""
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
    ways = [_to(function, reach, one, program) for one in places if (reach := reached.get(one.path))]
    return min(ways, key=lambda way: (way.when, len(way.steps)), default=None)


def _to(function: str, reach: Reach, one: Unresolved, program: Program) -> Way:
    when = program.when(one.path, one.statement.line, function)
    when = when if one.statement.certain else weaker(when)
    steps, line, step = [], one.statement.line, reach
    while True:
        steps.append(f"{step.name}:{line}")
        if step.parent is None:
            return Way(function, when, tuple(reversed(steps)))
        line, step = step.line, step.parent
