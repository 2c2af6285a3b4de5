"""Declared, locked, asked for by the build, and built: what each list has of a distribution, on this runtime."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from harness.dependencies.comparison.built import Built, BuiltDistributions, same
from harness.dependencies.comparison.cache_keys import unkeyed
from harness.dependencies.comparison.closure import Conditions, Need, Root, closure
from harness.dependencies.inputs import inputs_of
from harness.dependencies.project import MAIN, Asked, BuildInput, Group, Kind, Lock, Project, UnknownLock
from harness.facts.installed.requirements import holds, marker_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.dependencies.comparison.cache_keys import Unkeyed
    from harness.dependencies.inputs import Inputs
    from harness.dependencies.project import Edge, Locked
    from harness.facts.installed.union import Union
    from harness.facts.python.program import Program
    from harness.manifest import Manifest

_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:/|git@")


@dataclass(frozen=True)  # without slots: what is derived is computed once, and cached properties keep it in __dict__
class DependencyLists:
    """The four lists.

    Attributes:
        program: What is built.
        project: What the repository says.
        manifest: What is declared to be verified.
        siblings: Gives the programs of the manifest's other functions, which have archives of their own.
    """

    program: Program
    project: Project = field(default_factory=Project)
    manifest: Manifest | None = None
    siblings: Callable[[], tuple[Program, ...]] = field(default=tuple, compare=False)

    @cached_property
    def _archives(self) -> BuiltDistributions:
        return BuiltDistributions(self.program, self.siblings)

    @property
    def union(self) -> Union:
        """The distributions that Python finds in code and layers."""
        return self._archives.union

    def built(self, name: str) -> Built:
        """Find a distribution in the archives."""
        return self._archives.find(name)

    def requires(self, name: str, extra: str) -> Iterator[tuple[str, frozenset[str]]]:
        """The requirements of a built distribution by its metadata, always or with an extra."""
        return self._archives.requires(name, extra, self._environment)

    @cached_property
    def ours(self) -> frozenset[int]:
        """The archives, by identity, that hold something of what is asked for; the others are a vendor's."""
        installed = [one for found in self.union.installed.values() for one in found]
        ours = {id(one.archive) for one in installed if one.distribution.key in self.built_for}
        return frozenset(ours or {id(one.archive) for one in installed})

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        return marker_environment(self.program.policy.python, self.program.architecture)

    def holds(self, one: Asked) -> bool:
        """Whether a line asks for something on this runtime."""
        return holds(one.requirement.marker, self._environment)

    @property
    def lock(self) -> Lock | None:
        """The lock, if there is one that can be read."""
        return self.project.lock if isinstance(self.project.lock, Lock) else None

    @property
    def unknown(self) -> UnknownLock | None:
        """The lock, if its format is not known."""
        return self.project.lock if isinstance(self.project.lock, UnknownLock) else None

    @property
    def own_name(self) -> str | None:
        """The name of the project itself."""
        return self.project.declared.name if self.project.declared else None

    @cached_property
    def declared(self) -> Mapping[str, tuple[Asked, ...]]:
        """The declared lines of every list, by name; only those that hold on this runtime."""
        return self._by_name(self.project.declared.asked if self.project.declared else ())

    @cached_property
    def main(self) -> Mapping[str, tuple[Asked, ...]]:
        """The lines that are declared for production, by name, without the project itself."""
        found = {name: tuple(one for one in several if one.group == MAIN) for name, several in self.declared.items()}
        return {name: several for name, several in found.items() if several and name != self.own_name}

    @cached_property
    def asked(self) -> Mapping[str, tuple[Asked, ...]]:
        """The requested lines of the build input, by name; only those that hold on this runtime."""
        return self._by_name(self._build.asked)

    @cached_property
    def input(self) -> Mapping[str, str]:
        """The lines that the archives are built from, by name: the build input's, or else the lock's for production."""
        if self.project.build:
            return {name: several[0].where for name, several in self.asked.items()}
        return {name: self.locked[name].where for name in self.needs.get(MAIN, ()) if name in self.locked}

    @property
    def input_shown(self) -> str | None:
        """The name of that in a message; None where there is nothing."""
        if self.project.build:
            return " and ".join(self.project.build.shown)
        return self.lock.shown if self.lock else None

    @cached_property
    def inputs(self) -> Inputs | None:
        """The files that the archives are made from."""
        return inputs_of(self.manifest, self.project) if self.manifest else None

    @cached_property
    def caches(self) -> tuple[Unkeyed, ...]:
        """The caches of the manifest's own archives whose key misses something that they are built from."""
        found = unkeyed(self.manifest, self.inputs) if self.manifest and self.inputs else ()
        return tuple(one for one in found if one.own)

    def excluded(self, name: str) -> tuple[Asked, ...]:
        """The lines that ask for a distribution, declared or in the build input, and not on this runtime."""
        declared = self.project.declared.asked if self.project.declared else ()
        return tuple(line for line in (*declared, *self._build.asked) if line.name == name and not self.holds(line))

    @cached_property
    def constraints(self) -> Mapping[str, tuple[Asked, ...]]:
        """The lines of constraints files, by name."""
        return self._by_name(self._build.constraints)

    def _by_name(self, lines: Iterable[Asked]) -> Mapping[str, tuple[Asked, ...]]:
        """The lines that hold on this runtime, by the names that they ask for."""
        grouped: dict[str, list[Asked]] = defaultdict(list)
        for line in filter(self.holds, lines):
            grouped[line.name].append(line)
        return {name: tuple(asked) for name, asked in grouped.items()}

    @property
    def _build(self) -> BuildInput:
        return self.project.build or BuildInput()

    @cached_property
    def locked(self) -> Mapping[str, Locked]:
        """The entry of the lock that holds on this runtime, by name."""
        found: dict[str, Locked] = {}
        for entry in self.lock.packages if self.lock else ():
            markers = [entry.by_group.get(group, entry.marker) for group in entry.lists]
            known = found.get(entry.name)
            if any(map(self._conditions.met, markers)) and (known is None or _rank(entry) > _rank(known)):
                found[entry.name] = entry
        return found

    def locks(self, name: str) -> bool:
        """Whether the lock has a distribution for production."""
        entry = self.locked.get(name)
        if entry is None or entry.groups is not None or entry.dependencies is None:
            return entry is not None and MAIN in entry.lists
        return name in self._locked_for_production

    @cached_property
    def _locked_for_production(self) -> Mapping[str, Need]:
        """The production part of a lock without groups, by the project's requests that it repeats."""
        if self.lock is None or self.lock.roots is None:
            return self.needs.get(MAIN, {})
        return closure(self._locked_roots(MAIN, self.lock.roots.get(MAIN, ())), self._follow)

    @cached_property
    def _conditions(self) -> Conditions:
        return Conditions(self._environment)

    @cached_property
    def needs(self) -> Mapping[Group, Mapping[str, Need]]:
        """Everything that each declared list needs, directly or not, by name."""
        return {group: closure(roots, self._follow) for group, roots in self._roots.items()}

    @cached_property
    def built_for(self) -> Mapping[str, Need]:
        """Everything that the build input needs, directly or not, by name."""
        if self.project.build is None:
            return self.needs.get(MAIN, {})
        lines = (*(line for asked in self.asked.values() for line in asked), *filter(self.holds, self._build.needed))
        return closure((_root(line, None) for line in lines), self._follow)

    @property
    def is_locked(self) -> bool:
        """Whether the lock is what the archives are installed from, rather than requirements beside it."""
        return self.project.build is None or self.project.built_from_lock

    @cached_property
    def unlocked(self) -> tuple[tuple[Locked, Built], ...]:
        """The entries of a lock beside the build input whose version the archives do not have."""
        if self.is_locked:
            return ()
        names = dict.fromkeys([*self.built_for, *(name for name in self.locked if self.locks(name))])
        pairs = [(self.locked[name], self.built(name)) for name in names if name in self.locked]
        return tuple((entry, built) for entry, built in pairs if _differs(entry, built.version) and self._meant(built))

    def _meant(self, built: Built) -> bool:
        """Whether what is built is what the build demands, so that only the lock is another."""
        bound = self.bound(built.installed.distribution.key) if built.installed else None
        return bound is None or built.version is None or same(bound[0], built.version)

    def bound(self, name: str) -> tuple[str, str] | None:
        """The one version that a pin or a constraint of the build demands, and which line does."""
        several = (*self.asked.get(name, ()), *self.constraints.get(name, ()))
        return next(((one.version, one.where) for one in several if one.version), None)

    @cached_property
    def _roots(self) -> Mapping[Group, tuple[Root, ...]]:
        roots: dict[Group, list[Root]] = defaultdict(list)
        for line in (line for lines in self.declared.values() for line in lines):
            roots[line.group].append(_root(line, line.group))
        for group, edges in ((self.lock.roots if self.lock else None) or {}).items():
            known = {root.name for root in roots[group]}
            roots[group] += (root for root in self._locked_roots(group, edges) if root.name not in known)
        if not roots:  # nothing is declared: what the lock has for each list
            for entry in self.locked.values():
                for group in entry.lists:
                    roots[group].append(Root(entry.name, frozenset(), group, entry.where))
        order = sorted(roots, key=lambda group: (group.kind is not Kind.MAIN, group))
        return {group: tuple(roots[group]) for group in order}

    def _locked_roots(self, group: Group, edges: Iterable[Edge]) -> Iterator[Root]:
        """The requests for one list that a lock repeats."""
        where = self.lock.shown if self.lock else ""
        return (Root(edge.name, edge.extras, group, where) for edge in edges if self._conditions.met(edge.marker))

    def _follow(self, name: str, extra: str) -> Iterator[tuple[str, frozenset[str]]]:
        """The requirements of a distribution by the lock, or by the metadata of the built one."""
        yield from self.locked_extra(name, extra)
        entry = self.locked.get(name)
        if entry is None or entry.dependencies is None:
            yield from self.requires(name, extra)

    def locked_extra(self, name: str, extra: str) -> Iterator[tuple[str, frozenset[str]]]:
        """The requirements of a locked distribution with an extra; with the empty one, always."""
        entry = self.locked.get(name)
        for edge in (entry.dependencies if entry else None) or ():
            if edge.extra == extra and self._conditions.met(edge.marker, extra):
                yield edge.name, edge.extras

    def knows_requirements(self, names: Iterable[str]) -> bool:
        """Whether it is known what distributions require, all of them: by the lock, or by their own metadata."""
        if self.lock and all(one.dependencies is not None for one in self.locked.values()):
            return True
        return all(name in self.union.installed for name in names)

    def group_needs(self, name: str) -> tuple[Need, ...]:
        """Why each list needs a distribution; the main list first."""
        return tuple(needs[name] for needs in self.needs.values() if name in needs)

    def local(self, name: str) -> str | None:
        """The folder of the repository that a distribution is from; None for one of an index."""
        for one in self.asked.get(name, ()):
            if one.folder:
                return one.folder
        entry = self.locked.get(name)
        return entry.url if entry and entry.url and not _REMOTE.match(entry.url) else None

    def expected(self, name: str) -> tuple[str, str] | None:
        """The one version that a distribution must have, and which line says so: a pin, a constraint, the lock.

        A lock that the archives do not agree with, and are not installed from, says nothing of the next build either.
        """
        if found := self.bound(name):
            return found
        entry = self.locked.get(name) if not self.unlocked else None
        return (entry.version, entry.where) if entry and entry.version and not entry.url else None


def _differs(entry: Locked, version: str | None) -> bool:
    return version is not None and entry.version is not None and not entry.url and not same(entry.version, version)


def _root(line: Asked, group: Group | None) -> Root:
    return Root(line.name, frozenset(line.requirement.extras), group, line.where)


def _rank(entry: Locked) -> tuple[bool, Version]:
    """Of entries of one name that hold, one for production counts before the others, and a newer one before older."""
    try:
        return MAIN in entry.lists, Version(entry.version or "0")
    except InvalidVersion:
        return MAIN in entry.lists, Version("0")
