"""Archives unpacked once, kept by their content, shared between processes, and never trusted blindly."""

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

import filelock
import msgspec

from harness.artifact.entries import Kind
from harness.artifact.unpack import check_admitted, unpack
from harness.cache import sealed, trees
from harness.cache.usage import used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.artifact.entries import Archive, Entry

_LAYOUT = 1
"""Part of every key: raised when trees are written differently, so that an older one is not taken for a newer."""

_BELIEVED = 30.0
"""Seconds for which one store does not look again at a tree that it found as it was made."""

_TREE = "tree"
_SEAL = "seal"
_ADDED = "added-"
_LOCKS = "locks"
_DRAFT = ".draft-"
_OTHERS_READ = 0o004
_OTHERS_ENTER = 0o005


def needs_mask(entries: Iterable[Entry]) -> bool:
    """Whether others than the owner would be kept from a file or a folder, as Lambda's user would be."""
    return any(
        (entry.kind is Kind.FILE and not entry.mode & _OTHERS_READ)
        or (entry.kind is Kind.DIRECTORY and entry.mode & _OTHERS_ENTER != _OTHERS_ENTER)
        for entry in entries
    )


class Addition(NamedTuple):
    """Bytecode to be put beside a source file of a tree.

    Attributes:
        source: The source file, as a path in the tree.
        name: Of the file below ``__pycache__``.
        content: Nothing where there is to be none.
        seconds: What making it took.
    """

    source: str
    name: str
    content: bytes
    seconds: float


class Additions(msgspec.Struct):
    """What was put into a tree beside what the archive has, for one version of Python.

    Attributes:
        costs: For each source that was looked at what its bytecode took to make, in seconds; 0 where it has none.
        files: For each path that was added its mode, size and modification time in nanoseconds.
        wanted: Sources that handlers loaded without bytecode.
    """

    costs: dict[str, float] = {}
    files: dict[str, tuple[int, int, int]] = {}
    wanted: set[str] = set()


