"""The closure of what a project asks for, the way to each part of it, and the markers of a lock on the way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from harness.dependencies.project import Group


_APART: Mapping[str, AbstractSet[str]] = {"extras": frozenset(), "dependency_groups": frozenset()}


@dataclass(frozen=True, slots=True)
class Root:
    """A distribution that is asked for by name.

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
    """Why a distribution is needed: the root that asks for it by the shortest way.

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
"""The requirements of a distribution for one of its extras, or for the empty name always: names and their extras."""


def closure(roots: Iterable[Root], follow: Follow) -> Mapping[str, Need]:
    """Everything that roots need, by name."""
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


@dataclass(frozen=True, slots=True)
class Conditions:
    """The markers of a lock, evaluated once each in the environment of a runtime: a lock has few that differ."""

    environment: Mapping[str, str]
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def met(self, marker: str | None, extra: str = "") -> bool:
        """Whether a condition is met, with one extra or none; one that cannot be evaluated is not.

        The groups and extras of the project do not count: the lists are apart already.
        """
        if marker is None:
            return True
        if (known := self._known.get((marker, extra))) is None:
            known = self._known[marker, extra] = self._evaluated(marker, extra)
        return known

    def _evaluated(self, marker: str, extra: str) -> bool:
        environment: dict[str, str | AbstractSet[str]] = {**self.environment, "extra": extra, **_APART}
        try:
            return Marker(marker).evaluate(environment, context="lock_file")
        except (InvalidMarker, InvalidVersion, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
            return False
