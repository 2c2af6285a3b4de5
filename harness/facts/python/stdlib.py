"""What the standard library's modules hold, by the one that this runs on.

Which top-level modules there are, differs between versions, and is the policy's affair. What is asked here is whether
the standard library has a submodule or a name of the user's making, and there the versions do not differ.
"""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from pathlib import Path


@cache
def has_submodule(name: str) -> bool:
    """Whether the standard library may have a module of that dotted name."""
    if name in sys.modules:  # such as os.path, for which there is no file of that name
        return True
    top, *parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return False
    for finder in (BuiltinImporter, FrozenImporter, PathFinder):
        spec = finder.find_spec(top, _folders())
        if spec is None:
            continue
        if spec.submodule_search_locations is None:
            return False
        found = (Path(folder).joinpath(*parts) for folder in spec.submodule_search_locations)
        return any(path.is_dir() or path.with_suffix(".py").is_file() for path in found)
    return True  # a module of another version: nothing is known of it


def has_name(module: str, name: str) -> bool:
    """Whether a module of the standard library may have a name; of one that is not loaded, nothing is known."""
    loaded = sys.modules.get(module)
    return loaded is None or hasattr(loaded, name)


def certainly_has(module: str, name: str) -> bool:
    """Whether a module of the standard library is known to have a name or a submodule; of one not loaded, few are."""
    return hasattr(sys.modules.get(module), name) or has_submodule(f"{module}.{name}")


@cache
def _folders() -> list[str]:
    """Where this interpreter's standard library is, without what is installed beside it."""
    folder = sysconfig.get_path("stdlib")
    return [folder, sysconfig.get_path("platstdlib"), f"{folder}/lib-dynload"]
