"""Facts of archives, stored by content."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import filelock
import msgspec

from harness.cache import sealed
from harness.cache.usage import used
from harness.facts import SCHEMA
from harness.facts.archive import ArchiveFacts, Contents, contents_of, described
from harness.facts.python.sources import Known

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Archive

T = TypeVar("T", Contents, Known)

_SOURCES = "-sources-"


class FactStore:
    """Facts below one folder: for each archive a file of its contents, and one for each runtime of its sources.

    All are in MessagePack and bear the schema in their names. Facts are kept of sound archives only, so an archive
    whose facts are here is known to be what it declares.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._kept: dict[Path, int] = {}  # how much each file of sources is known to hold

    def facts(self, archive: Archive, python: tuple[int, int], tree: Path | None = None) -> ArchiveFacts:
        """What an archive says, analysed if it was not yet.

        Args:
            archive: An accepted archive.
            python: The version of the runtime.
            tree: Where the archive was unpacked to, if it was.

        Raises:
            Refused: The bytes are not what the archive declares.
            OSError: The archive cannot be read, or the store not be written.
        """
        path = self._folder / f"{_name(archive)}.msgpack"
        contents = _load(path, Contents)
        used(path, hit=contents is not None)
        if contents is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock(path):
                contents = _load(path, Contents)  # another process may have found them while this one waited
                if contents is None:
                    contents = _save(path, contents_of(archive, self._folder, tree))
        of = self._sources(archive, python)
        known = _load(of, Known) or Known()
        self._kept[of] = known.size
        return described(archive, contents, python, tree, known, self._folder)

    def keep(self, archive: Archive, python: tuple[int, int], facts: ArchiveFacts) -> None:
        """Keep what was read of an archive's sources since, together with what other processes have kept.

        Raises:
            OSError: The store cannot be written.
        """
        path, known = self._sources(archive, python), facts.modules.known
        if known.size == self._kept.get(path):
            return
        with self._lock(path):
            _save(path, (_load(path, Known) or Known()) | known)
        self._kept[path] = known.size

    def _sources(self, archive: Archive, python: tuple[int, int]) -> Path:
        return self._folder / f"{_name(archive)}{_SOURCES}py{python[0]}{python[1]}.msgpack"

    def _lock(self, path: Path) -> filelock.BaseFileLock:
        return filelock.FileLock(path.with_suffix(".lock"))


def _name(archive: Archive) -> str:
    return f"{SCHEMA}-{archive.sha256}"


def _load(path: Path, of: type[T]) -> T | None:
    """The facts of a file; None where there is none, or none that makes sense."""
    packed = sealed.load(path)
    try:
        return None if packed is None else msgspec.msgpack.decode(packed, type=of)
    except msgspec.MsgspecError:
        return None


def _save(path: Path, facts: T) -> T:
    """Write them; the facts as they will be read."""
    facts, packed = _packed(facts)
    sealed.save(path, packed)
    return facts


def _packed(facts: T) -> tuple[T, bytes]:
    """Facts and their bytes; halves of characters, which no file can hold, are escaped."""
    try:
        return facts, msgspec.msgpack.encode(facts)
    except UnicodeEncodeError:
        packed = msgspec.msgpack.encode(_escaped(msgspec.to_builtins(facts, builtin_types=(bytes,))))
        return msgspec.msgpack.decode(packed, type=type(facts)), packed


def _escaped(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_escaped(key): _escaped(one) for key, one in value.items()}
        case list() | tuple():
            return tuple(map(_escaped, value))  # a list cannot be a key
        case _:
            return value
