"""Places of a file that the artifact lacks: in another folder of it, or in the repository."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from harness import regular_files
from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.dependencies.project import Sources
    from harness.facts.python.program import Program


def elsewhere(program: Program, wanted: str) -> Iterator[str]:
    """The files of the artifact that are called like a missing one, folders included, and are no library's.

    Args:
        program: The artifact.
        wanted: The path at which the file should be.
    """
    root = CODE_ROOT if wanted.startswith(f"{CODE_ROOT}/") else LAYER_ROOT
    tail = f"/{wanted.removeprefix(f'{root}/')}".casefold()
    for path in program.facts.bundle.items:
        if path.casefold().endswith(tail) and path != wanted and not _is_a_librarys(program, path):
            yield path


def _is_a_librarys(program: Program, path: str) -> bool:
    """Whether a file is in a package that is not the application's, whatever metadata is left of it."""
    if path in program.facts.owners:
        return True
    folder = posixpath.dirname(path)
    while folder not in {CODE_ROOT, LAYER_ROOT, "/", ""}:
        package = f"{folder}/__init__.py"
        if package in program.facts.modules and package not in program.own:
            return True
        folder = posixpath.dirname(folder)
    return False


def source(lists: DependencyLists, wanted: str) -> str | None:
    """The file of the repository that should have been copied, as a sentence names it; None where there is none.

    Args:
        lists: What the repository says.
        wanted: The path at which the file should be; it may be a pattern.
    """
    found = _found(lists, wanted)
    return _shown(found[0], wanted.removeprefix(f"{CODE_ROOT}/")) if found else None


def copies(lists: DependencyLists, wanted: str) -> tuple[tuple[str, str], ...]:
    """The files that should have been copied: by their names in the code archive, and in the repository."""
    found = _found(lists, wanted)
    return tuple((name, _shown(found[0], name)) for name in found[1]) if found else ()


def _found(lists: DependencyLists, wanted: str) -> tuple[Sources, list[str]] | None:
    """The first folder of sources that has such files, and their names in it; none that a link leads out of it."""
    name = wanted.removeprefix(f"{CODE_ROOT}/")
    for root in lists.project.sources if name != wanted else ():
        try:
            whole = regular_files.resolved(root.path)
            matching = [path for path in regular_files.found(root.path, name) if regular_files.is_file(path)]
            found = [path for path in matching if regular_files.resolved(path).is_relative_to(whole)]
        except (OSError, ValueError, NotImplementedError, IndexError):  # what is no pattern for a file system
            return None
        if found:
            return root, [path.relative_to(root.path).as_posix() for path in found]
    return None


def _shown(root: Sources, name: str) -> str:
    return f"{root.shown}/{name}".removeprefix("./")


def copied(lists: DependencyLists, wanted: str) -> str:
    """The remedy: copy a file into the folder that an archive is made from.

    Args:
        lists: What the repository says.
        wanted: The path at which the file should be; it may be a pattern.
    """
    bundle = lists.program.facts.bundle
    root = CODE_ROOT if wanted.startswith(f"{CODE_ROOT}/") else LAYER_ROOT
    layers = ", ".join(dict.fromkeys(layer.source for layer in bundle.layers))
    archive = bundle.code.source if root == CODE_ROOT and bundle.code else layers
    name = source(lists, wanted) or wanted.removeprefix(f"{root}/")
    return f"copy {name} into the folder that {archive or 'the archive'} is made from"
