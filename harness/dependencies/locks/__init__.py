"""Lock files: which there is, and what it says."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from harness.dependencies.locks.lock_file import LockFile
from harness.dependencies.project import MalformedFileError
from harness.dependencies.text_files import read_text, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.dependencies.project import AnyLock, Declared

# The tool, and the module beside this one that reads its lock: a repository has one, so one is imported.
_READERS = {
    "pylock.toml": ("pip", "pylock"),
    "uv.lock": ("uv", "uv"),
    "pdm.lock": ("pdm", "pdm"),
    "poetry.lock": ("poetry", "poetry"),
    "Pipfile.lock": ("pipenv", "pipenv"),
}
_NAMED = re.compile(r"pylock\.[^.]+\.toml")


def is_lock(path: Path) -> bool:
    """Whether a file is a lock, by its name."""
    return _known(path) is not None


def read_lock(path: Path, folder: Path, declared: Declared | None) -> AnyLock:
    """What a lock says.

    Args:
        path: The file; its name tells its format.
        folder: The manifest's, which sentences name the file from.
        declared: What the project declares: it tells extras from groups, and the project from other members of a
            workspace.

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
    read: Callable[[LockFile, Declared | None], AnyLock] = import_module(f"{__name__}.{_READERS[known][1]}").read
    return read(LockFile(path, name, text), declared)


def find_lock(folder: Path, tool: str | None = None) -> Path | None:
    """The lock of the project in a folder.

    It is the one beside the project; of several, that of the tool which manages it, or else the first of
    ``pylock.toml``, ``uv.lock``, ``pdm.lock``, ``poetry.lock`` and ``Pipfile.lock``. Without one, and for a tool whose
    lock is not among them, it is that of the nearest folder above, up to the repository's own, whose text names the
    project's folder, as the locks of a workspace and of a repository of several projects do: one that does not is
    another project's.

    Args:
        folder: Where the project's ``pyproject.toml`` or ``Pipfile`` is.
        tool: Who manages it, if that is known.
    """
    found = [*_beside(folder), *_above(folder)]
    return next(
        (path for path in found if tool is not None and _READERS[path.name][0] == tool), next(iter(found), None)
    )


def _known(path: Path) -> str | None:
    if path.name in _READERS:
        return path.name
    return "pylock.toml" if _NAMED.fullmatch(path.name) else None


def _beside(folder: Path) -> Iterator[Path]:
    yield from (path for name in _READERS if (path := folder / name).is_file())


def _above(folder: Path) -> Iterator[Path]:
    folder = folder.absolute()
    above = folder
    while not (above / ".git").exists() and above != above.parent:
        above = above.parent
        relative = folder.relative_to(above).as_posix()
        for path in _beside(above):
            if _names(path, relative):
                yield path


def _names(path: Path, folder: str) -> bool:
    try:
        text = read_text(path, path.name)
    except MalformedFileError:
        return False
    return re.search(rf"""["'](?:\./)?{re.escape(folder)}/?["']""", text) is not None
