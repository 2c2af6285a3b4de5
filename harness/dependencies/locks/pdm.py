"""Reads ``pdm.lock``, formats 4.x."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from packaging.utils import canonicalize_name

from harness.dependencies.locks.lock_file import edge_of, extras_of, major, normalised
from harness.dependencies.project import MAIN, AnyLock, Edge, Group, Kind, Lock, Locked
from harness.dependencies.text_files import convert, parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.dependencies.locks.lock_file import LockFile
    from harness.dependencies.project import Declared

_KNOWN = 4
_MAIN = "default"


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


class _Document(Struct):
    package: list[_Package] = []


_Placed: TypeAlias = tuple[_Package, str]


def read(file: LockFile, declared: Declared | None) -> AnyLock:
    """The lock that the file is.

    Raises:
        MalformedFileError: It is none.
    """
    raw = parse_toml(file.text, file.shown)
    metadata = convert(raw, _Header, file.text, file.shown).metadata
    if major(metadata.lock_version) != _KNOWN:
        return file.unknown(metadata.lock_version, "4.x")
    document = convert(raw, _Document, file.text, file.shown)
    places = file.places("package", len(document.package))
    several: dict[tuple[str, str | None, str | None], list[_Placed]] = defaultdict(list)
    for one, where in zip(document.package, places, strict=True):
        several[normalised(one.name, where), one.version, _url(one)].append((one, where))
    packages = [locked for (name, *_), entries in several.items() for locked in _locked(name, entries, declared)]
    pythons = {target.requires_python for target in metadata.targets}
    python = pythons.pop() if len(pythons) == 1 else None
    return Lock(file.path, file.shown, "pdm", metadata.lock_version, tuple(packages), requires_python=python)


def _locked(name: str, entries: Sequence[_Placed], declared: Declared | None) -> Iterator[Locked]:
    """The entries of one distribution; those with extras only say what the extras bring."""
    edges = [edge for edge in _of_extras(entries) if edge.name != name or edge.extras]
    plain = [one for one in entries if not one[0].extras]
    for one, where in plain or entries[:1]:
        own = [edge_of(text, where) for text in one.dependencies] if plain else []
        yield Locked(
            name=name,
            version=one.version,
            where=where,
            groups=None if one.groups is None else frozenset(_group(group, declared) for group in one.groups),
            marker=one.marker,
            dependencies=(*own, *edges),
            url=_url(one),
            requires_python=one.requires_python,
        )


def _of_extras(entries: Sequence[_Placed]) -> Iterator[Edge]:
    """What extras bring: PDM has an entry for each combination of them that is asked for."""
    alone = {extra for one, where in entries if len(one.extras) == 1 for extra in extras_of(one.extras, where)}
    for one, where in entries:
        asked = extras_of(one.extras, where)
        for extra in sorted((asked - alone or asked) if len(asked) > 1 else asked):
            yield from (edge_of(text, where, extra) for text in one.dependencies)


def _group(name: str, declared: Declared | None) -> Group:
    """A list by its name: PDM does not tell an extra from a group."""
    if name == _MAIN:
        return MAIN
    key = canonicalize_name(name)
    known = {*declared.group_tables, *(one.group for one in declared.asked)} if declared else set[Group]()
    found = (one for one in known if one.kind is not Kind.MAIN and one.name == key)
    return min(found, default=Group(Kind.GROUP, key))


def _url(package: _Package) -> str | None:
    for kind in ("git", "hg", "svn", "bzr"):
        if repository := getattr(package, kind):
            return f"{kind}+{repository}{f'@{package.revision}' if package.revision else ''}"
    return package.url or package.path
