"""Write a zip archive again with some entries changed; all others keep their bytes, headers included."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from harness import regular_files
from harness.artifact.entries import Refusals, Refused
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
from harness.artifact.zip_records import CENTRAL, CENTRAL_SIGNATURE, LOCAL, LOCAL_SIGNATURE, decoded_name, records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from harness.artifact.zip_directory import Directory

MODE: Final = 0o644
"""Of an added file."""

_DATE: Final = 1 << 5 | 1  # 1980-01-01, the first day that a zip archive can name
_CHUNK: Final = 1024 * 1024

_VERSION_MADE, _LENGTHS, _ATTRIBUTES, _OFFSET = 1, slice(10, 13), 15, 16  # among the fields of a record
_VERSION, _VERSION64, _UNIX = 20, 45, 3 << 8
_UTF_8: Final = 1 << 11
_WIDE_2, _WIDE_4 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of an archive.

    Attributes:
        drop: The names of entries that are left out.
        modes: The permissions of entries, by their names.
        add: The contents of files, by their names; one that is there is replaced.
    """

    drop: frozenset[str] = frozenset()
    modes: Mapping[str, int] = field(default_factory=dict)
    add: Mapping[str, bytes] = field(default_factory=dict)


class _Entry(NamedTuple):
    """A record of the central directory, as it is stored; the offset is that of the entry's own header."""

    raw: bytes
    name: str
    offset: int


def rewrite(path: Path, target: Path, changes: Changes) -> None:
    """Write an accepted zip archive with changes; the target is replaced as a whole, or not at all.

    Raises:
        Refused: The archive has its offsets where this tool does not change them.
        OSError: It cannot be read, or the target not be written.
    """
    with regular_files.opened(path) as original, replacement(target) as (file, partial):
        _write(Bytes(original.fileno()), file, changes)
        shutil.copymode(path, partial)


@contextmanager
def replacement(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
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


def _write(data: Bytes, file: BinaryIO, changes: Changes) -> None:
    directory = find_directory(data)
    if data.size + sum(map(len, changes.add.values())) + _CHUNK >= _WIDE_4:
        raise Refused("is larger than 4 GB", "Build a smaller one: Lambda takes none of that size.")
    left = _copy_entries(data, directory, file, changes.drop | changes.add.keys())
    kept = [_with_mode(raw, changes.modes.get(name)) for name, raw in left]
    kept += [_added(file, name, content) for name, content in changes.add.items()]
    start = file.tell()
    file.writelines(kept)
    file.write(_end(start, file.tell() - start, len(kept), _comment(data, directory)))


def _copy_entries(data: Bytes, directory: Directory, file: BinaryIO, drop: frozenset[str]) -> list[tuple[str, bytes]]:
    """Copy the entries that stay; their names and records, with their new offsets, in the order of the directory."""
    entries = _entries(data, directory)
    if not any(entry.name in drop for entry in entries):
        _copy(data, file, 0, directory.offset)
        return [(entry.name, entry.raw) for entry in entries]
    if any(entry.offset == _WIDE_4 for entry in entries):
        raise Refused("has offsets in the zip64 format, which it does not need")
    ordered = sorted(entries, key=lambda entry: entry.offset)
    ends = [*(entry.offset for entry in ordered[1:]), directory.offset]
    offsets: dict[int, int] = {}
    for entry, end in zip(ordered, ends, strict=True):
        if entry.name not in drop:
            offsets[entry.offset] = file.tell()
            _copy(data, file, entry.offset, end)
    return [
        (entry.name, _changed(entry.raw, {_OFFSET: offsets[entry.offset]}))
        for entry in entries
        if entry.name not in drop
    ]


def _entries(data: Bytes, directory: Directory) -> list[_Entry]:
    raw = data.read(directory.offset, directory.size)
    ends = [0]
    for _ in range(directory.count):
        ends.append(ends[-1] + CENTRAL.size + sum(CENTRAL.unpack_from(raw, ends[-1])[_LENGTHS]))
    names = [
        re.sub(r"^(\./)+", "", decoded_name(one.header)).removesuffix("/")
        for one in records(data, directory, Refusals())
    ]
    return [
        _Entry(raw[start:end], name, CENTRAL.unpack_from(raw, start)[_OFFSET])
        for (start, end), name in zip(pairwise(ends), names, strict=True)
    ]


def _with_mode(raw: bytes, mode: int | None) -> bytes:
    """A record with other permissions; of a system without any, it becomes one of Unix."""
    if mode is None:
        return raw
    fields = CENTRAL.unpack_from(raw)
    kind = stat.S_IFMT(fields[_ATTRIBUTES] >> 16) or stat.S_IFREG
    attributes = (kind | mode) << 16 | fields[_ATTRIBUTES] & 0xFFFF
    return _changed(raw, {_ATTRIBUTES: attributes, _VERSION_MADE: _UNIX | fields[_VERSION_MADE] & 0xFF})


def _changed(raw: bytes, values: Mapping[int, int]) -> bytes:
    fields = list(CENTRAL.unpack_from(raw))
    for index, value in values.items():
        fields[index] = value
    return CENTRAL.pack(*fields) + raw[CENTRAL.size :]


def _added(file: BinaryIO, name: str, content: bytes) -> bytes:
    """Write one more entry, stored as it is; its record."""
    offset, raw = file.tell(), name.encode()
    flags = 0 if name.isascii() else _UTF_8
    shared = (_VERSION, flags, 0, 0, _DATE, zlib.crc32(content), len(content), len(content), len(raw), 0)
    file.write(LOCAL.pack(LOCAL_SIGNATURE, *shared) + raw + content)
    attributes = (stat.S_IFREG | MODE) << 16
    return CENTRAL.pack(CENTRAL_SIGNATURE, _UNIX | _VERSION, *shared, 0, 0, 0, attributes, offset) + raw


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
