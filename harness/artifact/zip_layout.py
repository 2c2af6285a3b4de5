"""Prove that a zip archive's bytes are its entries and nothing else, and that headers and directory agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.artifact.entries import Refused
from harness.artifact.zip_records import DESCRIBED, descriptor_length, local_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.artifact.entries import Refusals
    from harness.artifact.zip_directory import Bytes
    from harness.artifact.zip_records import Header, Record

# The level of compression, which some packers state in only one of the two places.
_LEVEL = 1 << 1 | 1 << 2

_USUAL_EXTRA = 64  # bytes: times, owners and sizes, as most packers write them

_TWO_READERS = "so that two readers could see two archives"


def locate(data: Bytes, records: Sequence[Record], end: int, refusals: Refusals) -> dict[int, int]:
    """Follow the entries through the file, from its first byte to the central directory at ``end``.

    Gaps, overlaps and disagreements are added to the refusals.

    Returns:
        For the offset of each header that agrees with the directory, the offset of the entry's bytes.
    """
    located: dict[int, int] = {}
    ordered = sorted(records, key=lambda record: record.offset)
    position = 0
    for record, following in zip(ordered, [*(record.offset for record in ordered[1:]), end], strict=True):
        if record.offset > position:
            reason = f"has {record.offset - position:,} hidden bytes before it that belong to no entry, {_TWO_READERS}"
            refusals.add(record.label, reason)
        try:
            start, position = _extent(data, record, following)
        except Refused as refused:
            refusals.add(record.label, refused.refusal.reason, refused.refusal.remedy)
            position = following  # the end of this entry is unknown: blame the next one for nothing
        else:
            located[record.offset] = start
    if position < end:
        refusals.add(None, f"has {end - position:,} bytes hidden between its last entry and its directory")
    return located


def _extent(data: Bytes, record: Record, following: int) -> tuple[int, int]:
    """The offset of the entry's bytes, and that of the end of all that belongs to the entry."""
    stated = record.header
    local, start = local_header(data, record.offset, guess=len(stated.name) + _USUAL_EXTRA)
    _compare(stated, local)
    end = start + stated.zipped
    if end > following:
        raise Refused(f"runs into what follows it, {_TWO_READERS}")
    if local.flags & DESCRIBED:
        end += descriptor_length(data, end, stated, following - end, is_wide=local.is_wide)
    return start, end


def _compare(stated: Header, local: Header) -> None:
    if local.name != stated.name or local.unicode_name != stated.unicode_name:
        raise Refused(f"is called {local.name!r} in its own header, {_TWO_READERS}")
    if local.method != stated.method:
        raise Refused("has one compression method in the directory and another in its own header")
    if (local.flags ^ stated.flags) & ~_LEVEL:
        raise Refused("has flags in its own header that differ from those in the directory")
    own, other = (local.size, local.zipped, local.crc), (stated.size, stated.zipped, stated.crc)
    later = bool(local.flags & DESCRIBED)  # then zero means "see behind the bytes"
    if own != other and any(a != b and not (later and a == 0) for a, b in zip(own, other, strict=True)):
        raise Refused("has a size or a checksum in its own header that differs from the directory's")
