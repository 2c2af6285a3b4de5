"""An entry's bytes, inflated and never believed.

They are inflated by zlib-ng, which takes half of zlib's time and is as strict: it refuses the same streams, and tells
what follows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zlib_ng import zlib_ng

from harness.artifact.entries import Refusal, Refused, printable
from harness.artifact.zip_directory import REBUILD
from harness.artifact.zip_records import DEFLATED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.artifact.entries import Entry
    from harness.artifact.zip_directory import Bytes

_READ = 256 * 1024
_INFLATED = 1024 * 1024
_RAW_DEFLATE = -15
_Damaged: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its stub takes the class for an instance


def content(data: Bytes, entry: Entry) -> Iterator[bytes]:
    """Yield an entry's bytes in pieces of at most 1 MiB, and nothing past its declared size.

    Raises:
        Refused: Its size, its checksum or its compressed form is not what the archive declares. The pieces yielded
            until then are worth nothing.
    """
    crc = size = 0
    for piece in _pieces(data, entry):
        size += len(piece)
        if size > entry.size:
            raise _refused(entry, f"inflates to more than the {entry.size:,} bytes that it declares")
        crc = zlib_ng.crc32(piece, crc)
        yield piece
    if size < entry.size:
        raise _refused(entry, f"holds {size:,} bytes and declares {entry.size:,}")
    if crc != entry.crc:
        raise _refused(entry, "does not match its checksum: it was damaged or changed after it was packed")


def whole(entry: Entry, packed: bytes) -> bytes | None:
    """All bytes of an entry at once; for one whose size is bounded.

    Args:
        entry: The entry.
        packed: Its bytes as they are in the archive.

    Returns:
        The bytes; None where they are not what the archive declares, and :func:`content` says in what.
    """
    found = packed
    if entry.method == DEFLATED and entry.zipped:
        inflater = zlib_ng.decompressobj(_RAW_DEFLATE)
        try:
            found = inflater.decompress(packed, entry.size + 1)
        except _Damaged:
            return None
        if not inflater.eof or inflater.unused_data:
            return None
    sound = len(packed) == entry.zipped and len(found) == entry.size and zlib_ng.crc32(found) == entry.crc
    return found if sound else None


def _pieces(data: Bytes, entry: Entry) -> Iterator[bytes]:
    if entry.method != DEFLATED or not entry.zipped:
        for at in range(0, entry.zipped, _READ):
            yield data.read(entry.offset + at, min(_READ, entry.zipped - at))
        return
    inflater = zlib_ng.decompressobj(_RAW_DEFLATE)
    room = min(_INFLATED, entry.size + 1)
    left = entry.zipped
    at = entry.offset
    try:
        while left and (waiting := data.read(at, min(_READ, left))):
            at += len(waiting)
            left -= len(waiting)
            more = True
            while more:
                piece = inflater.decompress(waiting, room)
                yield piece
                waiting = inflater.unconsumed_tail
                # A full piece may leave more inside the inflater, although it has taken all of its input. What is left
                # after the end is no input any more: it would be asked for ever.
                more = not inflater.eof and (bool(waiting) or len(piece) == room)
            if inflater.eof:
                break
    except _Damaged:
        raise _refused(entry, "cannot be inflated: its compressed bytes are damaged") from None
    if not inflater.eof:
        raise _refused(entry, "breaks off inside its compressed bytes")
    if left or inflater.unused_data:
        raise _refused(entry, f"hides {left + len(inflater.unused_data):,} bytes after its compressed bytes")


def _refused(entry: Entry, reason: str) -> Refused:
    return Refused(Refusal(printable(entry.name), reason, REBUILD))
