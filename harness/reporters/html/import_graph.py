"""The imports that lead from the functions to a problem, as a graph from above to below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import FunctionInfo
    from harness.reporters.document import ProblemText

_BESIDE: Final = 4  # nodes in a row
_CHAINS: Final = 12
_ENDS: Final = (5, 8)  # of a long chain, the first and the last modules
ROW: Final = 56  # pixels from one row to the next, and
NODE: Final = 30  # of a node


@dataclass(frozen=True, slots=True)
class Node:
    """A function, a module, or the problem.

    Attributes:
        x: The middle, in percent, and
        width: of the page's width.
        y: The upper edge, in pixels.
        kind: ``function``, ``module`` or ``end``.
    """

    label: str
    x: float
    y: int
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, the lines from the lower edge of one to the upper edge of another, and how many were left out."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[Node, Node], ...]
    height: int
    left: int


def drawn(problem: ProblemText, functions: Sequence[FunctionInfo]) -> Graph | None:
    """The graph of a problem, from those functions whose handler begins a chain; None where no imports lead to it."""
    paths = list(dict.fromkeys(_paths(problem, functions)))
    return _graph(paths[:_CHAINS], len(paths[_CHAINS:])) if paths else None


def _paths(problem: ProblemText, functions: Sequence[FunctionInfo]) -> Iterator[tuple[str, ...]]:
    for group in problem.findings:
        if len(chain := group.finding.chain) > 1:
            names = [one.name for one in functions if one.handler.rpartition(".")[0].replace("/", ".") == chain[0]]
            for name in names or [""]:
                yield (name and f"function {name}", *_shortened(chain), problem.title)


def _shortened(chain: tuple[str, ...]) -> tuple[str, ...]:
    first, last = _ENDS
    left = len(chain) - first - last
    return (*chain[:first], f"({left} more)", *chain[-last:]) if left > 1 else chain


def _graph(paths: Sequence[tuple[str, ...]], left: int) -> Graph:
    depths = dict[tuple[str, bool], int]()  # a module may be called as a function is
    for path in paths:
        for depth, label in enumerate(path):
            key = label, depth == 0
            depths[key] = max(depth, depths.get(key, 0))
    end = (paths[0][-1], False)
    depths[end] = max(depths.values())
    rows = dict[int, list[tuple[str, bool]]]()
    for key, depth in depths.items():
        if key[0]:
            rows.setdefault(depth, []).append(key)
    nodes = dict[tuple[str, bool], Node]()
    for number, depth in enumerate(sorted(rows)):
        left += len(rows[depth][_BESIDE:])
        row = rows[depth][:_BESIDE]
        for at, key in enumerate(row):
            kind = "function" if key[1] else "end" if key == end else "module"
            nodes[key] = Node(key[0], 100 * (at + 0.5) / len(row), ROW * number, min(96 / len(row), 64), kind)
    edges = {
        (nodes[above], nodes[below]): None
        for path in paths
        for depth in range(len(path) - 1)
        if (above := (path[depth], depth == 0)) in nodes and (below := (path[depth + 1], False)) in nodes
    }
    return Graph(tuple(nodes.values()), tuple(edges), ROW * len(rows) - ROW + NODE + 2, left)
