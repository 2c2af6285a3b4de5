"""The distributions that the user's own code imports, and the places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.python.search import Found
from harness.facts.python.walk import weaker
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.facts.python.program import Program


@dataclass(frozen=True, slots=True)
class Place:
    """One import statement.

    Attributes:
        when: When a function gets there.
    """

    path: str
    line: int
    when: When = When.NEVER

    def __str__(self) -> str:
        """``/var/task/app/main.py:7``."""
        return f"{self.path}:{self.line}"


def imported(program: Program, without: frozenset[str] = frozenset()) -> Mapping[str, Place]:
    """The distributions of the archives that first-party code imports for certain, each with the first place.

    An import that may fail, or that only type checkers follow, asks for nothing.
    """
    found: dict[str, Place] = {}
    for path in program.serving:
        if without and (program.search.module_name(path) or "").partition(".")[0] in without:
            continue
        for statement in program.facts.modules[path].imports:
            if statement.never or statement.guarded or statement.level or not program.graph.applies(statement, path):
                continue
            for name in program.graph.targets(statement, path):
                resolution = program.search.find(name)
                owner = program.facts.owners.get(resolution.path) if isinstance(resolution, Found) else None
                if owner:
                    found.setdefault(owner.distribution.key, Place(path, statement.line))
    return found


def named(program: Program, modules: Iterable[str]) -> Place | None:
    """The import that names one of some modules and that a function gets to first, in own code before libraries'.

    One that may fail does not count.
    """
    found = _named(program, modules)
    return min(found, key=lambda place: (place.when, place.path not in program.own, place.path), default=None)


def _named(program: Program, modules: Iterable[str]) -> Iterator[Place]:
    wanted = tuple(modules)
    tops = {module.partition(".")[0] for module in wanted}
    for path in program.facts.modules:
        for statement in program.facts.modules[path].imports:
            if statement.level or statement.never or statement.guarded:
                continue
            if statement.module.partition(".")[0] not in tops:
                continue
            full = [statement.module, *(f"{statement.module}.{name}" for name in statement.names)]
            if any(f"{name}.".startswith(f"{module}.") for name in full for module in wanted):
                when = program.when(path, statement.line)
                yield Place(path, statement.line, when if statement.certain else weaker(when))
