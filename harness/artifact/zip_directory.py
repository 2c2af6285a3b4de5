"""Find the end of a zip archive, and by it the central directory.

Everything a zip reader believes starts from the end record, so there must be exactly one way to find it.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from typing import NamedTuple

from harness.artifact import file_type
from harness.artifact.entries import Refused
from harness.artifact.names import MOST_ENTRIES

END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
END64 = struct.Struct("<4sQ2H2L4Q")
END_SIGNATURE = b"PK\x05\x06"
LOCATOR_SIGNATURE = b"PK\x06\x07"
END64_SIGNATURE = b"PK\x06\x06"
END64_LEADER = 12
"""The bytes of its signature and its length, which the length does not count."""

_LONGEST_COMMENT = 0xFFFF
_LARGEST_DIRECTORY = 64 * 1024 * 1024


class Bytes:
    """Random access to a file, by reads: what a mapping of the file touches counts as this process's memory."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset``; fewer than ``length`` where the file ends."""
        return os.pread(self._descriptor, length, offset) if 0 <= offset < self.size else b""


@dataclass(frozen=True, slots=True)
class Directory:
    """The place of the central directory, and the number of its records."""

    offset: int
    size: int
    count: int


class _End(NamedTuple):
    """An end record, of either width."""

    disk: int
    directory_disk: int
    records_here: int
    records: int
    size: int
    offset: int


_SEE_WIDE = _End(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
"""The values by which the 32-bit record refers to the 64-bit record."""


def find_directory(data: Bytes) -> Directory:
    """Find the central directory in the only place where every reader would find it.

    Raises:
        Refused: The file is no zip archive, or different readers would find different archives in it.
    """
    at, end = _find_end(data)
    wide_at, wide = _find_end64(data, at)
    if wide:
        if any(narrow not in choice for narrow, *choice in zip(end, wide, _SEE_WIDE, strict=True)):
            raise Refused("has two end records (32 and 64 bit) that contradict each other")
        at, end = wide_at, wide
    disk, directory_disk, here, count, size, offset = end
    if disk or directory_disk or here != count:
        raise Refused("is one part of an archive in several parts", "Build it in one part.")
    if offset + size > at:
        raise Refused("has a central directory that runs past the end record")
    if offset + size < at:
        raise Refused(f"has {at - offset - size:,} bytes hidden before the archive or before its end record")
    if not count:
        raise Refused("has no entries", "Look at what the build step packed, and from which folder.")
    if count > MOST_ENTRIES or size > _LARGEST_DIRECTORY:
        raise Refused(f"holds more than {MOST_ENTRIES:,} entries and folders", "Split the archive.")
    return Directory(offset, size, count)


def _find_end(data: Bytes) -> tuple[int, _End]:
    start = max(0, data.size - END.size - _LONGEST_COMMENT)
    tail = data.read(start, data.size - start)
    places = [match.start() for match in re.finditer(END_SIGNATURE, tail)]
    whole = [place for place in places if place + END.size <= len(tail)]
    if not whole:
        refusal = file_type.describe(data.read(0, file_type.HEAD), data.size)
        raise Refused(refusal.reason, refusal.remedy)
    surplus = _surplus(tail, whole[-1])
    if surplus > 0 and not tail[-surplus:].strip(b"\0"):
        tail = tail[:-surplus]  # bsdtar fills its last block with zeros, in which nothing hides
    fitting = [place for place in whole if _surplus(tail, place) == 0]
    if not fitting:
        if surplus < 0:
            raise Refused("breaks off inside its comment", "Download or copy it again.")
        raise Refused(f"has {surplus:,} bytes hidden after its end")
    # Some readers take the last signature, some the first that fits: there must be no choice.
    if fitting[0] != places[-1]:
        raise Refused("has a second end record inside its comment, so that two readers could see two archives")
    return start + fitting[0], _End(*END.unpack_from(tail, fitting[0])[1:7])


def _surplus(tail: bytes, place: int) -> int:
    """The bytes after an end record and its comment; negative where the comment breaks off."""
    comment: int = END.unpack_from(tail, place)[7]
    return len(tail) - place - END.size - comment


def _find_end64(data: Bytes, end_at: int) -> tuple[int, _End | None]:
    raw = data.read(end_at - LOCATOR.size, LOCATOR.size)
    if not raw.startswith(LOCATOR_SIGNATURE) or len(raw) < LOCATOR.size:
        return end_at, None
    _, disk, offset, disks = LOCATOR.unpack(raw)
    raw = data.read(offset, END64.size)
    if disk or disks != 1:
        raise Refused("is one part of an archive in several parts", "Build it in one part.")
    if len(raw) < END64.size or not raw.startswith(END64_SIGNATURE):
        raise Refused("has a zip64 locator that points to no zip64 end record")
    _, length, _, _, *values = END64.unpack(raw)
    if offset + END64_LEADER + length + LOCATOR.size != end_at:
        raise Refused("has bytes hidden between its end records")
    return offset, _End(*values)
