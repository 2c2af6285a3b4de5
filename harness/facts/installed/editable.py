"""Leftovers of editable installs: pointers at a folder of the machine that built."""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.installed.distributions import EDITABLE
from harness.facts.python.search import site_folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.program import Program

_LINK = ".egg-link"
_PATH = ".pth"
# __editable__.NAME-VERSION.pth, __editable___NAME_VERSION_finder.py
_NAMED = re.compile(rf"{EDITABLE}(?:\.(?P<path>[^-]+)-.*\.pth|_(?P<finder>.+?)_\d[^/]*_finder\.py)")
# What is there on Lambda beside the archives.
_LAMBDA = ("/var/lang/", "/var/runtime/", "/usr/", "/tmp/", "/mnt/", "/lib", "/etc/")  # noqa: S108 - Lambda's, not ours


@dataclass(frozen=True, slots=True)
class Pointer:
    """One file that stands in for modules.

    Attributes:
        path: As in the function.
        name: What it is called after: a distribution, or anything.
        targets: The folders that it points at, on the machine that built.
        modules: The import names that it would make findable, where it tells.
    """

    path: str
    name: str
    targets: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


def pointers(program: Program) -> Iterator[Pointer]:
    """Every pointer in a folder of ``sys.path`` that leads out of the archives."""
    folders = {*site_folders(program.policy.python), *program.search.path}
    for path in sorted(program.facts.bundle.items):
        folder, _, file = path.rpartition("/")
        if folder not in folders:
            continue
        if file.endswith(_LINK):
            yield Pointer(path, file.removesuffix(_LINK))
        elif path not in program.facts.texts:
            continue
        elif file.startswith(EDITABLE) and file.endswith(".py"):
            found = _mapping(program.facts.texts[path])
            yield Pointer(path, _name(file), tuple(found.values()), tuple(name.partition(".")[0] for name in found))
        elif file.endswith(_PATH):
            lines = (line.strip() for line in program.facts.texts[path].splitlines())
            targets = tuple(line for line in lines if line.startswith("/") and not _is_there(line, program))
            if targets:
                yield Pointer(path, _name(file), targets)


def _name(file: str) -> str:
    found = _NAMED.fullmatch(file)
    if found is None:
        return file.removesuffix(_PATH).lstrip("_")
    return found["path"] or found["finder"]


def _is_there(target: str, program: Program) -> bool:
    """Whether a folder that a ``.pth`` file names is on Lambda, or may be."""
    target = posixpath.normpath(target)
    below = f"{target}/"
    return below.startswith(_LAMBDA) or any(
        path == target or path.startswith(below) for path in program.facts.bundle.items
    )


def _mapping(finder: str) -> dict[str, str]:
    """What setuptools' finder maps import names to; nothing where it cannot be read."""
    try:
        tree = ast.parse(finder)
    except (SyntaxError, ValueError):
        return {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="MAPPING")], value=ast.Dict() as table):
                return _constants(table)
            case ast.AnnAssign(target=ast.Name(id="MAPPING"), value=ast.Dict() as table):
                return _constants(table)
            case _:
                pass
    return {}


def _constants(table: ast.Dict) -> dict[str, str]:
    return {
        key.value: value.value
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
        if isinstance(key.value, str) and isinstance(value.value, str)
    }
