"""The lists of a ``pyproject.toml`` that are arrays of requirements: the standard's, and those of tools before it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.declared.groups import DEV, Include, Listed
from harness.dependencies.declared.requirement_line import parse_line
from harness.dependencies.declared.requirements import read_requirements
from harness.dependencies.project import MAIN, Asked, Group, Kind, MalformedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.dependencies.declared.toml_file import TomlFile

_DYNAMIC: Final = ("tool", "setuptools", "dynamic")


def standard_lists(file: TomlFile, folder: Path) -> Iterator[Listed]:
    """The lists of ``[project]`` and ``[dependency-groups]``, and those which uv and PDM had before the latter."""
    if file.at("project", "dependencies") is not None or not _elsewhere(file):
        yield Listed(MAIN, "[project] dependencies", (*file.requirements(MAIN, "project", "dependencies"),))
    extras = ("project", "optional-dependencies")
    for key, group in file.groups(Kind.EXTRA, *extras):
        yield Listed(group, f"[project.optional-dependencies] {key}", (*file.requirements(group, *extras, key),))
    yield from _of_setuptools(file, folder)
    for key, group in file.groups(Kind.GROUP, "dependency-groups"):
        yield _group(file, key, group)
    if file.at("tool", "uv", "dev-dependencies") is not None:
        asked = file.requirements(DEV, "tool", "uv", "dev-dependencies")
        yield Listed(DEV, "[tool.uv] dev-dependencies", (*asked,))
    yield from _of_pdm(file)


def is_dynamic(file: TomlFile) -> bool:
    """Whether the main list is not in the file, and not in another one that it names, but made by a build back-end."""
    if file.at("tool", "poetry") is not None:
        return False
    if "project" in file.content:
        return _stated(file, "dependencies") and file.at(*_DYNAMIC, "dependencies", "file") is None
    # Without that table, setuptools takes everything from where it was before there was one.
    folder = file.path.parent
    return regular_files.is_file(folder / "setup.py") or _asks(folder / "setup.cfg")


def _asks(path: Path) -> bool:
    """Whether a ``setup.cfg`` has a list of dependencies; many only configure linters."""
    try:
        return re.search(rb"^install_requires\s*[=:]", regular_files.read(path), re.MULTILINE) is not None
    except OSError:
        return False


def _stated(file: TomlFile, key: str) -> bool:
    """Whether a key of ``[project]`` is declared as made by the build back-end."""
    return any(text == key for _, text in file.strings("project", "dynamic"))


def _elsewhere(file: TomlFile) -> bool:
    """Whether the main list is to be looked for in another table, or in another file."""
    poetry = file.at("tool", "poetry", "dependencies")
    return "project" not in file.content or _stated(file, "dependencies") or poetry is not None


def _group(file: TomlFile, key: str, group: Group) -> Listed:
    asked: list[Asked] = []
    includes: list[Include] = []
    for index, one in file.items("dependency-groups", key):
        way = ("dependency-groups", key, index)
        match one:
            case str():
                asked += [found] if (found := file.requirement(one, group, *way)) else []
            case {"include-group": str(included), **others} if not others:
                if name := file.name(included, "a group", *way):
                    includes.append(Include(Group(Kind.GROUP, name), file.where(*way)))
            case _:
                file.expected('a requirement such as name>=1.2, or {include-group = "name"}', one, *way)
    return Listed(group, f"[dependency-groups] {key}", tuple(asked), tuple(includes))


def _of_setuptools(file: TomlFile, folder: Path) -> Iterator[Listed]:
    """The lists that setuptools takes from requirements files."""
    if _stated(file, "dependencies"):
        yield from _from_files(file, folder, MAIN, *_DYNAMIC, "dependencies", "file")
    extras = (*_DYNAMIC, "optional-dependencies")
    for key, group in file.groups(Kind.EXTRA, *extras) if _stated(file, "optional-dependencies") else ():
        yield from _from_files(file, folder, group, *extras, key, "file")


def _from_files(file: TomlFile, folder: Path, group: Group, *way: str) -> Iterator[Listed]:
    found = file.at(*way)
    named = [found] if isinstance(found, str) else [text for _, text in file.strings(*way)]
    for text in named:
        try:
            read = read_requirements([file.path.parent / text], folder)
        except MalformedFileError as error:
            file.problems.append(f"{file.where(*way)}: takes a list from {error}")
        else:
            yield Listed(group, " and ".join(read.shown), (*(replace(one, group=group) for one in read.asked),))


def _of_pdm(file: TomlFile) -> Iterator[Listed]:
    tables = ("tool", "pdm", "dev-dependencies")
    for key, group in file.groups(Kind.GROUP, *tables):
        yield Listed(group, f"[tool.pdm.dev-dependencies] {key}", (*_for_pdm(file, group, *tables, key),))


def _for_pdm(file: TomlFile, group: Group, *way: str) -> Iterator[Asked]:
    """An array of requirements, where one that is installed as a link is written as in a requirements file."""
    for index, text in file.strings(*way):
        if text.startswith("-e"):
            editable = parse_line(text.removeprefix("-e").strip(), file.where(*way, index), is_editable=True)
            yield from (replace(one, group=group) for one in (editable,) if isinstance(one, Asked))
        elif found := file.requirement(text, group, *way, index):
            yield found
