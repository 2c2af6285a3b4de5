"""Reads what a ``pyproject.toml`` or a ``Pipfile`` declares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.declared.groups import expanded, tables
from harness.dependencies.declared.pipfile import pipfile_lists, pipfile_python
from harness.dependencies.declared.poetry import poetry_lists, poetry_python
from harness.dependencies.declared.pyproject import is_dynamic, standard_lists
from harness.dependencies.declared.toml_file import read_toml
from harness.dependencies.project import Declared, MalformedFileError
from harness.dependencies.text_files import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.dependencies.declared.toml_file import TomlFile

PIPFILE: Final = "Pipfile"
_LOCKS: Final = {"poetry": "poetry.lock", "uv": "uv.lock", "pdm": "pdm.lock"}


def is_project(path: Path) -> bool:
    """Whether a file declares dependencies, by its name."""
    return path.name in {"pyproject.toml", PIPFILE}


def read_declared(path: Path, folder: Path) -> Declared:
    """Read the declarations of a project.

    Raises:
        MalformedFileError: It is not what it should be: a sentence for each thing that is wrong.
    """
    if path.suffix != ".toml" and path.name != PIPFILE:
        raise MalformedFileError(f"{shown(path, folder)}: expected a pyproject.toml or a Pipfile as the project")
    file = read_toml(path, folder)
    found = _of_pipfile(file) if path.name == PIPFILE else _of_pyproject(file, folder)
    if file.problems:
        raise MalformedFileError("\n".join(sorted(dict.fromkeys(file.problems), key=_line)))
    return found


def _line(problem: str) -> int:
    found = re.search(r":(\d+): ", problem)
    return int(found[1]) if found else 0


def _of_pyproject(file: TomlFile, folder: Path) -> Declared:
    lists = (*standard_lists(file, folder), *poetry_lists(file))
    name = next((way for way in (("project", "name"), ("tool", "poetry", "name")) if file.at(*way) is not None), None)
    own = file.name(file.string(*name) or "", "a distribution", *name) if name else None
    python, where = _python(file)
    return Declared(
        path=file.path,
        shown=file.shown,
        name=own,
        asked=tuple(expanded(lists, own, file)),
        requires_python=python,
        requires_python_where=where,
        tool=_tool(file),
        dynamic=is_dynamic(file),
        group_tables=tables(lists),
    )


def _of_pipfile(file: TomlFile) -> Declared:
    lists = tuple(pipfile_lists(file))
    python, where = pipfile_python(file) or (None, None)
    return Declared(
        path=file.path,
        shown=file.shown,
        asked=tuple(expanded(lists, None, file)),
        requires_python=python,
        requires_python_where=where,
        tool="pipenv",
        group_tables=tables(lists),
    )


def _python(file: TomlFile) -> tuple[str | None, str | None]:
    """The Python that is required, as a specifier, and its place."""
    standard, poetry = ("project", "requires-python"), ("tool", "poetry", "dependencies", "python")
    if file.at(*standard) is not None:
        return file.specifier(*standard), file.where(*standard)
    found = poetry_python(file)
    return (found, file.where(*poetry)) if found else (None, None)


def _tool(file: TomlFile) -> str | None:
    """Who manages the project: of several that have left their traces, the one whose lock is there."""
    found = [*dict.fromkeys(_traces(file))]
    locked = [tool for tool in found if regular_files.is_file(file.path.parent / _LOCKS[tool])]
    return next(iter(locked or found), None)


def _traces(file: TomlFile) -> Iterator[str]:
    backend = file.string("build-system", "build-backend") or ""
    for tool, lock in _LOCKS.items():
        if (
            file.at("tool", tool) is not None
            or backend.startswith(tool)
            or regular_files.is_file(file.path.parent / lock)
        ):
            yield tool
