"""The folder of a project, and the files in it that discovery may read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.discovery.cloudformation.intrinsics import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BUILT: Final = ("*.dist-info", "*.egg-info")
_SKIPPED: Final = frozenset(
    {".git", ".aws-sam", "node_modules", "__pycache__", ".venv", "venv", "cdk.out", ".serverless"}
)
_MOST_FILES: Final = 20_000  # looked at to see whether a source is newer than its build


@dataclass(frozen=True)
class Project:
    """Where discovery looks, and what the command line adds.

    Attributes:
        root: The folder that everything that is read is in: the repository's, else the working directory.
        folder: The folder that build outputs are looked for in.
        parameters: ``--parameter NAME=VALUE``.
        stack: ``--stack``; None takes the tool's own.
        stage: ``--stage``; None takes the tool's default.
    """

    root: Path
    folder: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    stack: str | None = None
    stage: str | None = None
    region: str = REGION

    def inside(self, path: Path) -> bool:
        """Whether a path is in the project, links followed."""
        try:
            return path.resolve().is_relative_to(self.root.resolve())
        except (OSError, RuntimeError, ValueError):
            return False

    def relative(self, path: Path) -> str:
        """A path as reports show it."""
        return os.path.relpath(path, self.root)


def root_of(folder: Path) -> Path:
    """The repository that a folder is in; the folder itself where it is in none."""
    folder = folder.absolute()
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def unbuilt(folder: Path) -> bool:
    """Whether a source folder asks for distributions that are not installed in it."""
    try:
        text = regular_files.read(folder / "requirements.txt").decode("utf-8", "replace")
    except OSError:
        return False
    wanted = any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
    return wanted and not any(next(folder.glob(pattern), None) for pattern in _BUILT)


def newest(folder: Path) -> tuple[float, Path] | None:
    """The newest of a folder's files, and when it was changed; None where it has none."""
    times = ((path.stat().st_mtime, path) for path in _files(folder))
    return max(times, default=None)


def _files(folder: Path) -> Iterator[Path]:
    seen = 0
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _SKIPPED)
        for name in names:
            seen += 1
            path = folder.__class__(where, name)
            if seen > _MOST_FILES:
                return
            if path.suffix != ".pyc" and path.is_file():
                yield path
