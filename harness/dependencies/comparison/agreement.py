"""Disagreements between the declared, the locked and the requested list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from harness.dependencies.comparison.built import Presence
from harness.dependencies.project import MAIN, Kind
from harness.facts.installed.requirements import accepts
from harness.facts.python.imported_distributions import imported, named
from harness.policy.providers import modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.dependencies.comparison.built import Built
    from harness.dependencies.comparison.closure import Need
    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.dependencies.project import Asked, Group
    from harness.facts.python.imported_distributions import Place

# What people name lists with that are no part of what is deployed, and what may stand beside it.
_DEVELOPMENT = frozenset(
    {
        *("dev", "devel", "develop", "development", "test", "tests", "testing", "lint", "linting", "linter", "linters"),
        *("doc", "docs", "documentation", "typing", "mypy", "types", "ci", "qa", "format", "formatting", "style"),
        *("bench", "benchmark", "benchmarks", "debug", "debugging", "notebook", "notebooks", "jupyter", "coverage"),
        *("precommit", "commit", "nox", "tox", "stubs", "pytest", "ruff"),
    }
)
_BESIDE = frozenset(
    {"all", "deps", "dependencies", "tools", "tooling", "unit", "integration", "e2e", "pre", "local", "extra"}
)


def is_development(group: Group) -> bool:
    """Whether a list is for developers, by its name; ``worker`` or ``docs-api`` may well be deployed."""
    words = set(re.split(r"[-_.]", group.name.lower()))
    return group.kind is not Kind.MAIN and bool(words & _DEVELOPMENT) and words <= _DEVELOPMENT | _BESIDE


def declares(lists: DependencyLists) -> bool:
    """Whether the project lists anything for what is deployed; many a file configures linters alone."""
    declared = lists.project.declared
    return declared is not None and any(not is_development(one.group) for one in declared.asked)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is declared for production, and that the build does not ask for.

    Attributes:
        asked: Its declaration.
        built: What the artifact has of it all the same.
        through: What brings it along, if something does.
        place: An import of one of its modules, in code or layers.
    """

    asked: Asked
    built: Built
    through: Need | None
    place: Place | None


def left_out(lists: DependencyLists) -> Iterator[LeftOut]:
    """The distributions that are declared for production, and not in the build input.

    Of what only other functions have, the input of those tells: each may have its own.
    """
    for name, several in lists.main.items():
        if name not in lists.input and lists.built(name).presence is not Presence.ELSEWHERE:
            through = lists.built_for.get(name) if lists.project.build else None
            yield LeftOut(several[0], lists.built(name), through, named(lists.program, provided(name)))


def provided(name: str) -> tuple[str, ...]:
    """The modules of a distribution, by its name or the table of names."""
    return (*modules(name), name.replace("-", "_"))


@dataclass(frozen=True, slots=True)
class Added:
    """Something that the build asks for, and that nothing declares for production.

    Attributes:
        asked: The line of the build input.
        need: Through which of the developers' lists it is known; None where it is in none.
        place: An import of it in first-party code.
    """

    asked: Asked
    need: Need | None
    place: Place | None


def added(lists: DependencyLists) -> Iterator[Added]:
    """The distributions in the build input that nothing deployed declares or requires."""
    deployed = {name for group, needs in lists.needs.items() if not is_development(group) for name in needs}
    known, instead = lists.knows_requirements(deployed), _instead(lists)
    uses = imported(lists.program)
    for name, several in lists.asked.items():
        if name not in deployed and name != lists.own_name and name not in instead:
            need = next((one for one in lists.group_needs(name) if one.root.group), None)
            if need or known or name in uses:
                yield Added(several[0], need, uses.get(name))


def _instead(lists: DependencyLists) -> frozenset[str]:
    """The distributions that are there in the place of declared ones, with the same modules."""
    found = (lists.built(name) for name in lists.main)
    return frozenset(
        one.installed.distribution.key for one in found if one.presence is Presence.REPLACED and one.installed
    )


