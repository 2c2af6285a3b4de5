"""Where what is declared, locked and asked for by the build do not agree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from harness.facts.requirements import accepts
from harness.parity.imports import imported, named
from harness.parity.supply import Presence
from harness.policy.providers import modules
from harness.project.values import MAIN, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.parity.closure import Need
    from harness.parity.imports import Place
    from harness.parity.supply import Built, Supply
    from harness.project.values import Asked, Group

# Groups that are no part of what is deployed, by the words that people name them with.
_DEVELOPMENT = re.compile(
    r"(?:^|[-_.])(?:dev|devel|develop|development|tests?|testing|lint(?:ing|er|ers)?|docs?|documentation|typ(?:e|es|ing)"
    r"|mypy|ci|qa|format(?:ting)?|style|bench(?:mark)?s?|release|local|debug(?:ging)?|notebooks?|jupyter|coverage"
    r"|pre[-_]?commit|security|audit|quality|checks?|nox|tox|stubs|tools?|tooling)(?:$|[-_.])",
    re.IGNORECASE,
)


def is_development(group: Group) -> bool:
    """Whether a list is for developers, as far as its name tells; a group ``worker`` may well be deployed."""
    return group.kind is Kind.GROUP and _DEVELOPMENT.search(group.name) is not None


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


def left_out(supply: Supply) -> Iterator[LeftOut]:
    """What is declared for production, and not in the build input."""
    for name, several in supply.main.items():
        if name not in supply.input:
            through = supply.built_for.get(name) if supply.project.build else None
            yield LeftOut(several[0], supply.built(name), through, named(supply.program, provided(name)))


def provided(name: str) -> tuple[str, ...]:
    """The modules of a distribution, as far as its name or the table of names tells."""
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


def added(supply: Supply) -> Iterator[Added]:
    """What is in the build input, and is declared for nothing that is deployed: not even by coming along."""
    deployed = {name for group, needs in supply.needs.items() if not is_development(group) for name in needs}
    own = supply.project.declared.name if supply.project.declared else None
    uses = imported(supply.program)
    for name, several in supply.asked.items():
        if name not in deployed and name != own:
            need = next((one for one in supply.group_needs(name) if one.root.group), None)
            yield Added(several[0], need, uses.get(name))


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


def lost_extras(supply: Supply) -> Iterator[LostExtra]:
    """Extras that are declared and not asked for by the build, where something is missing for it."""
    for name, several in supply.main.items():
        lines = supply.asked.get(name)
        if not lines:
            continue
        given = {extra for one in lines for extra in one.requirement.extras}
        for declared in several:
            for extra in sorted(declared.requirement.extras - given):
                lost = missing_of_extra(supply, name, extra)
                if lost:
                    yield LostExtra(declared, lines[0], extra, lost)


def missing_of_extra(supply: Supply, name: str, extra: str) -> tuple[str, ...]:
    """What an extra of a distribution requires and the artifact does not have."""
    wanted = {required for required, _ in (*supply.requires(name, extra), *supply.locked_extra(name, extra))}
    return tuple(sorted(one for one in wanted if supply.built(one).presence is Presence.ABSENT))


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


def contradictions(supply: Supply) -> Iterator[Contradiction]:
    """Specifiers of one list that exclude the version which another one has."""
    for name, several in supply.main.items():
        pins = [(one.version, one.where) for one in supply.asked.get(name, ()) if one.version]
        pins += _locked(supply, name)
        for one in several:
            yield from (Contradiction(one, *pin, declared=True) for pin in pins if not _fits(one, pin[0]))
    for name, several in supply.asked.items():
        for one in several:
            locked = [pin for pin in _locked(supply, name) if not _fits(one, pin[0])]
            yield from (Contradiction(one, *pin, declared=False) for pin in locked)


def _locked(supply: Supply, name: str) -> list[tuple[str, str]]:
    entry = supply.locked.get(name)
    return [(entry.version, entry.where)] if entry and entry.version and not entry.url else []


def _fits(one: Asked, version: str) -> bool:
    if one.requirement.url:
        return True
    try:
        public = Version(version).public  # a build's own label, such as +cpu, is no other version
    except InvalidVersion:
        return True
    return accepts(one.requirement, version) is not False or accepts(one.requirement, public) is not False


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


def undeclared(supply: Supply) -> Iterator[Undeclared]:
    """What first-party code imports, and what is there only because something else brings it along."""
    stated = {name for name, lines in supply.declared.items() if any(not is_development(one.group) for one in lines)}
    if supply.project.declared and supply.project.declared.name:
        stated.add(supply.project.declared.name)
    along = {
        required
        for name, lines in supply.main.items()
        for one in lines
        for extra in one.requirement.extras
        for required, _ in (*supply.requires(name, extra), *supply.locked_extra(name, extra))
    }
    for name, place in imported(supply.program).items():
        if name not in stated and name not in along:
            needs = supply.group_needs(name)
            main = next((need for need in needs if need.root.group == MAIN), None)
            yield Undeclared(name, place, main or next(iter(needs), None))
