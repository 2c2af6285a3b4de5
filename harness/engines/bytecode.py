"""Compiled modules, kept by the content of the tree that they are of and by the interpreter that they are for.

Two thirds of most inits are compiling. What handlers reach is therefore compiled once, by the functions' own Python,
and lent to all that start later: outside the trees, and invisible to the handlers (``harness/probe/lender.py``). No
handler can change what another one executes: compiling executes nothing, and what is lent is sealed.

Bytecode of ours never changes a verdict. A handler that was lent some and did anything but pass with ease (an error, an
end, more than 70 % of its memory, more than half of a limit of time with the time for compiling added) is started again
without, and only that counts. A module whose compilation warns or fails, or that has bytecode of its own beside it, is
left to the handler.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import filelock
import msgspec

from harness.kept import used

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA = 1
"""Part of every name: raised when what is kept, or how it is made, is another."""

_SEAL_BYTES = 16
_HEAD_BYTES = _SEAL_BYTES + 8
_WANTED = 20_000  # paths at most: what handlers say that they missed is not believed without end

Row: TypeAlias = tuple[int, int, int, int, int]
"""Of a source its modification time and size, of its bytecode the beginning and the length, and the microseconds that
compiling it took."""


class Index(msgspec.Struct, frozen=True):
    """What is known of a tree's modules, by their paths below it.

    Attributes:
        magic: What the interpreter's bytecode begins with, in hexadecimal digits.
        refused: The modules that handlers are to compile themselves.
    """

    magic: str = ""
    modules: dict[str, Row] = {}
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """The bytecode of one tree."""

    index: Index
    content: memoryview


class BytecodeStore:
    """Bytecode below one folder: a file per tree and interpreter, and beside it the paths that handlers missed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def kept(self, name: str) -> Kept:
        """What is kept of a tree; nothing where nothing, or nothing sound, is there."""
        with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError), self._file(name).open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            if bytes(content[:_SEAL_BYTES]) == _seal(content[_SEAL_BYTES:]):
                begin = _HEAD_BYTES + int.from_bytes(content[_SEAL_BYTES:_HEAD_BYTES], "little")
                index = msgspec.msgpack.decode(content[_HEAD_BYTES:begin], type=Index)
                used(self._file(name), hit=True)
                return Kept(index, content[begin:])
        return Kept(Index(), memoryview(b""))

    def keep(self, name: str, more: Index, parts: Iterable[memoryview]) -> None:
        """Add what was compiled; ``parts`` is its bytecode, one after the other.

        Raises:
            OSError: The store cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._file(name).with_suffix(".lock")):
            for left in self._folder.glob(f".draft-{self._file(name).name}-*"):  # of a process that was killed
                left.unlink()
            before = self.kept(name)
            if before.index.magic != more.magic:
                before = Kept(Index(), memoryview(b""))
            moved = {
                path: (modified, size, begin + len(before.content), length, cost)
                for path, (modified, size, begin, length, cost) in more.modules.items()
                if path not in before.index.modules
            }
            refused = tuple(sorted({*before.index.refused, *more.refused}))
            if not moved and refused == before.index.refused:
                return
            index = Index(more.magic, {**before.index.modules, **moved}, refused)
            self._write(self._file(name), index, [before.content, *parts])

    def _write(self, path: Path, index: Index, contents: Iterable[memoryview]) -> None:
        packed = msgspec.msgpack.encode(index)
        parts = [memoryview(len(packed).to_bytes(8, "little") + packed), *contents]
        digest = hashlib.blake2b(digest_size=_SEAL_BYTES)
        for part in parts:
            digest.update(part)
        replace_file(path, [memoryview(digest.digest()), *parts])
        used(path, hit=False)

    def missed(self, name: str) -> frozenset[str]:
        """The paths that handlers would have been lent, had they been there."""
        with contextlib.suppress(OSError, ValueError):
            return frozenset(map(str, json.loads(self._file(name).with_suffix(".missed").read_text("utf-8"))))
        return frozenset()

    def miss(self, name: str, paths: frozenset[str]) -> None:
        """Add to them, for the next time.

        Raises:
            OSError: The store cannot be written.
        """
        if not paths <= (before := self.missed(name)):
            self._folder.mkdir(parents=True, exist_ok=True)
            said = json.dumps(sorted(before | paths)[:_WANTED]).encode()
            replace_file(self._file(name).with_suffix(".missed"), [memoryview(said)])

    def _file(self, name: str) -> Path:
        return self._folder / f"{SCHEMA}-{hashlib.sha256(name.encode()).hexdigest()}.kept"


def _seal(content: memoryview) -> bytes:
    """What stands before the content: bytes that were lost or changed must not be executed."""
    return hashlib.blake2b(content, digest_size=_SEAL_BYTES).digest()


def replace_file(path: Path, parts: Iterable[memoryview], mode: int = 0o400) -> None:
    """Write a file so that no moment shows half of it.

    Raises:
        OSError: The folder is not there, or cannot be written.
    """
    with tempfile.NamedTemporaryFile(prefix=f".draft-{path.name}-", dir=path.parent, delete=False) as draft:
        try:
            for part in parts:
                draft.write(part)
            draft.close()
            Path(draft.name).chmod(mode)
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink()
            raise


@dataclass(frozen=True, slots=True)
class Lending:
    """The bytecode that one job's handlers can be lent, and what becomes of what is made meanwhile.

    Attributes:
        roots: For each folder that handlers see, with ``/`` at its end, what its content is kept by.
    """

    store: BytecodeStore
    roots: Mapping[str, str]

    def kept(self) -> tuple[dict[str, Any], list[memoryview], frozenset[str]]:
        """What the probe is told of it, the bytecode itself, and the paths that need no compiling."""
        rows: dict[str, Row] = {}
        contents: list[memoryview] = []
        refused: set[str] = set()
        magic, at = "", 0
        for root, name in self.roots.items():
            found = self.store.kept(name)
            if not found.index.magic or magic not in ("", found.index.magic):
                continue
            magic = found.index.magic
            for path, (modified, size, begin, length, cost) in found.index.modules.items():
                rows[root + path] = (modified, size, begin + at, length, cost)
            refused.update(root + path for path in found.index.refused)
            contents.append(found.content)
            at += len(found.content)
        return {"magic": magic, "modules": rows, "bytes": at}, contents, frozenset(refused.union(rows))

    def wanted(self, reached: Iterable[str]) -> set[str]:
        """What handlers missed before, and those of the given paths that can be kept."""
        missed = {root + path for root, name in self.roots.items() for path in self.store.missed(name)}
        return missed.union(path for path in reached if path.startswith(tuple(self.roots)))

    def keep(self, said: Mapping[str, Any], content: memoryview) -> None:
        """Keep what the probe made: its index, and the bytecode."""
        for root, name in self.roots.items():
            modules: dict[str, Row] = {}
            parts: list[memoryview] = []
            at = 0
            for path, (modified, size, begin, length, cost) in said["modules"].items():
                if path.startswith(root):
                    modules[path.removeprefix(root)] = (modified, size, at, length, cost)
                    parts.append(content[begin : begin + length])
                    at += length
            refused = tuple(path.removeprefix(root) for path in said["refused"] if path.startswith(root))
            if modules or refused:
                with contextlib.suppress(OSError):  # a cache that is full: what needs it will say so
                    self.store.keep(name, Index(said["magic"], modules, refused), parts)

    def miss(self, paths: Iterable[str]) -> None:
        """Keep in mind what handlers missed."""
        found = [path for path in paths if path.endswith(".py") and "/../" not in path]
        for root, name in self.roots.items():
            below = frozenset(path.removeprefix(root) for path in found if path.startswith(root))
            with contextlib.suppress(OSError):
                self.store.miss(name, below)


def content_key(tree: Path, cache: Path) -> str | None:
    """What stands for the content of a tree; None for a folder of the user's own, which may change at any time."""
    with contextlib.suppress(ValueError):
        return tree.relative_to(cache.absolute() / "trees").parts[0]
    return None
