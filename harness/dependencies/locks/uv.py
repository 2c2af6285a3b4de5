"""Reads ``uv.lock``, format 1."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct, field

from harness.dependencies.locks.lock_file import extras_of, normalised
from harness.dependencies.locks.markers import UnreadableMarkerError, narrow
from harness.dependencies.project import MAIN, AnyLock, Edge, Group, Kind, Locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.dependencies.locks.lock_file import LockFile


class _Header(Struct):
    version: int


class _Source(Struct):
    git: str | None = None
    url: str | None = None
    path: str | None = None
    directory: str | None = None
    editable: str | None = None
    virtual: str | None = None

    @property
    def local(self) -> str | None:
        return self.virtual or self.editable or self.directory


class _Dependency(Struct):
    name: str
    version: str | None = None
    extra: list[str] = []
    extras: list[str] = []  # the same in a requirement of the manifest
    marker: str | None = None


class _Package(Struct, rename="kebab"):
    name: str
    version: str | None = None
    source: _Source = field(default_factory=_Source)
    resolution_markers: list[str] = []
    dependencies: list[_Dependency] = []
    optional_dependencies: dict[str, list[_Dependency]] = {}
    dev_dependencies: dict[str, list[_Dependency]] = {}


class _Manifest(Struct, rename="kebab"):
    requirements: list[_Dependency] = []
    dependency_groups: dict[str, list[_Dependency]] = {}


class _Document(Struct, rename="kebab"):
    requires_python: str | None = None
    manifest: _Manifest = field(default_factory=_Manifest)
    package: list[_Package] = []


def read(file: LockFile) -> AnyLock:
    """The lock in a file; MalformedFileError where there is none."""
    version = file.convert(_Header).version
    if version != 1:
        return file.unknown(version, "1")
    document = file.convert(_Document)
    entries = file.placed("package", document.package)
    packages = [_locked(package, name, where) for package, name, where in entries]
    roots = _roots(file, document, [(package, name) for package, name, _ in entries])
    return file.lock("uv", version, packages, document.requires_python, roots)


def _locked(package: _Package, name: str, where: str) -> Locked:
    markers = package.resolution_markers
    edges = [*_edges(package.dependencies, where)]
    for extra, dependencies in package.optional_dependencies.items():
        edges += _edges(dependencies, where, normalised(extra, where))
    source = package.source
    return Locked(
        name=name,
        version=package.version,
        where=where,
        marker=" or ".join(f"({one})" for one in markers) if len(markers) > 1 else next(iter(markers), None),
        dependencies=tuple(edges),
        url=f"git+{source.git}" if source.git else source.url or source.path or source.local,
    )


def _edges(dependencies: Iterable[_Dependency], where: str, extra: str = "") -> Iterable[Edge]:
    for one in dependencies:
        extras = extras_of([*one.extra, *one.extras], where)
        yield Edge(normalised(one.name, where), extras, one.marker, extra, one.version)


def _roots(
    file: LockFile, document: _Document, entries: Sequence[tuple[_Package, str]]
) -> Mapping[Group, tuple[Edge, ...]] | None:
    """The project's own lists: of its own entry, or, if it is no package, of the lock's head."""
    root = _root(file, entries)
    if root is None:
        main, extras, groups = document.manifest.requirements, {}, document.manifest.dependency_groups
    else:
        main, extras, groups = root.dependencies, root.optional_dependencies, root.dev_dependencies
    lists = {MAIN: main} if root or main else {}
    for kind, tables in ((Kind.EXTRA, extras), (Kind.GROUP, groups)):
        lists |= {Group(kind, normalised(name, file.shown)): table for name, table in tables.items()}
    own = root.name if root else ""
    return {
        group: tuple(edge for one in _edges(table, file.shown) for edge in _chosen(one, group, own))
        for group, table in lists.items()
    } or None


def _root(file: LockFile, entries: Sequence[tuple[_Package, str]]) -> _Package | None:
    """The entry that is the project itself, in a workspace that of the member."""
    declared = file.declared
    local = [(package, name) for package, name in entries if package.source.local]
    folder = (declared.path if declared else file.path).parent
    relative = PurePosixPath(os.path.relpath(folder, file.path.parent).replace(os.sep, "/"))
    here = [package for package, _ in local if PurePosixPath(package.source.local or "") == relative]
    named = [package for package, name in local if declared and name == declared.name]
    return next(iter([*here, *named]), None)


def _chosen(edge: Edge, group: Group, own: str) -> Iterable[Edge]:
    """An edge as it holds for a list.

    Lists that exclude each other are locked apart, under conditions on made-up extras such as ``extra-4-desk-gpu``.
    """
    if edge.marker is None or "extra" not in edge.marker:
        yield edge
        return
    prefix = "group" if group.kind is Kind.GROUP else "extra"
    extras = frozenset({f"{prefix}-{len(own)}-{own}-{group.name}"}) if group.name else frozenset[str]()
    try:
        left = narrow(edge.marker, extras=extras)
    except UnreadableMarkerError:
        left = edge.marker
    if left is not False:
        yield Edge(edge.name, edge.extras, None if left is True else left, edge.extra, edge.version)
