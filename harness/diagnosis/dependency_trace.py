"""The dependency trace: a distribution as declared, locked, requested by the build and built, and how old that is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from harness.dependencies.comparison.built import Presence
from harness.dependencies.comparison.freshness import elsewhere, stale, stamped
from harness.dependencies.project import MAIN
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.artifact.entries import Archive
    from harness.dependencies.comparison.closure import Need
    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.dependencies.stamps import Stamp
    from harness.facts.archive import ArchiveFacts


def trace(lists: DependencyLists, name: str) -> Iterator[str]:
    """One sentence on each list: declared, locked, asked for by the build, built."""
    yield from _declared(lists, name)
    yield from _locked(lists, name)
    yield from _asked(lists, name)
    yield _built(lists, name)
    yield from _stamps_and_caches(lists)


def _declared(lists: DependencyLists, name: str) -> Iterator[str]:
    declared = lists.project.declared
    if declared is None:
        return
    lines = lists.declared.get(name, ())
    production = [one for one in lines if one.group == MAIN]
    others = [one for one in lines if one.group != MAIN]
    along = lists.needs.get(MAIN, {}).get(name)
    if production:
        yield f"declared: {production[0].where} has it, as {production[0].text}"
    elif along and along.parent:
        yield f"declared: {declared.shown} does not name it; it comes along{_through(along)}"
    elif others:
        listed = " and ".join(f"{one.group} ({one.where})" for one in others)
        yield f"declared: {declared.shown} has it for {listed} alone, not for production"
    elif excluded := [one for one in lists.excluded(name) if one in declared.asked]:
        yield f"declared: {excluded[0].where} has it where {excluded[0].requirement.marker}, which does not hold here"
    elif declared.dynamic:
        yield f"declared: {declared.shown} leaves its dependencies to the build back-end"
    else:
        yield f"declared: {declared.shown} does not have it"


def _locked(lists: DependencyLists, name: str) -> Iterator[str]:
    if lists.unknown:
        yield f"locked: {lists.unknown.reason}"
    if lists.lock is None:
        return
    entry, needs = lists.locked.get(name), lists.group_needs(name)
    if entry is None:
        yield f"locked: {lists.lock.shown} does not have it"
        return
    said = f"locked: {entry.where} has {entry.version or 'it'}"
    main = next((need for need in needs if need.root.group == MAIN), None)
    others = [need for need in needs if need.root.group != MAIN]
    if lists.locks(name):
        yield f"{said} for production{_through(main) if main else ''}"
    elif others:
        yield f"{said}, not for production, but for " + "; and for ".join(
            f"{need.root.group}{_through(need)}" for need in others
        )
    else:
        yield f"{said}, not for production"


def _through(need: Need) -> str:
    """The way on which it came: ``, through b ← c ← a (pyproject.toml:7)``."""
    if need.parent is None:
        return ""
    way = " ← ".join(reversed(need.parent.chain))
    return f", through {way} ({need.root.where})"


def _asked(lists: DependencyLists, name: str) -> Iterator[str]:
    if lists.project.build is None:
        if lists.lock and lists.project.built_from_lock:
            yield f"built from: {lists.lock.shown}"
        return
    if lines := lists.asked.get(name):
        yield f"built from: {lines[0].where} asks for it, as {lines[0].text}"
    elif excluded := [one for one in lists.excluded(name) if one in lists.project.build.asked]:
        marker = excluded[0].requirement.marker
        yield f"built from: {excluded[0].where} asks for it where {marker}, which does not hold here"
    elif need := lists.built_for.get(name):
        yield f"built from: {lists.input_shown} does not name it; it comes along{_through(need)}"
    else:
        yield f"built from: {lists.input_shown} does not ask for it"


def _built(lists: DependencyLists, name: str) -> str:
    found = lists.built(name)
    said = {
        Presence.BARE: f"{found.path} is there, without metadata",
        Presence.RUNTIME: "the runtime brings it, in a version that AWS changes",
        Presence.ELSEWHERE: f"only in the archives of other functions, not in {archives(lists)}",
        Presence.ABSENT: _absent(lists, name),
    }
    if found.installed is None:
        return f"built: {said[found.presence]}"
    one, archive = found.installed.distribution, found.installed.archive.source
    if found.presence is Presence.REPLACED:
        return f"built: {one.name} has its modules, in {archive}"
    return f"built: {archive} has {'a pointer to it, and no modules' if one.editable else one.version}"


def _absent(lists: DependencyLists, name: str) -> str:
    hollow = next((one for one in lists.program.facts.distributions if one.distribution.key == name), None)
    if hollow:
        return f"{hollow.archive.source} has its metadata, and none of its modules"
    return f"not in {archives(lists)}"


def archives(lists: DependencyLists) -> str:
    """The archives of a function, as a sentence lists where something is not."""
    return " or ".join(archive.source for archive in lists.program.facts.bundle.archives)


def listed(lists: DependencyLists) -> Iterator[str]:
    """The files of the repository that say something of dependencies."""
    project = lists.project
    if project.declared:
        yield project.declared.shown
    if project.lock:
        yield project.lock.shown
    yield from project.build.shown if project.build else ()


def looked_at(lists: DependencyLists) -> str:
    """The places where distributions were looked for, as a sentence lists them."""
    listed_archives = " and ".join(archive.source for archive in lists.program.facts.bundle.archives)
    return ", ".join([*listed(lists), f"the metadata in {listed_archives}", "the table of well-known names"])


def _stamps_and_caches(lists: DependencyLists) -> Iterator[str]:
    """One sentence on each stamp, and on each cache that can bring back an archive that is older than its inputs."""
    inputs, facts = lists.inputs, lists.program.facts
    if inputs is None:
        return
    stamps = [_stamp(archive, of) for archive, of in zip(facts.bundle.archives, facts.of, strict=True)]
    others = elsewhere(stamps, inputs)
    for archive, stamp in zip(facts.bundle.archives, stamps, strict=True):
        with contextlib.suppress(UsageError):  # layer-fresh says which input cannot be read
            if stamp is None:
                continue
            if changes := stale(stamp, inputs, others):
                yield f"stamped: {archive.source} is older than what it is built from: {', '.join(map(str, changes))}"
            else:
                names = ", ".join(name for name, _ in stamp.inputs)
                yield f"stamped: {archive.source} was built from {names}, as they are now"
    for one in lists.caches:
        keyed, missing = ", ".join(one.keyed) or "no file", ", ".join(one.inputs)
        yield f"cached: {one.step.where} keeps {one.path} under a key over {keyed}, and not over {missing}"


def _stamp(archive: Archive, facts: ArchiveFacts) -> Stamp | None:
    try:
        return stamped(archive, facts)
    except UsageError:  # layer-fresh says what is wrong with it
        return None
