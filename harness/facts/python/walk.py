"""A walk along imports and calls: the files and functions that it reaches, and when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.python.calls import Entry
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.facts.python.graph import Graph


@dataclass(frozen=True, slots=True)
class Reach:
    """How a module is reached.

    Attributes:
        name: Its name.
        path: Its file, as in the function.
        when: With the handler, with the handler if some condition holds or some guarded import succeeds, or only when a
            function is called.
        parent: What imports it; None for a handler's own module.
        line: On which line of the parent.
        guarded: Whether the failure of an import on the way is expected, and no other way leads there.
    """

    name: str
    path: str
    when: When
    parent: Reach | None = None
    line: int = 0
    guarded: bool = False

    @property
    def chain(self) -> tuple[str, ...]:
        """The modules from the handler's own to this one."""
        return (*(self.parent.chain if self.parent else ()), self.name)


@dataclass(frozen=True, slots=True)
class Edge:
    """That one module imports another.

    Attributes:
        name: The other's name.
        path: Its file.
        line: Of the statement.
        certain: Whether nothing but the reaching of the statement decides that it is executed, and must succeed.
        lazy: Whether it stands in a function.
        routine: Which one, where that is known.
        guarded: Whether its failure is expected.
    """

    name: str
    path: str
    line: int
    certain: bool
    lazy: bool
    routine: str | None
    guarded: bool


def weaker(when: When) -> When:
    """When that runs which stands under a condition, in what runs then."""
    return When.PERHAPS_AT_START if when is When.AT_START else max(when, When.LATER if when is When.AT_EVENT else when)


def within(line: int, spans: Iterable[tuple[int, int]]) -> bool:
    """Whether a line is in one of these."""
    return any(first <= line <= last for first, last in spans)


class Walk:
    """One walk along the imports and the calls, the most certain first.

    Attributes:
        reached: The files that it came to, by path: as early as can be, and then by the shortest chain.
        entered: The functions that it certainly came to, by file and name, and when.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        # What is only reached where a failure is expected comes last.
        self._waiting: dict[tuple[bool, When], deque[Reach | tuple[Entry, Reach]]] = {
            (guarded, when): deque() for guarded in (False, True) for when in When
        }
        self._done = set[Entry]()
        self.reached: dict[str, Reach] = {}
        self.entered: dict[tuple[str, str], When] = {}

    def add(self, reach: Reach) -> None:
        """Come to a module."""
        if reach.path not in self.reached:
            self._waiting[reach.guarded, reach.when].append(reach)

    def enter(self, entry: Entry, when: When, caller: Reach) -> None:
        """Come to a function, from a module."""
        if entry not in self._done:
            self._waiting[caller.guarded, when].append((entry, caller))

    def finish(self) -> None:
        """Walk on until nothing is left."""
        while (key := next((key for key, queue in self._waiting.items() if queue), None)) is not None:
            step = self._waiting[key].popleft()
            if isinstance(step, Reach):
                self._module(step)
            else:
                self._routine(*step, key[1])

    def when(self, path: str, line: int) -> When:
        """When a line is run."""
        reach = self.reached.get(path)
        if reach is None:
            return When.NEVER
        flow = self._graph.flow(path)
        routine = flow.at(line) if flow else None
        if routine is None:
            return When.LATER if self._graph.lazy(path, line) else reach.when
        base = self.entered.get((path, routine.name), When.LATER) if routine.name else reach.when
        if within(line, routine.never):
            return When.NEVER
        return weaker(base) if within(line, routine.unsure) else base

    def _module(self, reach: Reach) -> None:
        if reach.path in self.reached:
            return
        self.reached[reach.path] = reach
        for edge in self._graph.edges(reach.name, reach.path):
            when = When.LATER if edge.lazy else reach.when if edge.certain else weaker(reach.when)
            self.add(Reach(edge.name, edge.path, when, reach, edge.line, reach.guarded or edge.guarded))
        self.enter(Entry(reach.path, ""), reach.when, reach)

    def _routine(self, entry: Entry, caller: Reach, when: When) -> None:
        if entry in self._done:
            return
        self._done.add(entry)
        self.entered.setdefault((entry.path, entry.name), when)
        reach = self.reached.get(entry.path, caller)
        if entry.name:
            for edge in self._graph.edges(reach.name, entry.path):
                if edge.routine == entry.name:
                    sooner = when if edge.certain else weaker(when)
                    self.add(Reach(edge.name, edge.path, sooner, reach, edge.line, reach.guarded or edge.guarded))
        for called in self._graph.made(entry):
            self.enter(called, when, reach)
