"""Lists of dependencies as files declare them, and what each asks for with all that it includes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.dependency_groups import CyclicDependencyGroup, DependencyGroupResolver
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.project.values import Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.project.toml import TomlFile
    from harness.project.values import Asked

DEV = Group(Kind.GROUP, "dev")


@dataclass(frozen=True, slots=True)
class Include:
    """A place where a list includes another one."""

    group: Group
    where: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it is declared; two that name one group are one list.

    Attributes:
        group: Which it is.
        table: How it is written, for a remedy: ``[project] dependencies``.
        asked: What it asks for in so many words.
        includes: The lists that are part of it.
    """

    group: Group
    table: str
    asked: tuple[Asked, ...] = ()
    includes: tuple[Include, ...] = ()


def tables(lists: Iterable[Listed]) -> Mapping[Group, str]:
    """How each list is written; of one that is written in two ways, the first of them."""
    found: dict[Group, str] = {}
    for one in lists:
        found.setdefault(one.group, one.table)
    return found


def expanded(lists: Sequence[Listed], own: str | None, file: TomlFile) -> Iterator[Asked]:
    """What each list asks for, with that of the lists which it includes.

    So it is with the project's own extras: ``parcel-desk[postgres]`` in a list of Parcel Desk's stands for what is in
    its extra ``postgres``.

    Args:
        lists: As they are declared.
        own: The name of the project, normalised.
        file: Where they are declared, which takes note of what is wrong with their includes.
    """
    merged = _Merged(lists, own)
    if problems := [*merged.problems()]:
        file.problems += problems
        return
    for group in tables(lists):
        yield from dict.fromkeys(merged.all_of(group, frozenset(), set()))


class _Merged:
    """The lists by their groups."""

    def __init__(self, lists: Iterable[Listed], own: str | None) -> None:
        self._own = own
        self._asked: dict[Group, list[Asked]] = defaultdict(list)
        self._includes: dict[Group, list[Include]] = defaultdict(list)
        for one in lists:
            self._asked[one.group] += one.asked
            self._includes[one.group] += one.includes

    def problems(self) -> Iterator[str]:
        """What is wrong with the includes."""
        gone = [one for _, several in self._groups() for one in several if one.group not in self._asked]
        yield from (f"{one.where}: expected a group that there is, found {one.group.name!r}" for one in gone)
        if gone:
            return
        graph = {of.name: [{"include-group": to.group.name} for to in several] for of, several in self._groups()}
        resolver = DependencyGroupResolver(graph)
        for group, _ in self._groups():
            try:
                resolver.resolve(group.name)
            except ExceptionGroup as errors:
                yield from (self._circle(one) for one in errors.exceptions if isinstance(one, CyclicDependencyGroup))
                break

    def _circle(self, error: CyclicDependencyGroup) -> str:
        """What is said of groups that include one another."""
        includes = self._includes[Group(Kind.GROUP, error.group)]
        where = next(one.where for one in includes if one.group.name == error.include_group)
        return f"{where}: expected groups that do not include themselves, found {error.include_group!r}"

    def _groups(self) -> Iterator[tuple[Group, list[Include]]]:
        """The groups, with what each includes; only those can include one another."""
        yield from ((group, self._includes[group]) for group in self._asked if group.kind is Kind.GROUP)

    def all_of(self, group: Group, within: frozenset[Group], included: set[Group]) -> Iterator[Asked]:
        """What a list asks for in the end; nothing for one that it is part of itself.

        Args:
            group: The list.
            within: Those that it is part of.
            included: Those that were included already: a list is the same however often that is.
        """
        if group in within:
            return
        within |= {group}
        for one in self._asked.get(group, ()):
            if one.name != self._own:
                yield one
                continue
            for extra in sorted(map(canonicalize_name, one.requirement.extras)):
                for part in self.all_of(Group(Kind.EXTRA, extra), within, set()):
                    yield replace(part, group=group, requirement=_under(one.requirement.marker, part.requirement))
        for include in self._includes.get(group, ()):
            if include.group not in included:
                included.add(include.group)
                yield from (replace(part, group=group) for part in self.all_of(include.group, within, included))


def _under(marker: Marker | None, requirement: Requirement) -> Requirement:
    """A requirement under one more condition."""
    if marker is None:
        return requirement
    both = Requirement(str(requirement))
    both.marker = Marker(f"({marker}) and ({both.marker})") if both.marker else marker
    return both