class Store:
    """Unpacked archives below one folder.

    Each tree lies beside a seal, which stands for the listing of what was written. It is made in a draft folder and
    renamed when it is complete, so a process that is killed leaves a draft and never half a tree; the next one to make
    that tree removes the draft. A file lock per tree keeps simultaneous processes from making it twice. The first use
    by a store, of which each run has one, holds the tree against its seal, and makes it again where they differ.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._seen: dict[Path, tuple[tuple[int, int], float]] = {}

    def tree(self, archive: Archive, limit: int) -> Path:
        """The folder with the archive's content, unpacked if it was not yet; a folder is its own.

        Args:
            archive: An accepted archive.
            limit: The most bytes that all its files together may have.

        Raises:
            Refused: The archive may not be unpacked, or its bytes are not what it declares. Nothing is kept then.
            OSError: The store cannot be written, or the archive no longer be read.
        """
        check_admitted(archive, limit)
        if archive.is_folder:
            return archive.path
        return self._kept(archive.sha256, lambda path: unpack(archive, path, limit))

    def merged(self, trees_in_order: Sequence[Path]) -> Path:
        """One tree of several, as Lambda merges layers: in order, per path the later one wins.

        Args:
            trees_in_order: What :meth:`tree` returned for each layer. None at all make an empty tree.

        Raises:
            OSError: The store cannot be written, or a folder not be read.
        """
        if len(trees_in_order) == 1:
            return trees_in_order[0]
        sources = [self._source(tree) for tree in trees_in_order]
        key = _digest(["merged", *(self._key(tree) for tree in trees_in_order)])
        return self._kept(key, lambda path: trees.overlay(sources, path) if sources else path.mkdir())

    def masked(self, tree: Path) -> Path:
        """The tree as others than its owner see it, for an engine that cannot become another user.

        What others may not read cannot be read by its owner either, and files among it are empty.

        Args:
            tree: What :meth:`tree` or :meth:`merged` returned.

        Raises:
            OSError: The store cannot be written, or a folder not be read.
        """
        sources = [self._source(tree)]
        return self._kept(_digest(["masked", self._key(tree)]), lambda path: trees.overlay(sources, path, masked=True))

    def additions(self, tree: Path, version: str) -> dict[str, float]:
        """The sources of a tree of the store's own whose bytecode was made, each with the seconds that it took."""
        return dict(_additions(tree.parent, version).costs)

    def wanted(self, tree: Path, version: str) -> frozenset[str]:
        """The sources whose bytecode was missed, see :meth:`want`."""
        return frozenset(_additions(tree.parent, version).wanted)

    def want(self, tree: Path, version: str, sources: Iterable[str]) -> None:
        """Note sources whose bytecode was missed.

        Raises:
            OSError: The store cannot be written.
        """
        with self._lock(tree.parent.name):
            found = _additions(tree.parent, version)
            found.wanted.update(sources)
            _note(tree.parent, version, found)

    def add(self, tree: Path, version: str, additions: Iterable[Addition]) -> dict[str, float]:
        """Put bytecode beside the sources of a tree of the store's own.

        Returns:
            What :meth:`additions` returns then.

        Raises:
            OSError: The store cannot be written.
        """
        with self._lock(tree.parent.name):
            found = _additions(tree.parent, version)
            for one in additions:
                if one.source not in found.costs:
                    found.costs[one.source] = one.seconds if one.content else 0.0
                    if one.content:
                        folder = f"{posixpath.dirname(one.source)}/__pycache__"
                        found.files |= trees.add(tree, folder, one.name, one.content)
            found.wanted.difference_update(found.costs)
            _note(tree.parent, version, found)
        self._seen.pop(tree.parent, None)
        return dict(found.costs)

    def _source(self, tree: Path) -> trees.Source:
        owned = self.owns(tree)
        return trees.Source(tree, linked=owned, without=frozenset(_added(tree.parent)) if owned else frozenset())

    def owns(self, tree: Path) -> bool:
        """Whether a tree is one of the store's own, and not a folder of the user's."""
        return tree.name == _TREE and tree.parent.parent == self._folder

    def _key(self, tree: Path) -> str:
        """What stands for the content of a tree: its own key, or for a user's folder what is in it now."""
        return tree.parent.name if self.owns(tree) else _digest([os.fspath(tree.absolute()), trees.fingerprint(tree)])

    def _kept(self, digest: str, make: Callable[[Path], None]) -> Path:
        home = self._folder / f"{_LAYOUT}-{digest}"
        if self._intact(home):
            return home / _TREE
        with self._lock(home.name):
            for draft in self._folder.glob(f"{home.name}{_DRAFT}*"):
                trees.remove(draft)
            if not self._intact(home):  # another process may have made it while this one waited
                self._make(home, make)
                used(home, hit=False)
        return home / _TREE

    def _intact(self, home: Path) -> bool:
        """Whether the tree is what its seal says; looked at once, and then believed as long as a run takes."""
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
        """A folder beside the trees that is gone afterwards, unless it was renamed."""
        draft = self._folder / tempfile.mkdtemp(prefix=f"{home.name}{_DRAFT}", dir=self._folder)
        try:
            yield draft
        finally:
            trees.remove(draft)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        # Lock files stay: removing one would let two processes hold "the" lock, one of them on a file without a name.
        locks = self._folder / _LOCKS
        locks.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(locks / name):
            yield


def content_key(tree: Path, cache: Path) -> str | None:
    """What stands for the content of a tree; None for a folder of the user's own, which may change at any time."""
    with contextlib.suppress(ValueError):
        return tree.relative_to(cache.absolute() / "trees").parts[0]
    return None


def _additions(home: Path, version: str) -> Additions:
    """What was added to a tree for a version of Python; nothing where that cannot be read."""
    packed = sealed.load(home / f"{_ADDED}{version}")
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(packed, type=Additions) if packed else Additions()
    return Additions()


def _added(home: Path) -> dict[str, tuple[int, int, int]]:
    """All that was added to a tree."""
    versions = [path.name.removeprefix(_ADDED) for path in home.glob(f"{_ADDED}*")]
    return {name: state for version in versions for name, state in _additions(home, version).files.items()}


def _note(home: Path, version: str, additions: Additions) -> None:
    sealed.save(home / f"{_ADDED}{version}", msgspec.msgpack.encode(additions))


def _look(home: Path) -> tuple[int, int]:
    """What tells a seal from another at the same place."""
    status = (home / _SEAL).stat()
    return status.st_ino, status.st_mtime_ns


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
