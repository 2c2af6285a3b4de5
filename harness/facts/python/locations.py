"""The absolute paths that source code names, and whether something is there."""

from __future__ import annotations

import posixpath
from functools import cached_property
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.artifact.entries import Kind
from harness.facts.python.paths import FILE, NAME, PACKAGE, Location
from harness.facts.python.search import Found, Portions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.program import Program
    from harness.facts.python.search_path import View

_MOST_HOPS = 40  # as many links as the kernel follows, and more constants than anybody chains


class Places:
    """The paths that a function sees, and those that its code names."""

    def __init__(self, program: Program | View) -> None:
        self._program = program
        self._facts = program.facts
        self._items = program.facts.bundle.items

    def paths(self, location: Location, file: str, hops: int = 0) -> tuple[str, ...]:
        """The absolute paths that a location may be: several in a namespace package, none where nobody can tell.

        Args:
            location: A path, as the text of a module has it.
            file: The module's own file.
            hops: How many constants led to it.
        """
        anchor, tail = location.anchor, location.tail
        if not anchor:
            return (posixpath.normpath(posixpath.join(CODE_ROOT, tail)),) if tail else (CODE_ROOT,)
        if anchor == FILE:
            return self._beyond((file,), tail)
        if anchor.startswith(PACKAGE):
            return self._beyond(self._package(anchor.removeprefix(PACKAGE), file), tail)
        if anchor.startswith(NAME) and hops < _MOST_HOPS:
            return self._beyond(self._constant(anchor.removeprefix(NAME), file, hops + 1), tail)
        return ()

    def exists(self, path: str) -> bool:
        """Whether a file or a folder is there, a link that leads nowhere being neither."""
        if path in self._folders or path in {CODE_ROOT, LAYER_ROOT}:
            return True
        return self._behind(path) is not None

    def _behind(self, path: str) -> str | None:
        """The path of what is there, through links, those of its folders included."""
        for _ in range(_MOST_HOPS):
            link = next((one for one in _upwards(path) if one in self._links), None)
            if link is None:
                return path if path in self._items or path in self._folders else None
            target = posixpath.join(posixpath.dirname(link), self._items[link].entry.target or "")
            path = posixpath.normpath(target + path[len(link) :])
        return None

    @cached_property
    def _links(self) -> frozenset[str]:
        return frozenset(path for path, item in self._items.items() if item.entry.kind is Kind.SYMLINK)

    @cached_property
    def _folders(self) -> frozenset[str]:
        rooted = self._facts.bundle.rooted
        return frozenset(f"{root}/{name}".rstrip("/") for root, archive in rooted for name in archive.folders)

    @staticmethod
    def _beyond(bases: tuple[str, ...], tail: str) -> tuple[str, ...]:
        return tuple(posixpath.normpath(posixpath.join(base, tail)) for base in bases)

    def _folders_of_package(self, name: str) -> tuple[str, ...]:
        match self._program.search.find(name):
            case Found(path=path):
                return (posixpath.dirname(path),)
            case Portions(folders=folders):
                return folders
            case _:
                return ()

    def _package(self, name: str, file: str) -> tuple[str, ...]:
        absolute = self._absolute(name, file)
        return self._folders_of_package(absolute) if absolute else ()

    def _absolute(self, name: str, file: str) -> str | None:
        module = name.lstrip(".")
        return self._program.graph.absolute(module, len(name) - len(module), file)

    def _constant(self, named: str, file: str, hops: int) -> tuple[str, ...]:
        """What a constant of another module is; it may be taken from yet another."""
        module, _, name = named.rpartition(":")
        absolute = self._absolute(module, file)
        found = self._program.search.find(absolute) if absolute else None
        if not isinstance(found, Found) or found.path not in self._facts.uses:
            return ()
        known = dict(self._facts.uses[found.path].constants)
        return self.paths(known[name], found.path, hops) if name in known else ()


def _upwards(path: str) -> Iterator[str]:
    """The folders that a path goes through, the outermost first, and the path itself."""
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(2, len(parts) + 1))
