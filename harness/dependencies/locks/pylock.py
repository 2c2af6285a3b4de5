"""Reads ``pylock.toml`` (PEP 751), lock versions 1.x."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.pylock import Package, Pylock, PylockValidationError

from harness.dependencies.locks.lock_file import major, normalised, vcs_url
from harness.dependencies.locks.markers import Lists, UnreadableMarkerError, by_list, lists, mentions_lists
from harness.dependencies.project import AnyLock, Edge, Locked, MalformedFileError
from harness.dependencies.text_files import convert
from harness.manifest.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.dependencies.locks.lock_file import LockFile


class _Header(Struct, rename="kebab"):
    lock_version: str


class _Reference(Struct):
    name: str
    version: str | None = None


def read(file: LockFile) -> AnyLock:
    """The lock in a file; MalformedFileError where there is none."""
    version = file.convert(_Header).lock_version
    if major(version) != 1:
        return file.unknown(version, "1.x")
    lock = _parsed(file)
    has_graph = any(package.dependencies is not None for package in lock.packages)
    tells_lists = any(mentions_lists(_text(package.marker)) for package in lock.packages)
    packages = []
    for package, name, where in file.placed("packages", lock.packages):
        marker = _text(package.marker)
        needed = _lists(marker, lock.default_groups or ()) if tells_lists else Lists(marker=marker)
        packages.append(
            Locked(
                name=name,
                version=_text(package.version),
                where=where,
                groups=needed.groups,
                marker=needed.marker,
                by_group=needed.by_group,
                dependencies=tuple(_edges(package, where)) if has_graph else None,
                url=_url(package),
                requires_python=_text(package.requires_python),
            )
        )
    return file.lock("pip", version, packages, _text(lock.requires_python))


def _text(value: object) -> str | None:
    return str(value) if value and str(value) else None


def _parsed(file: LockFile) -> Pylock:
    try:
        # A newer minor version only adds; packaging reads it too, but says so on standard error.
        return Pylock.from_dict({**file.document, "lock-version": "1.0"})
    except PylockValidationError as error:
        way = tuple(
            int(index) if index else key for key, index in re.findall(r"([\w-]+)|\[(\d+)\]", error.context or "")
        )
        line = line_of(file.text, way)
        place = f"{file.shown}:{line}" if line else file.shown
        if "recursion" in error.message:  # the interpreter's own words
            raise MalformedFileError(f"{place}: expected a marker that is not nested beyond reason") from None
        first, *found = error.message.split("\n")  # of a marker, packaging shows the text on a line of its own
        message = first[:1].lower() + first[1:] + (f", found {found[0].strip()!r}" if found else "")
        raise MalformedFileError(f"{place}: {message}{f' at {error.context}' if error.context else ''}") from None


def _lists(marker: str | None, default: Sequence[str]) -> Lists:
    try:
        return lists(by_list(marker, default))
    except UnreadableMarkerError:
        return Lists(marker=marker)


def _edges(package: Package, where: str) -> Iterator[Edge]:
    for table in package.dependencies or ():
        reference = convert(dict(table), _Reference, "", where)
        yield Edge(normalised(reference.name, where), version=reference.version)


def _url(package: Package) -> str | None:
    if vcs := package.vcs:
        return vcs_url(vcs.type, vcs.url or vcs.path or "", vcs.commit_id)
    if package.directory:
        return package.directory.path
    return package.archive.url or package.archive.path if package.archive else None
