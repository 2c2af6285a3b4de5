"""The one file that this tool writes into archives: which it is, what is in it, how it gets there."""

from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from harness import regular_files
from harness.artifact.contents import read_file
from harness.artifact.entries import Kind, Refusal, Refused
from harness.artifact.zip_directory import REBUILD, Bytes, find_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from harness.artifact.entries import Archive
    from harness.artifact.zip_directory import Directory

STAMP: Final = "lambda-artifact-stamp.json"
"""Its name, at the root of an archive."""

LARGEST: Final = 1024 * 1024
"""Bytes; what is larger was not written by this tool."""

_MODE: Final = 0o644
_EPOCH: Final = 315_532_800  # 1980-01-01, the first day that a zip archive can name
_DATE: Final = 1 << 5 | 1  # the same, as zip writes it
_CHUNK: Final = 1024 * 1024

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LENGTHS: Final = struct.Struct("<3H")  # of the name, the extra fields and the comment, in a record
_LENGTHS_AT: Final = 28
_OFFSET_AT: Final = 42
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_VERSION, _VERSION64, _UNIX = 20, 45, 3 << 8
_WIDE_2, _WIDE_4 = 0xFFFF, 0xFFFFFFFF


class _Record(NamedTuple):
    """A record of the central directory, as it is stored."""

    raw: bytes
    offset: int
    is_stamp: bool


def stamp_in(archive: Archive) -> str | None:
    """The text of an archive's stamp; None where it has none.

    Raises:
        Refused: There is something of that name that is no stamp, or its bytes are not what the archive declares.
        OSError: The archive cannot be read.
    """
    entry = next((entry for entry in archive.entries if entry.name == STAMP), None)
    if entry is None:
        return None
    if entry.kind is not Kind.FILE:
        raise Refused(Refusal(STAMP, f"is a {entry.kind}", "Give what is called so another name."))
    return read_file(archive, entry, LARGEST).decode("utf-8", "replace")


def is_taken(archive: Archive) -> bool:
    """Whether a folder has the stamp's name, so that no file can."""
    return any(
        entry.name.startswith(f"{STAMP}/") or (entry.name == STAMP and entry.kind is Kind.DIRECTORY)
        for entry in archive.entries
    )


def put_stamp(archive: Archive, text: str) -> None:
    """Write a stamp into an accepted archive, in place of the one that it has; every other byte of a zip stays.

    The archive is replaced as a whole, or not at all, and keeps its permissions.

    Raises:
        Refused: The archive has its offsets where this tool does not change them.
        OSError: It cannot be written.
    """
    if archive.is_folder:
        with _beside(archive.path / STAMP) as (file, partial):
            file.write(text.encode())
            file.flush()
            partial.chmod(_MODE)
            os.utime(partial, (_EPOCH, _EPOCH))
        return
    path = archive.path.resolve()  # a link stays one
    with regular_files.opened(path) as original, _beside(path) as (file, partial):
        _rewrite(Bytes(original.fileno()), file, text.encode())
        shutil.copymode(path, partial)


@contextmanager
def _beside(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write, which takes the path's place at the end; after an error, nothing of it is left."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _rewrite(data: Bytes, file: BinaryIO, stamp: bytes) -> None:
    directory = find_directory(data)
    if data.size + LARGEST >= _WIDE_4:
        raise Refused(Refusal(None, "is larger than 4 GB", "Build a smaller one: Lambda takes none of that size."))
    kept = _copy_others(data, directory, file)
    offset = file.tell()
    shared = (_VERSION, 0, 0, 0, _DATE, zlib.crc32(stamp), len(stamp), len(stamp), len(STAMP), 0)
    file.write(_LOCAL.pack(b"PK\3\4", *shared) + STAMP.encode() + stamp)
    start = file.tell()
    attributes = (stat.S_IFREG | _MODE) << 16
    record = _CENTRAL.pack(b"PK\1\2", _UNIX | _VERSION, *shared, 0, 0, 0, attributes, offset)
    file.writelines((*kept, record + STAMP.encode()))
    file.write(_end(start, file.tell() - start, len(kept) + 1, _comment(data, directory)))


def _copy_others(data: Bytes, directory: Directory, file: BinaryIO) -> tuple[bytes, ...]:
    """Copy all entries but a stamp, and have their records, which point to where the entries are then."""
    records = _records(data, directory)
    old = next((record for record in records if record.is_stamp), None)
    if old is None:
        _copy(data, file, 0, directory.offset)
        return tuple(record.raw for record in records)
    if any(record.offset == _WIDE_4 for record in records):
        raise Refused(Refusal(None, "has offsets in the zip64 format, which it does not need", REBUILD))
    after = min((record.offset for record in records if record.offset > old.offset), default=directory.offset)
    _copy(data, file, 0, old.offset)
    _copy(data, file, after, directory.offset)
    kept = (record for record in records if record is not old)
    return tuple(_moved(record, after - old.offset if record.offset > old.offset else 0) for record in kept)


def _moved(record: _Record, gone: int) -> bytes:
    """A record of an entry that has come forward by some bytes."""
    return record.raw[:_OFFSET_AT] + struct.pack("<L", record.offset - gone) + record.raw[_OFFSET_AT + 4 :]


def _records(data: Bytes, directory: Directory) -> Sequence[_Record]:
    raw = data.read(directory.offset, directory.size)
    found, at = [], 0
    for _ in range(directory.count):
        name, extra, comment = _LENGTHS.unpack_from(raw, at + _LENGTHS_AT)
        end = at + _CENTRAL.size + name + extra + comment
        stored = raw[at + _CENTRAL.size : at + _CENTRAL.size + name]
        (offset,) = struct.unpack_from("<L", raw, at + _OFFSET_AT)
        found.append(_Record(raw[at:end], offset, re.sub(rb"^(\./)+", b"", stored) == STAMP.encode()))
        at = end
    return found


def _copy(data: Bytes, file: BinaryIO, start: int, end: int) -> None:
    file.writelines(data.read(at, min(_CHUNK, end - at)) for at in range(start, end, _CHUNK))


def _comment(data: Bytes, directory: Directory) -> bytes:
    """What the archive says of itself behind its end record."""
    start = directory.offset + directory.size
    tail = data.read(start, data.size - start)
    at = tail.rfind(b"PK\5\6")  # an accepted archive has no second one
    length: int = _END.unpack_from(tail, at)[7]
    return tail[at + _END.size : at + _END.size + length]


def _end(offset: int, size: int, count: int, comment: bytes) -> bytes:
    wide = b""
    if count >= _WIDE_2:
        wide = _END64.pack(
            b"PK\6\6", _END64.size - 12, _UNIX | _VERSION64, _VERSION64, 0, 0, count, count, size, offset
        ) + _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    narrow = min(count, _WIDE_2)
    return wide + _END.pack(b"PK\5\6", 0, 0, narrow, narrow, size, offset, len(comment)) + comment
