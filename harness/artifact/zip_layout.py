"""Whether the bytes of a zip archive are its entries and nothing else, and the headers say what the directory says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.artifact.zip_directory import REBUILD
from harness.artifact.zip_records import (
    DESCRIBED,
    Malformed,
    descriptor_length,
    local_header,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.artifact.entries import Refusals
    from harness.artifact.zip_directory import Bytes
    from harness.artifact.zip_records import Header, Record

# These tell how hard the packer tried, and some packers forget them in one of the two places.
_LEVEL = 1 << 1 | 1 << 2

_USUAL_EXTRA = 64  # bytes: times, owners and sizes, as most packers write them

_TWO_READERS = "so that two readers could see two archives"


def locate(data: Bytes, records: Sequence[Record], end: int, refusals: Refusals) -> dict[int, int]:
    """Follow the entries through the file, from its first byte to the central directory.

    Args:
        data: The archive.
        records: Its central directory.
        end: Where the central directory begins.
        refusals: Where to note gaps, overlaps and disagreements.

    Returns:
        For the offset of each header that agrees with the directory, where the entry's bytes begin.
    """
    located: dict[int, int] = {}
    ordered = sorted(records, key=lambda record: record.offset)
    position = 0
    for record, following in zip(ordered, [*(record.offset for record in ordered[1:]), end], strict=True):
        if record.offset > position:
            reason = f"has {record.offset - position:,} hidden bytes before it that belong to no entry, {_TWO_READERS}"
            refusals.add(record.label, reason, REBUILD)
        try:
            start, position = _extent(data, record, following)
        except Malformed as malformed:
            refusals.add(record.label, malformed.reason, malformed.remedy)
            position = following  # where this entry ends is unknown: blame the next one for nothing
        else:
            located[record.offset] = start
    if position < end:
        reason = f"has {end - position:,} bytes hidden between its last entry and its directory"
        refusals.add(None, reason, REBUILD)
    return located


def _extent(data: Bytes, record: Record, following: int) -> tuple[int, int]:
    """Where the entry's bytes begin, and where all that belongs to the entry ends."""
    stated = record.header
    local, start = local_header(data, record.offset, guess=len(stated.name) + _USUAL_EXTRA)
    _compare(stated, local)
    end = start + stated.zipped
    if end > following:
        raise Malformed(f"runs into what follows it, {_TWO_READERS}")
    if local.flags & DESCRIBED:
        end += descriptor_length(data, end, stated, following - end, is_wide=local.is_wide)
    return start, end


def _compare(stated: Header, local: Header) -> None:
    if local.name != stated.name or local.unicode_name != stated.unicode_name:
        raise Malformed(f"is called {local.name!r} in its own header, {_TWO_READERS}")
    if local.method != stated.method:
        raise Malformed("has one compression method in the directory and another in its own header")
    if (local.flags ^ stated.flags) & ~_LEVEL:
        raise Malformed("has flags in its own header that differ from those in the directory")
    own, other = (local.size, local.zipped, local.crc), (stated.size, stated.zipped, stated.crc)
    later = bool(local.flags & DESCRIBED)  # then zero means "see behind the bytes"
    if own != other and any(a != b and not (later and a == 0) for a, b in zip(own, other, strict=True)):
        raise Malformed("has a size or a checksum in its own header that differs from the directory's")
