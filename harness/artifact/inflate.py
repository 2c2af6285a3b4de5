"""Read an entry's bytes, inflate them, and compare them with what the archive declares.

zlib-ng takes half of zlib's time and is as strict: it refuses the same streams, and reports what follows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zlib_ng import zlib_ng

from harness.artifact.entries import Refused, printable
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


def _pieces(data: Bytes, entry: Entry) -> Iterator[bytes]:
    if entry.method != DEFLATED or not entry.zipped:
        for at in range(0, entry.zipped, _READ):
            yield data.read(entry.offset + at, min(_READ, entry.zipped - at))
        return
    inflater = zlib_ng.decompressobj(_RAW_DEFLATE)
    room = min(_INFLATED, entry.size + 1)
    left = entry.zipped
    try:
        while left and (packed := data.read(entry.offset + entry.zipped - left, min(_READ, left))):
            left -= len(packed)
            more = True
            while more:
                piece = inflater.decompress(packed, room)
                yield piece
                packed = inflater.unconsumed_tail
                # A full piece may leave more inside the inflater, although it has taken all of its input. What is left
                # after the end is no input any more: it would be asked for ever.
                more = not inflater.eof and (bool(packed) or len(piece) == room)
            if inflater.eof:
                break
    except _Damaged:
        raise _refused(entry, "cannot be inflated: its compressed bytes are damaged") from None
    if not inflater.eof:
        raise _refused(entry, "breaks off inside its compressed bytes")
    if left or inflater.unused_data:
        raise _refused(entry, f"hides {left + len(inflater.unused_data):,} bytes after its compressed bytes")


def _refused(entry: Entry, reason: str) -> Refused:
    return Refused(reason, entry=printable(entry.name))
