"""Reads ``pdm.lock``, formats 4.x."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from packaging.utils import canonicalize_name

from harness.dependencies.locks.lock_file import edge_of, extras_of, major, vcs_url
from harness.dependencies.project import MAIN, AnyLock, Edge, Group, Kind, Locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.dependencies.locks.lock_file import LockFile


class _Target(Struct):
    requires_python: str | None = None


class _Metadata(Struct):
    lock_version: str
    targets: list[_Target] = []


class _Header(Struct):
    metadata: _Metadata


class _Package(Struct):
    name: str
    version: str | None = None
    extras: list[str] = []
    requires_python: str | None = None
    groups: list[str] | None = None
    marker: str | None = None
    dependencies: list[str] = []
    git: str | None = None
    hg: str | None = None
    svn: str | None = None
    bzr: str | None = None
    revision: str | None = None
    url: str | None = None
    path: str | None = None

    @property
    def origin(self) -> str | None:
        systems = {"git": self.git, "hg": self.hg, "svn": self.svn, "bzr": self.bzr}
        found = (vcs_url(system, repository, self.revision) for system, repository in systems.items() if repository)
        return next(found, self.url or self.path)


class _Document(Struct):
    package: list[_Package] = []


_Entries: TypeAlias = "Sequence[tuple[_Package, str]]"  # each with its place


def read(file: LockFile) -> AnyLock:
    """The lock in a file; MalformedFileError where there is none."""
    metadata = file.convert(_Header).metadata
    if major(metadata.lock_version) != 4:  # noqa: PLR2004 - the formats that are known
        return file.unknown(metadata.lock_version, "4.x")
    grouped: dict[tuple[str, str | None, str | None], list[tuple[_Package, str]]] = defaultdict(list)
    for package, name, where in file.placed("package", file.convert(_Document).package):
        grouped[name, package.version, package.origin].append((package, where))
    packages = [locked for (name, *_), entries in grouped.items() for locked in _locked(name, entries, file)]
    pythons = {target.requires_python for target in metadata.targets}
    return file.lock("pdm", metadata.lock_version, packages, pythons.pop() if len(pythons) == 1 else None)


def _locked(name: str, entries: _Entries, file: LockFile) -> Iterator[Locked]:
    """The entries of one distribution; those with extras only say what the extras bring."""
    edges = [edge for edge in _edges_of_extras(entries) if edge.name != name or edge.extras]
    plain = [(package, where) for package, where in entries if not package.extras]
    for package, where in plain or entries[:1]:
        own = [edge_of(text, where) for text in package.dependencies] if plain else []
        yield Locked(
            name=name,
            version=package.version,
            where=where,
            groups=None if package.groups is None else frozenset(_group(group, file) for group in package.groups),
            marker=package.marker,
            dependencies=(*own, *edges),
            url=package.origin,
            requires_python=package.requires_python,
        )


def _edges_of_extras(entries: _Entries) -> Iterator[Edge]:
    """The dependencies of extras: PDM has an entry for each combination of extras that is asked for."""
    alone = {
        extra for package, where in entries if len(package.extras) == 1 for extra in extras_of(package.extras, where)
    }
    for package, where in entries:
        asked = extras_of(package.extras, where)
        for extra in sorted((asked - alone or asked) if len(asked) > 1 else asked):
            yield from (edge_of(text, where, extra) for text in package.dependencies)


def _group(name: str, file: LockFile) -> Group:
    """A list by its name: PDM does not tell an extra from a group."""
    if name == "default":
        return MAIN
    key = canonicalize_name(name)
    return file.group_of(key) or Group(Kind.GROUP, key)
