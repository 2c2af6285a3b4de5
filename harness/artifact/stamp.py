"""Read and write the stamp, the one file that this tool writes into archives."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from harness import regular_files
from harness.artifact.contents import read_file
from harness.artifact.entries import Kind, Refused
from harness.artifact.zip_directory import (
    END,
    END64,
    END64_LEADER,
    END64_SIGNATURE,
    END_SIGNATURE,
    LOCATOR,
    LOCATOR_SIGNATURE,
    Bytes,
    find_directory,
)
from harness.artifact.zip_records import CENTRAL, CENTRAL_SIGNATURE, LOCAL, LOCAL_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator
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

_LENGTHS: Final = slice(10, 13)  # of the name, the extra fields and the comment, among the fields of a record
_OFFSET: Final = 16
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
        raise Refused(f"is a {entry.kind}", "Rename it: the stamp has this name.", STAMP)
    return read_file(archive, entry, LARGEST).decode("utf-8", "replace")


def is_taken(archive: Archive) -> bool:
    """Whether a folder has the stamp's name, so that no file can."""
    return any(
        entry.name.startswith(f"{STAMP}/") or (entry.name == STAMP and entry.kind is Kind.DIRECTORY)
        for entry in archive.entries
    )


def put_stamp(archive: Archive, text: str) -> None:
    """Write a stamp into an accepted archive, in place of the one that it has; a zip's other entries keep their bytes.

    The archive is replaced as a whole, or not at all, and keeps its permissions.

    Raises:
        Refused: The archive has its offsets where this tool does not change them.
        OSError: It cannot be written.
    """
    if archive.is_folder:
        with _replacement(archive.path / STAMP) as (file, partial):
            file.write(text.encode())
            file.flush()
            partial.chmod(_MODE)
            os.utime(partial, (_EPOCH, _EPOCH))
        return
    path = archive.path.resolve()  # a link stays one
    with regular_files.opened(path) as original, _replacement(path) as (file, partial):
        _rewrite(Bytes(original.fileno()), file, text.encode())
        shutil.copymode(path, partial)


@contextmanager
def _replacement(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write, which replaces the path at the end; after an error, it is removed."""
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
        raise Refused("is larger than 4 GB", "Build a smaller one: Lambda takes none of that size.")
    others = _copy_others(data, directory, file)
    offset = file.tell()
    shared = (_VERSION, 0, 0, 0, _DATE, zlib.crc32(stamp), len(stamp), len(stamp), len(STAMP), 0)
    file.write(LOCAL.pack(LOCAL_SIGNATURE, *shared) + STAMP.encode() + stamp)
    start = file.tell()
    attributes = (stat.S_IFREG | _MODE) << 16
    record = CENTRAL.pack(CENTRAL_SIGNATURE, _UNIX | _VERSION, *shared, 0, 0, 0, attributes, offset)
    file.writelines((*others, record + STAMP.encode()))
    file.write(_end(start, file.tell() - start, len(others) + 1, _comment(data, directory)))


def _copy_others(data: Bytes, directory: Directory, file: BinaryIO) -> list[bytes]:
    """Copy all entries but a stamp; their records, with their new offsets."""
    records = _records(data, directory)
    stamp = next((record for record in records if record.is_stamp), None)
    if stamp is None:
        _copy(data, file, 0, directory.offset)
        return [record.raw for record in records]
    if any(record.offset == _WIDE_4 for record in records):
        raise Refused("has offsets in the zip64 format, which it does not need")
    after = min((record.offset for record in records if record.offset > stamp.offset), default=directory.offset)
    _copy(data, file, 0, stamp.offset)
    _copy(data, file, after, directory.offset)
    removed = after - stamp.offset
    others = [record for record in records if record is not stamp]
    return [_moved(record, removed) if record.offset > stamp.offset else record.raw for record in others]


def _moved(record: _Record, removed: int) -> bytes:
    """The record of an entry with so many bytes less before it."""
    fields = list(CENTRAL.unpack_from(record.raw))
    fields[_OFFSET] -= removed
    return CENTRAL.pack(*fields) + record.raw[CENTRAL.size :]


def _records(data: Bytes, directory: Directory) -> list[_Record]:
    raw = data.read(directory.offset, directory.size)
    found, at = [], 0
    for _ in range(directory.count):
        fields = CENTRAL.unpack_from(raw, at)
        name_at = at + CENTRAL.size
        name = raw[name_at : name_at + fields[_LENGTHS][0]]
        end = name_at + sum(fields[_LENGTHS])
        found.append(_Record(raw[at:end], fields[_OFFSET], re.sub(rb"^(\./)+", b"", name) == STAMP.encode()))
        at = end
    return found


def _copy(data: Bytes, file: BinaryIO, start: int, end: int) -> None:
    file.writelines(data.read(at, min(_CHUNK, end - at)) for at in range(start, end, _CHUNK))


def _comment(data: Bytes, directory: Directory) -> bytes:
    """The comment of the archive."""
    start = directory.offset + directory.size
    tail = data.read(start, data.size - start)
    at = tail.rfind(END_SIGNATURE)  # an accepted archive has no second one
    length: int = END.unpack_from(tail, at)[7]
    return tail[at + END.size : at + END.size + length]


def _end(offset: int, size: int, count: int, comment: bytes) -> bytes:
    wide = b""
    if count >= _WIDE_2:
        versions = _UNIX | _VERSION64, _VERSION64
        wide = END64.pack(END64_SIGNATURE, END64.size - END64_LEADER, *versions, 0, 0, count, count, size, offset)
        wide += LOCATOR.pack(LOCATOR_SIGNATURE, 0, offset + size, 1)
    narrow = min(count, _WIDE_2)
    return wide + END.pack(END_SIGNATURE, 0, 0, narrow, narrow, size, offset, len(comment)) + comment
