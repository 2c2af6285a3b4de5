"""Lists of dependencies as files declare them, and what each asks for with all that it includes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.dependencies.project import Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.dependencies.declared.toml_file import TomlFile
    from harness.dependencies.project import Asked

DEV = Group(Kind.GROUP, "dev")

_Under: TypeAlias = tuple[str, ...]
_MOST: Final = 100_000  # steps of expanding all lists: of extras that ask for one another, conditions multiply
_CONDITIONS: Final = 100  # that one list is asked for under


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
    """The table of each list; of a list with two tables, the first."""
    found: dict[Group, str] = {}
    for one in lists:
        found.setdefault(one.group, one.table)
    return found


def expanded(lists: Sequence[Listed], own: str | None, file: TomlFile) -> Iterator[Asked]:
    """The requirements of each list, with those of the lists that it includes.

    So it is with the project's own extras: ``parcel-desk[postgres]`` in a list of Parcel Desk's means what is in
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
    left = _MOST
    for group, table in tables(lists).items():
        found = [*islice(merged.all_of(group), left)]
        left -= len(found)
        if not left or merged.endless:
            file.problems.append(f"{file.shown}: expected lists that do not include one another beyond reason: {table}")
            return
        yield from dict.fromkeys(one for one in found if one)


class _Merged:
    """The lists by their groups."""

    def __init__(self, lists: Iterable[Listed], own: str | None) -> None:
        self.endless = False
        self._own = own
        self._asked: dict[Group, list[Asked]] = defaultdict(list)
        self._includes: dict[Group, list[Include]] = defaultdict(list)
        for one in lists:
            self._asked[one.group] += one.asked
            self._includes[one.group] += one.includes

    def problems(self) -> Iterator[str]:
        """The problems of the includes."""
        gone = [one for _, several in self._groups() for one in several if one.group not in self._asked]
        yield from (f"{one.where}: expected a group that there is, found {one.group.name!r}" for one in gone)
        if gone:
            return
        graph = {of: [to.group for to in several] for of, several in self._groups()}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            yield self._circle(error.args[1], [*graph])

    def _circle(self, circle: Sequence[Group], order: Sequence[Group]) -> str:
        """The problem of groups that include one another, at the place where the first of them is included.

        Args:
            circle: The groups, each included in the next; the last is the first.
            order: All groups, as they are declared.
        """
        first = min(circle, key=order.index)
        by = circle[circle.index(first) + 1]
        where = next(one.where for one in self._includes[by] if one.group == first)
        return f"{where}: expected groups that do not include themselves, found {first.name!r}"

    def _groups(self) -> Iterator[tuple[Group, list[Include]]]:
        """The groups, with what each includes; only those can include one another."""
        yield from ((group, self._includes[group]) for group in self._asked if group.kind is Kind.GROUP)

    def all_of(self, group: Group) -> Iterator[Asked | None]:
        """The requirements of a list and of those that it includes; None for a step that adds nothing.

        A list is part of it once, however often it is included, unless the conditions are others each time. There is a
        stack in place of calls, since lists may be nested deeper than those.
        """
        seen: dict[Group, list[frozenset[str]]] = defaultdict(list)
        waiting: list[tuple[Asked | Group, _Under]] = [(group, ())]
        while waiting:
            one, under = waiting.pop()
            if not isinstance(one, Group):
                yield replace(one, group=group, requirement=_under(under, one.requirement))
                continue
            yield None
            conditions = frozenset(under)
            if len(seen[one]) > _CONDITIONS:
                self.endless = True
                return
            if not any(known <= conditions for known in seen[one]):
                seen[one].append(conditions)
                waiting += reversed([*self._parts(one, under)])

    def _parts(self, group: Group, under: _Under) -> Iterator[tuple[Asked | Group, _Under]]:
        """The requirements of a list itself, and the lists that are part of it, each under its conditions."""
        for one in self._asked.get(group, ()):
            if one.name != self._own:
                yield one, under
                continue
            marker = str(one.requirement.marker) if one.requirement.marker else None
            inner = (*under, marker) if marker and marker not in under else under
            extras = sorted(map(canonicalize_name, one.requirement.extras))
            yield from ((Group(Kind.EXTRA, extra), inner) for extra in extras)
        yield from ((include.group, under) for include in self._includes.get(group, ()))


def _under(conditions: _Under, requirement: Requirement) -> Requirement:
    """A requirement under more conditions."""
    if not conditions:
        return requirement
    both = Requirement(str(requirement))
    own = (str(both.marker),) if both.marker else ()
    both.marker = Marker(" and ".join(f"({one})" for one in (*conditions, *own)))
    return both
