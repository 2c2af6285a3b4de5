"""Reads ``Pipfile.lock``, specification 6."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, field
from packaging.utils import canonicalize_name

from harness.dependencies.locks.lock_file import normalised, vcs_url
from harness.dependencies.project import MAIN, AnyLock, Group, Kind, Locked
from harness.dependencies.text_files import convert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.dependencies.locks.lock_file import LockFile

_KNOWN = 6
_META = "_meta"
_ANY = "*"  # what is not installed where the lock was made
_GROUPS = {"default": MAIN, "develop": Group(Kind.GROUP, "dev")}
_KEY = re.compile(r'^(?P<indent> {4}| {8}|\t{1,2})"(?P<name>[^"]+)": \{', re.MULTILINE)


class _Requires(Struct):
    python_version: str | None = None
    python_full_version: str | None = None

    @property
    def specifier(self) -> str | None:
        if self.python_full_version:
            return f"=={self.python_full_version}"
        return f"=={self.python_version}.*" if self.python_version else None


class _Meta(Struct, rename={"spec": "pipfile-spec"}):
    spec: int
    requires: _Requires = field(default_factory=_Requires)


class _Header(Struct):
    meta: _Meta = field(name=_META)


class _Entry(Struct):
    version: str | None = None
    markers: str | None = None
    git: str | None = None
    ref: str | None = None
    path: str | None = None
    file: str | None = None

    @property
    def origin(self) -> str | None:
        return vcs_url("git", self.git, self.ref) if self.git else self.file or self.path


def read(file: LockFile) -> AnyLock:
    """The lock in a file; MalformedFileError where there is none."""
    meta = file.convert(_Header).meta
    if meta.spec != _KNOWN:
        return file.unknown(meta.spec, str(_KNOWN))
    return file.lock("pipenv", meta.spec, _packages(file), meta.requires.specifier)


def _packages(file: LockFile) -> Iterator[Locked]:
    """The entries; one that is the same in several lists is one entry."""
    lines = _lines(file.text)
    groups: dict[tuple[str, str | None, str | None, str | None], tuple[str, set[Group]]] = {}
    for category, value in file.document.items():
        if category == _META:
            continue
        group = _GROUPS.get(category) or Group(Kind.GROUP, canonicalize_name(category))
        for name, table in convert(value, dict[str, object], "", f"{file.shown}: {category}").items():
            line = lines.get((category, name))
            where = f"{file.shown}:{line}" if line else file.shown
            entry = convert(table, _Entry, "", where)
            version = entry.version.removeprefix("==") if entry.version and entry.version != _ANY else None
            key = normalised(name, where), version, entry.markers, entry.origin
            groups.setdefault(key, (where, set()))[1].add(group)
    for (name, version, marker, url), (where, needed_by) in groups.items():
        yield Locked(name, version, where, frozenset(needed_by), marker, url=url)


def _lines(text: str) -> Mapping[tuple[str, str], int]:
    """The line of each entry, by its list and name, in a file as Pipenv writes it."""
    lines: dict[tuple[str, str], int] = {}
    line, position, category = 1, 0, ""
    for key in _KEY.finditer(text):
        line += text.count("\n", position, key.start())
        position = key.start()
        if key["indent"] in {" " * 4, "\t"}:
            category = key["name"]
        else:
            lines[category, key["name"]] = line
    return lines
