"""What to do about a module that an import does not find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT
from harness.facts.search import Found, Missing

if TYPE_CHECKING:
    from harness.facts.program import Program


def cause(module: str, program: Program) -> str | None:
    """Why it is not found, where the archives or the policy show it."""
    policy = program.policy
    if removed := dict(policy.removed_modules).get(module.partition(".")[0]):
        return removed.cause
    if path := _hidden(module, program):
        return f"{path} is there, and another {module.partition('.')[0]!r} comes first on sys.path"
    if near := _same_but_for_case(module, program):
        return f"{near} is there, and upper and lower case differ on Lambda"
    if path := elsewhere(module, program):
        return f"{path} is there, in a folder that is not on sys.path"
    return None


def remedy(  # noqa: PLR0911 - a table
    module: str, program: Program
) -> str:
    """What to change."""
    top = module.partition(".")[0]
    if removed := dict(program.policy.removed_modules).get(top):
        return removed.remedy
    if _hidden(module, program):
        return f"rename or leave out the {module.partition('.')[0]!r} that comes first on sys.path"
    if near := _same_but_for_case(module, program):
        return f"write the import as the file is named, or rename {near}"
    if path := elsewhere(module, program):
        return f"move what is in {path.rpartition('/')[0]} to the root of the archive, or to python/ of a layer"
    if isinstance(program.search.find(top), Missing):
        if not program.facts.bundle.layers:
            return (
                f"name the layer that has {top!r} (--layer, or layers in the manifest); if there is none, add the "
                "distribution that provides it to what the archive is built from"
            )
        return (
            f"add the distribution that provides {top!r} to the requirements that the layer is built from, and build "
            "the layer again"
        )
    if isinstance(found := program.search.find(top), Found) and found.path.startswith(CODE_ROOT):
        return f"add the file of {module!r} to the code archive: {top!r} is there, and this module of it is not"
    return f"install a version of {top!r} that has {module!r}, or correct the import"


def _same_but_for_case(module: str, program: Program) -> str | None:
    """A file that would be the module if case did not matter."""
    wanted = {(folder + ending).casefold() for folder in program.search.path for ending in _endings(module)}
    found = (path for path in program.facts.modules if path.casefold() in wanted)
    return next((path for path in found if not path.endswith(_endings(module))), None)


def _hidden(module: str, program: Program) -> str | None:
    """The file that would be the module if another of a parent's name did not come first."""
    wanted = {folder + ending for folder in program.search.path for ending in _endings(module)}
    return next((path for path in program.facts.modules if path in wanted), None)


def _endings(module: str) -> tuple[str, str]:
    return f"/{module.replace('.', '/')}.py", f"/{module.replace('.', '/')}/__init__.py"


def elsewhere(module: str, program: Program) -> str | None:
    """The file that would be the module if its folder were on the search path: the one with the shortest path."""
    found = (path for path in program.facts.modules if path.endswith(_endings(module)))
    return min(found, key=lambda path: (len(path), path), default=None)
