"""Lines of a requirements file that name a folder: the project's own, or another project of the repository."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.project.declared import read_declared
from harness.project.reading import shown
from harness.project.values import MAIN, Asked, BuildInput, Declared, Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.project.values import Unnamed

_PROJECT: Final = "pyproject.toml"
_LINE: Final = re.compile(
    r"(?:-e\s+)?(?:file:(?://)?)?(?P<path>[^\[\];]+?)(?P<extras>\[[^\]]*\])?\s*(?:;(?P<marker>.*))?"
)


def with_folders(build: BuildInput, declared: Declared | None, folder: Path) -> BuildInput:
    """A build input with what its folders are: of the project's own, its lists; of another, its name.

    Args:
        build: As it was read.
        declared: The project.
        folder: The manifest's.

    Raises:
        MalformedFileError: Another project's file is not what it should be.
    """
    asked, unnamed = list(build.asked), []
    for one in build.unnamed:
        found = tuple(_asked(one, declared, folder))
        asked += found
        unnamed += [] if found else [one]
    return replace(build, asked=tuple(asked), unnamed=tuple(unnamed))


def _asked(one: Unnamed, declared: Declared | None, folder: Path) -> Iterator[Asked]:
    line = _LINE.fullmatch(one.text)
    if line is None:
        return
    file = folder / one.where.rpartition(":")[0]
    # The installer takes it from where it is started, which is the root of the repository far more often than not.
    places = (base / line["path"].strip() for base in (folder, file.parent))
    place = next((place for place in places if (place / _PROJECT).is_file()), None)
    if place is None:
        return
    extras = frozenset(canonicalize_name(extra) for extra in re.findall(r"[\w.-]+", line["extras"] or ""))
    if declared and place.resolve() == declared.path.parent.resolve():
        wanted = {MAIN, *(Group(Kind.EXTRA, extra) for extra in extras)}
        yield from (replace(asked, group=MAIN) for asked in declared.asked if asked.group in wanted)
        return
    name = read_declared(place / _PROJECT, folder).name
    marker = f" ; {line['marker']}" if line["marker"] else ""
    listed = f"[{','.join(sorted(extras))}]" if extras else ""
    try:
        requirement = Requirement(f"{name}{listed}{marker}") if name else None
    except (InvalidRequirement, RecursionError):
        return
    if name and requirement:
        where = shown(place.resolve(), folder.resolve())
        yield Asked(name, requirement, one.text, one.where, editable=one.editable, folder=where)
