"""Disagreements between the archives and the list that they are built from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.dependencies.comparison.agreement import is_development, missing_of_extra
from harness.dependencies.comparison.built import Presence, same
from harness.dependencies.project import MAIN, pin
from harness.facts.installed.requirements import accepts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.artifact.entries import Archive
    from harness.dependencies.comparison.built import Built
    from harness.dependencies.comparison.closure import Need
    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.dependencies.project import Asked
    from harness.facts.view import Installed


OWN = "."
"""The origin of the project itself in a lock."""


@dataclass(frozen=True, slots=True)
class Line:
    """A distribution that is to be built in: a line of the build input, or an entry of the lock.

    Attributes:
        name: As it is written.
        text: The requirement: ``fastapi[all]>=0.1``, ``fastapi 0.165.0``.
        where: The line.
    """

    key: str
    name: str
    text: str
    where: str


def lines(lists: DependencyLists) -> tuple[Line, ...]:
    """The expected content of the archives: the build input, else what is locked or declared for production."""
    if lists.project.build:
        return tuple(_line(several[0]) for several in lists.asked.values())
    if lists.lock:
        found = (lists.locked[name] for name in lists.needs.get(MAIN, ()) if lists.locks(name))
        found = (one for one in found if one.url != OWN)
        return tuple(Line(one.name, one.name, f"{one.name} {one.version or ''}".strip(), one.where) for one in found)
    return tuple(_line(several[0]) for several in lists.main.values())


def _line(asked: Asked) -> Line:
    return Line(asked.name, asked.requirement.name, asked.text, asked.where)


@dataclass(frozen=True, slots=True)
class Absent:
    """A line whose distribution is not in the archives."""

    line: Line
    built: Built


def absent(lists: DependencyLists) -> tuple[Absent, ...]:
    """The lines whose distribution is not in the archives, as such."""
    found = (Absent(line, lists.built(line.key)) for line in lines(lists) if line.key != lists.own_name)
    return tuple(one for one in found if one.built.presence not in {Presence.HERE, Presence.BARE, Presence.ELSEWHERE})


@dataclass(frozen=True, slots=True)
class WrongVersion:
    """A distribution that is there in another version than the expected one.

    Attributes:
        wanted: The version, or the specifier.
        where: The line that says so.
        installed: What is there.
    """

    wanted: str
    where: str
    installed: Installed


def wrong_versions(lists: DependencyLists) -> Iterator[WrongVersion]:
    """The distributions that are not at the version that is pinned, locked or asked for."""
    names = [*lists.built_for, *(name for name in lists.locked if lists.locks(name))]
    for name in dict.fromkeys(names):
        built = lists.built(name)
        if built.installed is None or built.version is None:
            continue
        lines = lists.asked.get(name, ())
        if any(one.requirement.url for one in lines):
            continue
        refused = next((one for one in lines if accepts(one.requirement, built.version) is False), None)
        expected = lists.expected(name)
        if refused and not refused.version:
            yield WrongVersion(str(refused.requirement.specifier), refused.where, built.installed)
        elif expected and not same(expected[0], built.version):
            yield WrongVersion(expected[0], expected[1], built.installed)


@dataclass(frozen=True, slots=True)
class IncompleteExtra:
    """A line with an extra whose requirements are not there."""

    asked: Asked
    extra: str
    lost: tuple[str, ...]


def incomplete_extras(lists: DependencyLists) -> Iterator[IncompleteExtra]:
    """The extras of the build input whose requirements are not all there."""
    sources = lists.asked if lists.project.build else {} if lists.lock else lists.main
    for name, several in sources.items():
        if lists.built(name).presence is not Presence.HERE:
            continue
        for one in several:
            for extra in sorted(one.requirement.extras):
                if lost := missing_of_extra(lists, name, extra):
                    yield IncompleteExtra(one, extra, lost)


@dataclass(frozen=True, slots=True)
class Surplus:
    """A distribution that nothing for production asks for.

    Attributes:
        size: Of its files, in bytes.
        need: Why developers have it; None where nothing at all asks for it.
    """

    installed: Installed
    size: int
    need: Need | None


def surplus(lists: DependencyLists) -> tuple[Surplus, ...]:
    """The distributions that nothing for production asks for, the largest first.

    An archive of which nothing is asked for, or of which nobody asks for more than half, was made from something else,
    such as a vendor's layer, and is left alone; so is everything where it is not known what is required.
    """
    deployed = {name for group, needs in lists.needs.items() if not is_development(group) for name in needs}
    instead = {one.built.installed.distribution.key for one in absent(lists) if one.built.installed}
    opaque = bool(lists.project.build and lists.project.build.unnamed)  # these may ask for anything
    known = not opaque and lists.knows_requirements({*lists.built_for, *deployed} - {lists.own_name or ""})
    wanted = _all_required(lists, {*deployed, *lists.built_for, *instead, lists.own_name or ""})
    by_archive: dict[int, list[Installed]] = defaultdict(list)
    for several in lists.union.installed.values():
        for installed in several:
            if id(installed.archive) in lists.ours:
                by_archive[id(installed.archive)].append(installed)
    sizes = _sizes(lists)
    found = []
    for held in by_archive.values():
        spare = [
            Surplus(one, sizes.get(one.folder, 0), _need(lists, one))
            for one in held
            if one.distribution.key not in wanted
        ]
        nobodys = sum(one.need is None for one in spare)
        found += spare if known and 2 * nobodys <= len(held) else [one for one in spare if one.need]
    return tuple(sorted(found, key=lambda one: (-one.size, one.installed.distribution.key)))


def _need(lists: DependencyLists, installed: Installed) -> Need | None:
    needs = lists.group_needs(installed.distribution.key)
    return next((need for need in needs if need.root.group and is_development(need.root.group)), None)


def _all_required(lists: DependencyLists, names: set[str]) -> set[str]:
    """Names and all that those of them which are built say that they require."""
    wanted, waiting = set(names), [*names]
    extras = {name: {extra for one in lines for extra in one.requirement.extras} for name, lines in _asked_all(lists)}
    done: set[tuple[str, str]] = set()
    while waiting:
        name = waiting.pop()
        for extra in ("", *sorted(extras.get(name, ()))):
            if (name, extra) in done:
                continue
            done.add((name, extra))
            for required, asked in lists.requires(name, extra):
                extras.setdefault(required, set()).update(asked)
                wanted.add(required)
                waiting.append(required)
    return wanted


def _asked_all(lists: DependencyLists) -> Iterator[tuple[str, Sequence[Asked]]]:
    for name in {*lists.asked, *lists.declared}:
        yield name, (*lists.asked.get(name, ()), *lists.declared.get(name, ()))


def _sizes(lists: DependencyLists) -> Mapping[str, int]:
    facts = lists.program.facts
    sizes: dict[str, int] = defaultdict(int)
    for path, owner in facts.owners.items():
        if item := facts.bundle.items.get(path):
            sizes[owner.folder] += item.entry.size
    return sizes


@dataclass(frozen=True, slots=True)
class Unbound:
    """A distribution whose version the next build may choose anew.

    Attributes:
        text: The line, or name and version of what comes along.
        where: The line; None for what only comes along.
    """

    text: str
    where: str | None


def unbound(lists: DependencyLists) -> tuple[Unbound, ...]:
    """The distributions that neither a pin nor a hash nor the lock nor the repository binds to a version.

    What comes along is bound where a folder of the repository, or a distribution that is there, pins it in its turn.
    """
    if lists.project.build is None:
        return ()
    found = []
    for name, several in lists.asked.items():
        if lists.expected(name) is None and not any(one.fixed or one.hashed or one.folder for one in several):
            found.append(Unbound(several[0].text, several[0].where))
    hashed = any(one.hashed for one in lists.project.build.asked)  # then pip refuses whatever has none
    further = {one.name for one in lists.project.build.needed if one.version}
    further |= {one.name for one in lists.union.required if pin(one.requirement)}
    for name in lists.built_for if not hashed else ():
        built = lists.built(name)
        if name not in {*lists.asked, *further} and lists.expected(name) is None and built.version:
            found.append(Unbound(f"{name} {built.version}", None))
    return tuple(found)


def empty(lists: DependencyLists) -> tuple[Archive, ...]:
    """The layers, where nothing that is asked for is there, and nothing else is installed either."""
    asked = lines(lists)
    there = any(lists.built(line.key).presence not in {Presence.ABSENT, Presence.RUNTIME} for line in asked)
    if lists.union.installed or there or not asked:
        return ()
    bundle = lists.program.facts.bundle
    return bundle.layers or bundle.archives
