"""Facts kept by the content of the archive that they are about."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import msgspec

from harness.facts.archive import SCHEMA, ArchiveFacts, analyse

if TYPE_CHECKING:
    from harness.artifact.entries import Archive

_SEAL_BYTES = 16


class FactStore:
    """Facts below one folder: a file per archive, runtime and schema, in MessagePack.

    Facts are kept of sound archives only, so an archive whose facts are here is known to be what it declares.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

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
        name = f"{SCHEMA}-py{python[0]}{python[1]}-{archive.sha256}"
        kept = self._folder / f"{name}.msgpack"
        if (found := _load(kept)) is not None:
            return found
        self._folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._folder / f"{name}.lock"):
            if (found := _load(kept)) is None:  # another process may have found them while this one waited
                found = _save(kept, analyse(archive, python, self._folder, tree))
        return found

    def usage(self) -> tuple[int, int]:
        """How many archives' facts are kept, and how many bytes they take."""
        kept = list(self._folder.glob("*.msgpack"))
        return len(kept), sum(path.stat().st_size for path in kept)

    def prune(self) -> None:
        """Remove all facts."""
        for path in self._folder.glob("*.msgpack"):
            path.unlink(missing_ok=True)


def _load(path: Path) -> ArchiveFacts | None:
    """The facts of a file; None where there is none, or none that makes sense."""
    try:
        content = path.read_bytes()
        seal, packed = content[:_SEAL_BYTES], content[_SEAL_BYTES:]
        return msgspec.msgpack.decode(packed, type=ArchiveFacts) if seal == _seal(packed) else None
    except (OSError, msgspec.MsgspecError):
        return None


def _seal(packed: bytes) -> bytes:
    """What stands before the facts: bytes that were lost or changed must not read as fewer facts."""
    return hashlib.blake2b(packed, digest_size=_SEAL_BYTES).digest()


def _save(path: Path, facts: ArchiveFacts) -> ArchiveFacts:
    """Write them so that no moment shows half of them; the facts as they will be read."""
    descriptor, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            facts, packed = _packed(facts)
            file.write(_seal(packed) + packed)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
    return facts


def _packed(facts: ArchiveFacts) -> tuple[ArchiveFacts, bytes]:
    """Facts and their bytes; halves of characters, which no file can hold, are escaped."""
    try:
        return facts, msgspec.msgpack.encode(facts)
    except UnicodeEncodeError:
        packed = msgspec.msgpack.encode(_escaped(msgspec.to_builtins(facts, builtin_types=(bytes,))))
        return msgspec.msgpack.decode(packed, type=ArchiveFacts), packed


def _escaped(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_escaped(key): _escaped(one) for key, one in value.items()}
        case list() | tuple():
            return [_escaped(one) for one in value]
        case _:
            return value
