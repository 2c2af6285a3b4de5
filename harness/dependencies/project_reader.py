"""Gathers what a manifest's repository says of dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.dependencies.declared.local_projects import with_folders
from harness.dependencies.declared.project_file import is_project, read_declared
from harness.dependencies.declared.requirements import read_requirements
from harness.dependencies.locks import find_lock, is_lock, read_lock
from harness.dependencies.project import MAIN, BuildInput, MalformedFileError, Project, Sources, Unnamed
from harness.dependencies.text_files import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.manifest import Manifest


def read_project(manifest: Manifest) -> Project:
    """Read what a manifest's repository has of dependencies.

    A lock that is named among the requirements is what the archives are built from; else the one beside the project is
    compared. Of a project that is named there, its main list counts.

    Raises:
        MalformedFileError: A file is not what it should be.
    """
    folder = manifest.folder
    declared = read_declared(manifest.project, folder) if manifest.project else None
    locks = [path for path in manifest.requirements if is_lock(path)]
    files = [path for path in manifest.requirements if path not in locks]
    if len(locks) > 1:
        named = " and ".join(shown(path, folder) for path in locks)
        raise MalformedFileError(f"{named}: expected one lock among the requirements, since one can be compared")
    found = next(iter(locks), None) or (find_lock(declared.path.parent, declared.tool) if declared else None)
    return Project(
        declared=declared,
        lock=read_lock(found, folder, declared) if found else None,
        build=with_folders(_build(files, folder), declared, folder) if files else None,
        built_from_lock=bool(locks),
        sources=tuple(_sources(manifest)),
    )


def _build(files: list[Path], folder: Path) -> BuildInput:
    projects = [read_declared(path, folder) for path in files if is_project(path)]
    read = read_requirements([path for path in files if not is_project(path)], folder)
    main = [one for project in projects for one in project.asked if one.group == MAIN]
    computed = [Unnamed("its dynamic list of dependencies", one.shown) for one in projects if one.dynamic]
    return BuildInput(
        files=(*read.files, *(project.path for project in projects)),
        shown=tuple(shown(path, folder) for path in files),
        asked=(*read.asked, *main),
        constraints=read.constraints,
        unnamed=(*read.unnamed, *computed),
    )


def _sources(manifest: Manifest) -> Iterator[Sources]:
    """The folders that the code archive may be made of: those that are declared, else folders near the manifest."""
    stated = dict.fromkeys(one for one in (manifest.source, *(f.source for f in manifest.functions)) if one)
    near = (manifest.folder, manifest.folder / "src", *([manifest.project.parent] if manifest.project else []))
    for path in dict.fromkeys((*stated, *(near if not stated else ()))):
        yield Sources(path, shown(path, manifest.folder))
