"""Reads ``uv.lock``, format 1."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct, field

from harness.dependencies.locks.lock_file import extras_of, normalised
from harness.dependencies.locks.markers import UnreadableMarkerError, narrow
from harness.dependencies.project import MAIN, AnyLock, Edge, Group, Kind, Lock, Locked
from harness.dependencies.text_files import convert, parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.dependencies.locks.lock_file import LockFile
    from harness.dependencies.project import Declared


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
    extras: list[str] = []  # as a requirement of the manifest calls them
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


def read(file: LockFile, declared: Declared | None) -> AnyLock:
    """The lock that the file is.

    Raises:
        MalformedFileError: It is none.
    """
    raw = parse_toml(file.text, file.shown)
    version = convert(raw, _Header, file.text, file.shown).version
    if version != 1:
        return file.unknown(version, "1")
    document = convert(raw, _Document, file.text, file.shown)
    places = file.places("package", len(document.package))
    packages = [_locked(one, where) for one, where in zip(document.package, places, strict=True)]
    return Lock(
        path=file.path,
        shown=file.shown,
        tool="uv",
        version=str(version),
        packages=tuple(packages),
        roots=_roots(file, document, [one.name for one in packages], declared),
        requires_python=document.requires_python,
    )


def _locked(package: _Package, where: str) -> Locked:
    markers = package.resolution_markers
    edges = [*_edges(package.dependencies, where)]
    for extra, several in package.optional_dependencies.items():
        edges += _edges(several, where, normalised(extra, where))
    source = package.source
    return Locked(
        name=normalised(package.name, where),
        version=package.version,
        where=where,
        marker=" or ".join(f"({one})" for one in markers) if len(markers) > 1 else next(iter(markers), None),
        dependencies=tuple(edges),
        url=f"git+{source.git}" if source.git else source.url or source.path or source.local,
    )


def _edges(several: Iterable[_Dependency], where: str, extra: str = "") -> Iterable[Edge]:
    for one in several:
        asked = extras_of([*one.extra, *one.extras], where)
        yield Edge(normalised(one.name, where), asked, one.marker, extra, one.version)


def _roots(
    file: LockFile, document: _Document, names: Sequence[str], declared: Declared | None
) -> Mapping[Group, tuple[Edge, ...]] | None:
    """What the project asks for: as its own entry says, or, of one that is no package, as the lock's head does."""
    root = _root(file, document, names, declared)
    if root is None:
        head = document.manifest
        lists = {MAIN: head.requirements} if head.requirements else {}
        lists |= {Group(Kind.GROUP, normalised(name, file.shown)): one for name, one in head.dependency_groups.items()}
    else:
        lists = {MAIN: root.dependencies}
        for kind, tables in ((Kind.EXTRA, root.optional_dependencies), (Kind.GROUP, root.dev_dependencies)):
            lists |= {Group(kind, normalised(name, file.shown)): several for name, several in tables.items()}
    if not lists:
        return None
    own = root.name if root else ""
    return {
        group: tuple(edge for one in _edges(several, file.shown) for edge in _chosen(one, group, own))
        for group, several in lists.items()
    }


def _root(file: LockFile, document: _Document, names: Sequence[str], declared: Declared | None) -> _Package | None:
    """The entry that is the project itself, in a workspace that of the member."""
    local = [(name, one) for name, one in zip(names, document.package, strict=True) if one.source.local]
    folder = (declared.path if declared else file.path).parent
    relative = PurePosixPath(os.path.relpath(folder, file.path.parent).replace(os.sep, "/"))
    here = [one for _, one in local if PurePosixPath(one.source.local or "") == relative]
    named = [one for name, one in local if declared and name == declared.name]
    return next(iter([*here, *named]), None)


def _chosen(edge: Edge, group: Group, own: str) -> Iterable[Edge]:
    """An edge as it is where a list is asked for.

    Lists that exclude each other are locked apart, under conditions on made-up extras such as ``extra-4-desk-gpu``.
    """
    if edge.marker is None or "extra" not in edge.marker:
        yield edge
        return
    prefix = "group" if group.kind is Kind.GROUP else "extra"
    asked = frozenset({f"{prefix}-{len(own)}-{own}-{group.name}"}) if group.name else frozenset[str]()
    try:
        left = narrow(edge.marker, extras=asked)
    except UnreadableMarkerError:
        left = edge.marker
    if left is not False:
        yield Edge(edge.name, edge.extras, None if left is True else left, edge.extra, edge.version)
