"""Lines of a requirements file that name a folder: the project's own, or another project of the repository."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness import regular_files
from harness.dependencies.declared.project_file import read_declared
from harness.dependencies.declared.setuptools import described
from harness.dependencies.project import MAIN, Asked, BuildInput, Declared, Group, Kind
from harness.dependencies.text_files import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.dependencies.project import Unnamed

_PROJECT: Final = "pyproject.toml"
_PROJECTS: Final = (_PROJECT, "setup.cfg", "setup.py")
_LINE: Final = re.compile(
    r"(?:-e\s+)?(?:file:(?://)?)?(?P<path>[^\[\];]+?)(?P<extras>\[[^\]]*\])?\s*(?:;(?P<marker>.*))?"
)


def with_folders(build: BuildInput, declared: Declared | None, folder: Path) -> BuildInput:
    """A build input with what its folders are: of the project's own, its lists; of another, its name and what it needs.

    Raises:
        MalformedFileError: Another project's file is not what it should be.
    """
    asked, unnamed, needed = list(build.asked), [], list(build.needed)
    for one in build.unnamed:
        line = _LINE.fullmatch(one.text)
        place = _place(one, line["path"].strip(), folder) if line else None
        if line is None or place is None:
            unnamed.append(one)
            continue
        extras = frozenset(canonicalize_name(extra) for extra in re.findall(r"[\w.-]+", line["extras"] or ""))
        if declared and regular_files.resolved(place) == regular_files.resolved(declared.path.parent):
            asked += _main(declared, extras)
            continue
        name, needs = _described(place, extras, folder)
        named = _named(one, name, extras, line["marker"]) if name else None
        asked += (
            [replace(named, folder=shown(regular_files.resolved(place), regular_files.resolved(folder)))]
            if named
            else []
        )
        needed += needs or ()
        unnamed += [] if named and needs is not None else [one]
    return replace(build, asked=tuple(asked), unnamed=tuple(unnamed), needed=tuple(needed))


def _place(one: Unnamed, path: str, folder: Path) -> Path | None:
    """The folder that a line names, if it is one that can be installed."""
    file = folder / one.where.rpartition(":")[0]
    # The installer takes it from where it is started, which is the root of the repository far more often than not.
    places = (base / path for base in (folder, file.parent))
    return next((place for place in places if any(regular_files.is_file(place / name) for name in _PROJECTS)), None)


def _main(declared: Declared, extras: frozenset[str]) -> Iterator[Asked]:
    """The requirements of a project that is installed."""
    wanted = {MAIN, *(Group(Kind.EXTRA, extra) for extra in extras)}
    return (replace(asked, group=MAIN) for asked in declared.asked if asked.group in wanted)


def _described(place: Path, extras: frozenset[str], folder: Path) -> tuple[str | None, tuple[Asked, ...] | None]:
    """The name of another project and what it needs; None for what is computed."""
    own = read_declared(place / _PROJECT, folder) if regular_files.is_file(place / _PROJECT) else None
    if own and own.name and not own.dynamic:
        return own.name, tuple(_main(own, extras))
    found = described(place, folder)
    name = own.name if own and own.name else found.name if found else None
    return name, found.asked if found else None


def _named(one: Unnamed, name: str, extras: frozenset[str], marker: str | None) -> Asked | None:
    condition = f" ; {marker}" if marker else ""
    listed = f"[{','.join(sorted(extras))}]" if extras else ""
    try:
        requirement = Requirement(f"{name}{listed}{condition}")
    except (InvalidRequirement, RecursionError):
        return None
    return Asked(canonicalize_name(name), requirement, one.text, one.where, editable=one.editable)
