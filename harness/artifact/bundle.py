"""Code and layers merged as Lambda merges them: the paths that the function sees, and the archive of each."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.artifact.entries import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.artifact.entries import Archive, Entry

CODE_ROOT = "/var/task"
LAYER_ROOT = "/opt"
_MOST_HOPS = 40  # as many links as the kernel follows


@dataclass(frozen=True, slots=True)
class Item:
    """One path that the function sees.

    Attributes:
        path: Absolute, as in the function: ``/var/task/app/main.py``.
        entry: The entry of the last archive that has the path.
        archive: The archive of that entry.
        overwrote: The archives whose entry at this path it replaced, the earliest first.
    """

    path: str
    entry: Entry
    archive: Archive
    overwrote: tuple[Archive, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """A path that is a file in one layer and a folder in another.

    Attributes:
        path: Absolute, as in the function.
        file: The layer where it is a file or a symlink.
        folder: The layer where it is a folder.
    """

    path: str
    file: Archive
    folder: Archive


@dataclass(frozen=True)  # without slots: the merge is computed once, and a cached property keeps it in __dict__
class Bundle:
    """The archives of one function.

    Attributes:
        code: The function's own archive, at ``/var/task``; None where layers alone are verified.
        layers: The layers at ``/opt``, in Lambda's order: a later one wins.
    """

    code: Archive | None = None
    layers: tuple[Archive, ...] = ()

    @property
    def archives(self) -> tuple[Archive, ...]:
        """All archives, the code first."""
        return (self.code, *self.layers) if self.code else self.layers

    @property
    def rooted(self) -> tuple[tuple[str, Archive], ...]:
        """All archives in the same order, each with the folder that Lambda unpacks it to."""
        return tuple((CODE_ROOT if archive is self.code else LAYER_ROOT, archive) for archive in self.archives)

    @property
    def unzipped_bytes(self) -> int:
        """The bytes that count against Lambda's quota: each archive whole, overwritten files included."""
        return sum(archive.unzipped_bytes for archive in self.archives)

    @property
    def items(self) -> Mapping[str, Item]:
        """Every file, symlink and stated folder that the function sees, by its absolute path."""
        return self._merge.items

    @property
    def clashes(self) -> tuple[Clash, ...]:
        """Paths that are a file in one layer and a folder in another; Lambda refuses them."""
        return tuple(self._merge.clashes.values())

    @cached_property
    def _merge(self) -> _Merge:
        merge = _Merge()
        for archive in self.layers:
            merge.add(LAYER_ROOT, archive)
        if self.code:
            merge.add(CODE_ROOT, self.code)
        return merge


def found_at(bundle: Bundle, path: str) -> Item | None:
    """The regular file that the function reads at a path, through symbolic links; None where there is none."""
    for _ in range(_MOST_HOPS):
        item = bundle.items.get(path)
        if item is None or item.entry.kind is Kind.FILE:
            return item
        if item.entry.kind is Kind.DIRECTORY:
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), item.entry.target or ""))
    return None


def where(item: Item) -> str:
    """The item's place for a message: ``layer.zip!python/x.py``, or the file itself in an unpacked folder."""
    return f"{item.archive.source}{'/' if item.archive.is_folder else '!'}{item.entry.name}"


class _Merge:
    """Archives laid over one another."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._folders: dict[str, Archive] = {}  # stated or implied, with the last archive that has them
        self.clashes: dict[str, Clash] = {}
        self.items: Mapping[str, Item] = MappingProxyType(self._items)

    def add(self, root: str, archive: Archive) -> None:
        """Lay one more archive over those that are there."""
        for entry in archive.entries:
            path = f"{root}/{entry.name}"
            self._claim_folders(root, path, archive)
            if entry.kind is Kind.DIRECTORY:
                self._claim_folder(path, archive)
                self._items[path] = Item(path, entry, archive)
            else:
                self._claim_file(path, archive)
                old = self._items.get(path)
                overwrote = (*old.overwrote, old.archive) if old else ()
                self._items[path] = Item(path, entry, archive, overwrote)

    def _claim_folders(self, root: str, path: str, archive: Archive) -> None:
        folder = path.rpartition("/")[0]
        while folder != root and self._folders.get(folder) is not archive:
            self._claim_folder(folder, archive)
            folder = folder.rpartition("/")[0]

    def _claim_folder(self, path: str, archive: Archive) -> None:
        old = self._items.get(path)
        if old and old.entry.kind is not Kind.DIRECTORY:
            self.clashes[path] = Clash(path, file=old.archive, folder=archive)
            del self._items[path]
        self._folders[path] = archive

    def _claim_file(self, path: str, archive: Archive) -> None:
        if path not in self._folders:
            return
        self.clashes[path] = Clash(path, file=archive, folder=self._folders[path])
        below = f"{path}/"
        for paths in (self._items, self._folders):
            for replaced in [name for name in paths if name == path or name.startswith(below)]:
                del paths[replaced]
