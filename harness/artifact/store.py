"""Unpack archives once, by content, for all processes, and check each tree before it is used."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from harness.artifact.entries import Kind
from harness.artifact.unpack import check_admitted, unpack
from harness.cache import sealed, trees
from harness.cache.locks import lock
from harness.cache.usage import used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.artifact.entries import Archive, Entry

_LAYOUT = 1
"""Part of every key: raised when trees are written differently."""

_BELIEVED = 30.0
"""Seconds for which a store does not check a tree again."""

_TREE = "tree"
_SEAL = "seal"
_ADDED = "added-"
_DRAFT = ".draft-"
_OTHERS_READ = 0o004
_OTHERS_ENTER = 0o005


def needs_mask(entries: Iterable[Entry]) -> bool:
    """Whether a mode keeps others than the owner, such as Lambda's user, from a file or a folder."""
    return any(
        (entry.kind is Kind.FILE and not entry.mode & _OTHERS_READ)
        or (entry.kind is Kind.DIRECTORY and entry.mode & _OTHERS_ENTER != _OTHERS_ENTER)
        for entry in entries
    )


class Addition(NamedTuple):
    """Bytecode to add to a tree.

    Attributes:
        source: The path of the source file in the tree.
        name: The file's name below ``__pycache__``.
        content: Empty where the source is to have no bytecode.
        seconds: The time that compiling took.
    """

    source: str
    name: str
    content: bytes
    seconds: float


class Additions(msgspec.Struct):
    """The bytecode of one version of Python that was added to a tree.

    Attributes:
        costs: The seconds that compiling took, by source; 0 where it has no bytecode.
        files: Mode, size and modification time in nanoseconds, by path.
        wanted: Sources that handlers loaded without bytecode.
    """

    costs: dict[str, float] = {}
    files: dict[str, tuple[int, int, int]] = {}
    wanted: set[str] = set()