@dataclass(frozen=True, slots=True)
class LostExtra:
    """An extra that is declared, and that the build does not ask for.

    Attributes:
        declared: The declaration with the extra.
        asked: The line of the build input without it.
        lost: What the extra brings, and the artifact does not have.
    """

    declared: Asked
    asked: Asked
    extra: str
    lost: tuple[str, ...]


def lost_extras(lists: DependencyLists) -> Iterator[LostExtra]:
    """Extras that are declared and not asked for by the build, where something is missing for it."""
    for name, several in lists.main.items():
        lines = lists.asked.get(name)
        if not lines:
            continue
        given = {extra for one in lines for extra in one.requirement.extras}
        for declared in several:
            for extra in sorted(declared.requirement.extras - given):
                lost = missing_of_extra(lists, name, extra)
                if lost:
                    yield LostExtra(declared, lines[0], extra, lost)


def missing_of_extra(lists: DependencyLists, name: str, extra: str) -> tuple[str, ...]:
    """The requirements of an extra that the artifact does not have."""
    wanted = {required for required, _ in (*lists.requires(name, extra), *lists.locked_extra(name, extra))}
    return tuple(sorted(one for one in wanted if lists.built(one).presence is Presence.ABSENT))


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A specifier that excludes the version which another file has.

    Attributes:
        asked: The line with the specifier.
        version: What it excludes.
        where: The line that has it.
        declared: Whether the specifier is the declaration's; else it is the build input's.
    """

    asked: Asked
    version: str
    where: str
    declared: bool


def contradictions(lists: DependencyLists) -> Iterator[Contradiction]:
    """Specifiers of one list that exclude the version which another one has."""
    for name, several in lists.main.items():
        pins = [(one.version, one.where) for one in lists.asked.get(name, ()) if one.version]
        pins += _locked(lists, name)
        for one in several:
            yield from (Contradiction(one, *pin, declared=True) for pin in pins if not _fits(one, pin[0]))
    differing = {entry.name for entry, _ in lists.unlocked}  # reported for the lock as a whole
    for name, several in lists.asked.items():
        for one in several if name not in differing else ():
            locked = [pin for pin in _locked(lists, name) if not _fits(one, pin[0])]
            yield from (Contradiction(one, *pin, declared=False) for pin in locked)


def _locked(lists: DependencyLists, name: str) -> list[tuple[str, str]]:
    entry = lists.locked.get(name)
    return [(entry.version, entry.where)] if entry and entry.version and not entry.url else []


def _fits(one: Asked, version: str) -> bool:
    if one.requirement.url:
        return True
    try:
        public = Version(version).public  # a build's own label, such as +cpu, is no other version
    except InvalidVersion:
        return True
    return accepts(one.requirement, version) is not False or accepts(one.requirement, public) is not False


def _others_modules(lists: DependencyLists) -> frozenset[str]:
    """The top-level modules of the repository's other projects, which declare for themselves what they import."""
    names = {*lists.asked, *lists.locked}
    return frozenset(module for name in names if lists.local(name) for module in provided(name))


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A distribution that first-party code imports, and that is declared by nobody.

    Attributes:
        name: Normalised.
        place: The import.
        need: What brings it along.
    """

    name: str
    place: Place
    need: Need | None


def undeclared(lists: DependencyLists) -> Iterator[Undeclared]:
    """The distributions that first-party code imports, and that are there only because another requires them."""
    stated = {name for name, lines in lists.declared.items() if any(not is_development(one.group) for one in lines)}
    if lists.own_name:
        stated.add(lists.own_name)
    along = {
        required
        for name, lines in lists.main.items()
        for one in lines
        for extra in one.requirement.extras
        for required, _ in (*lists.requires(name, extra), *lists.locked_extra(name, extra))
    }
    stated |= _instead(lists)
    uses = imported(lists.program, without=_others_modules(lists))
    vendors = {key for key, several in lists.union.installed.items() if id(several[0].archive) not in lists.ours}
    for name, place in uses.items():
        if name not in stated and name not in along and name not in vendors:
            needs = lists.group_needs(name)
            main = next((need for need in needs if need.root.group == MAIN), None)
            yield Undeclared(name, place, main or next(iter(needs), None))
