"""The files that archives are made from, as the repository has them now."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import regular_files
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.dependencies.project import Project
    from harness.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Input:
    """A file that archives are made from.

    Attributes:
        name: Relative to the manifest's folder, with forward slashes.
        path: The file.
        decisive: Whether archives are installed from the file itself. A lock beside requirements files is what those
            are exported from: it can change without them.
    """

    name: str
    path: Path
    decisive: bool = True


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that archives are made from.

    Attributes:
        folder: What the names are relative to.
        files: Each once: requirements with what they include, the lock, what else the manifest names.
        runtime: Lambda's name for it.
        architecture: The same.
    """

    folder: Path
    files: tuple[Input, ...]
    runtime: str
    architecture: str


def inputs_of(manifest: Manifest, project: Project) -> Inputs:
    """The files that a manifest's archives are made from."""
    found: dict[str, Input] = {}
    for path, decisive in _files(manifest, project):
        name = relative(path, manifest.folder)
        found.setdefault(name, Input(name, path, decisive))
    return Inputs(manifest.folder, tuple(found.values()), manifest.runtime, str(manifest.architecture))


def named_inputs(manifest: Manifest) -> Inputs:
    """Of what a manifest says, only the files that are named one by one."""
    files = tuple(Input(relative(path, manifest.folder), path) for path in dict.fromkeys(manifest.inputs))
    return Inputs(manifest.folder, files, manifest.runtime, str(manifest.architecture))


def _files(manifest: Manifest, project: Project) -> Iterator[tuple[Path, bool]]:
    """The files, and whether each is decisive."""
    installed = (*manifest.requirements, *(project.build.files if project.build else ()))
    for path in installed:
        yield path, True
    if project.lock:
        yield project.lock.path, not installed
    elif manifest.project and not installed:
        yield manifest.project, True
    for path in manifest.inputs:
        yield path, True


def relative(path: Path, folder: Path) -> str:
    """A path relative to a folder, with forward slashes; links are not followed."""
    return os.path.relpath(path, folder).replace(os.sep, "/")


def digest(path: Path) -> str:
    """The digest of a file's bytes: ``sha256:`` and 64 hexadecimal digits.

    Raises:
        UsageError: The file cannot be read.
    """
    try:
        with regular_files.opened(path, regular_files.LARGEST_ARCHIVE) as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
