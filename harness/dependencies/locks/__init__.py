"""Finds and reads lock files."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from harness import regular_files
from harness.dependencies.locks.lock_file import LockFile
from harness.dependencies.project import MalformedFileError
from harness.dependencies.text_files import parse_json, parse_toml, read_text, shown, text_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.dependencies.project import AnyLock, Declared, Lock

# By the file's name, its tool and the module beside this one that reads it: a repository has one, so one is imported.
_READERS = {
    "pylock.toml": ("pip", "pylock"),
    "uv.lock": ("uv", "uv"),
    "pdm.lock": ("pdm", "pdm"),
    "poetry.lock": ("poetry", "poetry"),
    "Pipfile.lock": ("pipenv", "pipenv"),
}
_PYTHON = re.compile(
    r"^[ \t]*\"?(?:python-versions|requires[-_]python|python_(?:full_)?version)\"?[ \t]*[=:]", re.MULTILINE
)
_NAMED = re.compile(r"pylock\.[^.]+\.toml")


def is_lock(path: Path) -> bool:
    """Whether a file is a lock, by its name."""
    return _known(path) is not None


def read_lock(path: Path, folder: Path, declared: Declared | None) -> AnyLock:
    """Read a lock, whose format its name tells.

    Args:
        path: The file.
        folder: The manifest's, which messages name the file from.
        declared: The project: it tells extras from groups, and the project from other members of a workspace.

    Raises:
        MalformedFileError: The file cannot be read, or is not what its name says.
    """
    name = shown(path, folder)
    known = _known(path)
    if known is None:
        raise MalformedFileError(f"{name}: expected a lock file: {', '.join(_READERS)} or pylock.NAME.toml")
    text = read_text(path, name)
    if not text.strip():
        raise MalformedFileError(f"{name}: expected a {known}, found an empty file")
    document = parse_json(text, name) if known == "Pipfile.lock" else parse_toml(text, name)
    read: Callable[[LockFile], AnyLock] = import_module(f"{__name__}.{_READERS[known][1]}").read
    return read(LockFile(path, name, text, document, declared))


def find_lock(folder: Path, tool: str | None = None) -> Path | None:
    """The lock of the project in a folder.

    It is the one beside the project; of several, that of the tool which manages it, or else the first by the order of
    the readers. Without one, and for a tool whose lock is not among them, it is that of the nearest folder above, up to
    the repository's root, whose text names the project's folder, as the locks of workspaces do.

    Args:
        folder: The folder of the project's ``pyproject.toml`` or ``Pipfile``.
        tool: The tool that manages it, if that is known.
    """
    paths = [*_beside(folder), *_above(folder)]
    of_tool = (path for path in paths if tool is not None and _READERS[path.name][0] == tool)
    return next(of_tool, paths[0] if paths else None)


def python_line(lock: Lock) -> str:
    """The lock's file and the line with the Pythons that it was made for; the file alone where there is none."""
    text = text_or_none(lock.path) or ""
    starts = [found.start() for found in _PYTHON.finditer(text)]
    if not starts:
        return lock.shown
    start = starts[-1 if lock.tool == "poetry" else 0]  # every entry has one of its own, and Poetry writes them first
    return f"{lock.shown}:{text.count(chr(10), 0, start) + 1}"


def _known(path: Path) -> str | None:
    if path.name in _READERS:
        return path.name
    return "pylock.toml" if _NAMED.fullmatch(path.name) else None


def _beside(folder: Path) -> Iterator[Path]:
    yield from (path for name in _READERS if regular_files.is_file(path := folder / name))


def _above(folder: Path) -> Iterator[Path]:
    folder = folder.absolute()
    above = folder
    while not regular_files.exists(above / ".git") and above != above.parent:
        above = above.parent
        named = re.compile(rf"""["'](?:\./)?{re.escape(folder.relative_to(above).as_posix())}/?["']""")
        yield from (path for path in _beside(above) if named.search(text_or_none(path) or ""))
