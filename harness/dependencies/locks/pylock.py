"""Reads ``pylock.toml`` (PEP 751), lock versions 1.x."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from packaging.pylock import Package, Pylock, PylockValidationError

from harness.dependencies.locks.lock_file import major, normalised
from harness.dependencies.locks.markers import Lists, UnreadableMarkerError, by_list, lists, mentions_lists
from harness.dependencies.project import AnyLock, Edge, Lock, Locked, MalformedFileError
from harness.dependencies.text_files import convert, parse_toml
from harness.manifest.errors import line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.dependencies.locks.lock_file import LockFile
    from harness.dependencies.project import Declared

_KNOWN = 1


class _Header(Struct, rename="kebab"):
    lock_version: str


class _Reference(Struct):
    name: str
    version: str | None = None


def read(file: LockFile, declared: Declared | None) -> AnyLock:
    """The lock that the file is.

    Raises:
        MalformedFileError: It is none.
    """
    del declared  # everything that the file has is in the file
    raw = parse_toml(file.text, file.shown)
    version = convert(raw, _Header, file.text, file.shown).lock_version
    if major(version) != _KNOWN:
        return file.unknown(version, "1.x")
    lock = _parsed(file, raw)
    places = file.places("packages", len(lock.packages))
    has_graph = any(one.dependencies is not None for one in lock.packages)
    tells_lists = any(mentions_lists(str(one.marker)) for one in lock.packages if one.marker)
    packages = []
    for one, where in zip(lock.packages, places, strict=True):
        marker = str(one.marker) if one.marker else None
        needed = _lists(marker, lock.default_groups or ()) if tells_lists else Lists(marker=marker)
        packages.append(
            Locked(
                name=normalised(one.name, where),
                version=str(one.version) if one.version else None,
                where=where,
                groups=needed.groups,
                marker=needed.marker,
                by_group=needed.by_group,
                dependencies=tuple(_edges(one, where)) if has_graph else None,
                url=_url(one),
                requires_python=str(one.requires_python) if one.requires_python else None,
            )
        )
    python = str(lock.requires_python) if lock.requires_python else None
    return Lock(file.path, file.shown, "pip", version, tuple(packages), requires_python=python)


def _parsed(file: LockFile, raw: Mapping[str, Any]) -> Pylock:
    try:
        # A newer minor version only adds; packaging reads it too, but says so on standard error.
        return Pylock.from_dict({**raw, "lock-version": "1.0"})
    except PylockValidationError as error:
        way = tuple(
            int(index) if index else key for key, index in re.findall(r"([\w-]+)|\[(\d+)\]", error.context or "")
        )
        line = line_of(file.text, way)
        place = f"{file.shown}:{line}" if line else file.shown
        if "recursion" in error.message:  # what packaging passes on of the interpreter's own words
            raise MalformedFileError(f"{place}: expected a marker that is not nested beyond reason") from None
        first, *found = error.message.split("\n")  # of a marker, packaging shows the text on a line of its own
        said = first[:1].lower() + first[1:] + (f", found {found[0].strip()!r}" if found else "")
        raise MalformedFileError(f"{place}: {said}{f' at {error.context}' if error.context else ''}") from None


def _lists(marker: str | None, default: Sequence[str]) -> Lists:
    try:
        return lists(by_list(marker, default))
    except UnreadableMarkerError:
        return Lists(marker=marker)


def _edges(package: Package, where: str) -> Iterator[Edge]:
    for raw in package.dependencies or ():
        one = convert(dict(raw), _Reference, "", where)
        yield Edge(normalised(one.name, where), version=one.version)


def _url(package: Package) -> str | None:
    if vcs := package.vcs:
        return f"{vcs.type}+{vcs.url or vcs.path}@{vcs.commit_id}"
    if package.directory:
        return package.directory.path
    return package.archive.url or package.archive.path if package.archive else None
