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
    endings = [f"/{module.replace('.', '/')}{ending}".casefold() for ending in (".py", "/__init__.py")]
    wanted = {folder.casefold() + ending for folder in program.search.path for ending in endings}
    return next((path for path in program.facts.modules if path.casefold() in wanted), None)


def elsewhere(module: str, program: Program) -> str | None:
    """The file that would be the module if its folder were on the search path: the one with the shortest path."""
    endings = tuple(f"/{module.replace('.', '/')}{ending}" for ending in (".py", "/__init__.py"))
    found = (path for path in program.facts.modules if path.endswith(endings))
    return min(found, key=lambda path: (len(path), path), default=None)
