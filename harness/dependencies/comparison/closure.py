"""Who needs what: from what a project asks for to everything that comes along, and the way there."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.dependencies.project import Group


@dataclass(frozen=True, slots=True)
class Root:
    """A distribution that is asked for in so many words.

    Attributes:
        name: Normalised.
        extras: Those that are asked of it.
        group: In which list; None for the build input.
        where: The line.
    """

    name: str
    extras: frozenset[str]
    group: Group | None
    where: str


@dataclass(frozen=True, slots=True)
class Need:
    """Why a distribution is needed: what asked for it first, by the shortest way.

    Attributes:
        name: Normalised.
        root: What the way begins with.
        parent: What requires it; None for the root itself.
    """

    name: str
    root: Root
    parent: Need | None = None

    @property
    def chain(self) -> tuple[str, ...]:
        """The names from the root's to its own."""
        return (*(self.parent.chain if self.parent else ()), self.name)


Follow: TypeAlias = "Callable[[str, str], Iterable[tuple[str, frozenset[str]]]]"
"""What a distribution requires with one of its extras, or with the empty name always: names and their extras."""


def closure(roots: Iterable[Root], follow: Follow) -> Mapping[str, Need]:
    """Everything that roots need, by name.

    Args:
        roots: What is asked for.
        follow: What a distribution requires, and asks of that.
    """
    found: dict[str, Need] = {}
    done: set[tuple[str, str]] = set()
    waiting = deque((Need(root.name, root), root.extras) for root in roots)
    while waiting:
        need, extras = waiting.popleft()
        need = found.setdefault(need.name, need)
        for extra in _undone(need.name, extras, done):
            waiting.extend((Need(name, need.root, need), asked) for name, asked in follow(need.name, extra))
    return found


def _undone(name: str, extras: frozenset[str], done: set[tuple[str, str]]) -> Iterator[str]:
    for extra in ("", *sorted(extras)):
        if (name, extra) not in done:
            done.add((name, extra))
            yield extra