class Store:
    """Unpacked archives below one folder.

    Each tree has a seal, the digest of its listing. It is made in a draft folder and renamed when it is complete, so a
    process that is killed leaves a draft and never half a tree; the next one to make that tree removes the draft. A
    file lock per tree keeps simultaneous processes from making it twice. The first use by a store, of which each run
    has one, compares the tree with its seal, and makes it again where they differ.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._seen: dict[Path, tuple[tuple[int, int], float]] = {}

    def tree(self, archive: Archive, limit: int) -> Path:
        """The folder with an accepted archive's content of at most ``limit`` bytes; a folder is its own.

        Raises:
            Refused: The archive may not be unpacked, or its bytes are not what it declares. The store is unchanged.
            OSError: The store cannot be written, or the archive no longer be read.
        """
        check_admitted(archive, limit)
        if archive.is_folder:
            return archive.path
        return self._stored(archive.sha256, lambda path: unpack(archive, path, limit))

    def merged(self, trees_in_order: Sequence[Path]) -> Path:
        """One tree of several, as Lambda merges layers: per path the later one wins. Without any, an empty tree.

        Raises:
            OSError: The store cannot be written, or a folder not be read.
        """
        if len(trees_in_order) == 1:
            return trees_in_order[0]
        sources = [self._source(tree) for tree in trees_in_order]
        key = _digest(["merged", *(self._key(tree) for tree in trees_in_order)])
        return self._stored(key, lambda path: trees.overlay(sources, path) if sources else path.mkdir())

    def masked(self, tree: Path) -> Path:
        """The tree as others than its owner see it, for an engine that cannot become another user.

        Its owner cannot read what others may not read, and files among it are empty.

        Raises:
            OSError: The store cannot be written, or a folder not be read.
        """
        sources = [self._source(tree)]
        return self._stored(
            _digest(["masked", self._key(tree)]), lambda path: trees.overlay(sources, path, masked=True)
        )

    def additions(self, tree: Path, version: str) -> dict[str, float]:
        """The seconds that compiling took, by source of one of the store's trees."""
        return dict(_additions(tree.parent, version).costs)

    def wanted(self, tree: Path, version: str) -> frozenset[str]:
        """The sources that handlers loaded without bytecode."""
        return frozenset(_additions(tree.parent, version).wanted)

    def want(self, tree: Path, version: str, sources: Iterable[str]) -> None:
        """Add sources that handlers loaded without bytecode.

        Raises:
            OSError: The store cannot be written.
        """
        with lock(self._folder, tree.parent.name):
            added = _additions(tree.parent, version)
            added.wanted.update(sources)
            _save(tree.parent, version, added)

    def add(self, tree: Path, version: str, additions: Iterable[Addition]) -> dict[str, float]:
        """Add bytecode to one of the store's trees, and return its :meth:`additions`.

        Raises:
            OSError: The store cannot be written.
        """
        with lock(self._folder, tree.parent.name):
            added = _additions(tree.parent, version)
            for new in additions:
                if new.source not in added.costs:
                    added.costs[new.source] = new.seconds if new.content else 0.0
                    if new.content:
                        folder = f"{posixpath.dirname(new.source)}/__pycache__"
                        added.files |= trees.add(tree, folder, new.name, new.content)
            added.wanted.difference_update(added.costs)
            _save(tree.parent, version, added)
        self._seen.pop(tree.parent, None)
        return dict(added.costs)

    def _source(self, tree: Path) -> trees.Source:
        owned = self.owns(tree)
        return trees.Source(tree, linked=owned, without=frozenset(_added(tree.parent)) if owned else frozenset())

    def owns(self, tree: Path) -> bool:
        """Whether a tree is one of the store's, and not a folder of the user."""
        return tree.name == _TREE and tree.parent.parent == self._folder

    def _key(self, tree: Path) -> str:
        """The key of a tree's content: its own, or for a user's folder the digest of its listing."""
        return tree.parent.name if self.owns(tree) else _digest([os.fspath(tree.absolute()), trees.fingerprint(tree)])

    def _stored(self, digest: str, make: Callable[[Path], None]) -> Path:
        home = self._folder / f"{_LAYOUT}-{digest}"
        if self._intact(home):
            return home / _TREE
        with lock(self._folder, home.name):
            for draft in self._folder.glob(f"{home.name}{_DRAFT}*"):
                trees.remove(draft)
            if not self._intact(home):  # another process may have made it while this one waited
                self._make(home, make)
                used(home, hit=False)
        return home / _TREE

    def _intact(self, home: Path) -> bool:
        """Whether the tree matches its seal; compared once in a run."""
        try:
            look = _look(home)
            seen, when = self._seen.get(home, (None, 0.0))
            if seen == look and time.monotonic() - when < _BELIEVED:
                return True
            self._seen.pop(home, None)
            added = _added(home)
            for name, state in added.items():
                status = (home / _TREE / name).lstat()
                if state != (status.st_mode, status.st_size if name.endswith(".pyc") else 0, status.st_mtime_ns):
                    return False
            seal = (home / _SEAL).read_text(encoding="utf-8")
            intact = seal == trees.fingerprint(home / _TREE, frozenset(added))
        except (OSError, ValueError):
            return False
        if intact:
            used(home, hit=True)
            self._seen[home] = look, time.monotonic()
        return intact

    def _make(self, home: Path, make: Callable[[Path], None]) -> None:
        with self._draft(home) as draft:
            make(draft / _TREE)
            (draft / _SEAL).write_text(trees.fingerprint(draft / _TREE), encoding="utf-8")
            draft.chmod(0o755)
            self._discard(home)
            draft.rename(home)
        self._seen[home] = _look(home), time.monotonic()

    def _discard(self, home: Path) -> None:
        """Remove a tree so that no moment shows half of it."""
        if home.exists():
            with self._draft(home) as grave:
                home.rename(grave / "old")

    @contextmanager
    def _draft(self, home: Path) -> Iterator[Path]:
        """A folder next to the trees that is removed afterwards, unless it was renamed."""
        draft = self._folder / tempfile.mkdtemp(prefix=f"{home.name}{_DRAFT}", dir=self._folder)
        try:
            yield draft
        finally:
            trees.remove(draft)


def content_key(tree: Path, cache: Path) -> str | None:
    """The key of a tree's content; None for a folder of the user, which may change at any time."""
    with contextlib.suppress(ValueError):
        return tree.relative_to(cache.absolute() / "trees").parts[0]
    return None


def _additions(home: Path, version: str) -> Additions:
    """The additions to a tree for a version of Python; none where they cannot be read."""
    packed = sealed.load(home / f"{_ADDED}{version}")
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(packed, type=Additions) if packed else Additions()
    return Additions()


def _added(home: Path) -> dict[str, tuple[int, int, int]]:
    """The files that were added to a tree."""
    versions = [path.name.removeprefix(_ADDED) for path in home.glob(f"{_ADDED}*")]
    return {name: state for version in versions for name, state in _additions(home, version).files.items()}


def _save(home: Path, version: str, additions: Additions) -> None:
    sealed.save(home / f"{_ADDED}{version}", msgspec.msgpack.encode(additions))


def _look(home: Path) -> tuple[int, int]:
    """The identity of a seal, by inode and modification time."""
    status = (home / _SEAL).stat()
    return status.st_ino, status.st_mtime_ns


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
