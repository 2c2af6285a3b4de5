"""Reads ``Pipfile.lock``, specification 6."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, field
from packaging.utils import canonicalize_name

from harness.dependencies.locks.lock_file import normalised
from harness.dependencies.project import MAIN, AnyLock, Group, Kind, Lock, Locked
from harness.dependencies.text_files import convert, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.dependencies.locks.lock_file import LockFile
    from harness.dependencies.project import Declared

_KNOWN = 6
_META = "_meta"
_ANY = "*"  # what is not installed where the lock was made
_GROUPS = {"default": MAIN, "develop": Group(Kind.GROUP, "dev")}
_KEY = re.compile(r'^(?P<indent> {4}| {8}|\t{1,2})"(?P<name>[^"]+)": \{', re.MULTILINE)


class _Requires(Struct):
    python_version: str | None = None
    python_full_version: str | None = None


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


def read(file: LockFile, declared: Declared | None) -> AnyLock:
    """The lock that the file is.

    Raises:
        MalformedFileError: It is none.
    """
    del declared  # what each list has is in the file
    raw = parse_json(file.text, file.shown)
    meta = convert(raw, _Header, file.text, file.shown).meta
    if meta.spec != _KNOWN:
        return file.unknown(meta.spec, str(_KNOWN))
    return Lock(
        path=file.path,
        shown=file.shown,
        tool="pipenv",
        version=str(meta.spec),
        packages=tuple(_packages(file, raw)),
        requires_python=_python(meta.requires),
    )


def _packages(file: LockFile, raw: Mapping[str, object]) -> Iterator[Locked]:
    """The entries; one that stands in several lists in the same words is one entry."""
    lines = _lines(file.text)
    found: dict[tuple[str, str | None, str | None, str | None], tuple[str, set[Group]]] = {}
    for category, value in raw.items():
        if category == _META:
            continue
        group = _GROUPS.get(category) or Group(Kind.GROUP, canonicalize_name(category))
        for name, table in convert(value, dict[str, object], "", f"{file.shown}: {category}").items():
            line = lines.get((category, name))
            where = f"{file.shown}:{line}" if line else file.shown
            one = convert(table, _Entry, "", where)
            version = one.version.removeprefix("==") if one.version and one.version != _ANY else None
            key = normalised(name, where), version, one.markers, _url(one)
            found.setdefault(key, (where, set()))[1].add(group)
    for (entry, version, marker, url), (where, groups) in found.items():
        yield Locked(entry, version, where, frozenset(groups), marker, url=url)


def _lines(text: str) -> Mapping[tuple[str, str], int]:
    """The line of each entry, by its list and name, in a file as Pipenv writes it."""
    found: dict[tuple[str, str], int] = {}
    line, position, category = 1, 0, ""
    for key in _KEY.finditer(text):
        line += text.count("\n", position, key.start())
        position = key.start()
        if key["indent"] in {" " * 4, "\t"}:
            category = key["name"]
        else:
            found[category, key["name"]] = line
    return found


def _url(entry: _Entry) -> str | None:
    if entry.git:
        return f"git+{entry.git}{f'@{entry.ref}' if entry.ref else ''}"
    return entry.file or entry.path


def _python(requires: _Requires) -> str | None:
    if requires.python_full_version:
        return f"=={requires.python_full_version}"
    return f"=={requires.python_version}.*" if requires.python_version else None
