"""The records of a zip archive: its central directory, the header before each entry, and what may follow the bytes."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from harness.artifact.entries import Refusal, Refused, printable
from harness.artifact.zip_directory import REBUILD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.artifact.zip_directory import Bytes, Directory

STORED = 0
DEFLATED = 8

ENCRYPTED = 1 << 0
DESCRIBED = 1 << 3  # sizes and CRC follow the bytes, in a data descriptor
PATCHED = 1 << 5
STRONGLY_ENCRYPTED = 1 << 6
UTF8 = 1 << 11
MASKED = 1 << 13

_CENTRAL = struct.Struct("<4s6H3L5H2L")
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_FIELD = struct.Struct("<2H")  # the header of an extra field
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_LONGEST_DESCRIPTOR = 24

_ZIP64 = 0x0001
_WIDE = tuple(struct.Struct("<" + "QQQL"[:count]) for count in range(5))
_UNICODE_PATH = 0x7075

_MARK = (
    "Pack it with Python's zipfile, or install the locale en_US.UTF-8 where `zip` runs: without it, "
    "`zip` does not mark names as UTF-8."
)

_SEE_WIDE_4 = 0xFFFFFFFF
_SEE_WIDE_2 = 0xFFFF


class Malformed(Exception):  # noqa: N818 - an observation about a record, caught where the entry is known
    """A record that readers could understand differently.

    Attributes:
        reason: A clause that can follow the entry's name.
        remedy: What to do about it.
    """

    def __init__(self, reason: str, remedy: str = REBUILD) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class Header(NamedTuple):
    """What the central directory and the header before the entry both state.

    Attributes:
        version: The version of the format that is needed to extract the entry, times ten.
        stamp: DOS date and time, in that order.
        name: The name as it is stored.
        unicode_name: The payload of the Unicode-path extra field, or None.
        is_wide: Whether there is a zip64 extra field, so that what follows the bytes has 64-bit sizes.
    """

    version: int
    flags: int
    method: int
    stamp: tuple[int, int]
    crc: int
    zipped: int
    size: int
    name: bytes
    unicode_name: bytes | None
    is_wide: bool


class Record(NamedTuple):
    """One record of the central directory.

    Attributes:
        host: The system whose attributes these are: 3 is Unix, 19 is macOS.
        attributes: What that system knows about the file; a Unix mode is in the upper half.
        offset: Where the entry's local header is.
    """

    header: Header
    host: int
    attributes: int
    offset: int

    @property
    def label(self) -> str:
        """The name for messages, before it is known how it is encoded."""
        return self.header.name.decode("utf-8", "backslashreplace")


def records(data: Bytes, directory: Directory) -> Iterator[Record | Refusal]:
    """Read the central directory.

    Yields:
        A record, or in its place the reason why it cannot be understood.

    Raises:
        Refused: The records do not fill the directory exactly.
    """
    raw = data.read(directory.offset, directory.size)
    at = 0
    for number in range(1, directory.count + 1):
        if at + _CENTRAL.size > len(raw) or not raw.startswith(_CENTRAL_SIGNATURE, at):
            reason = f"has no record number {number:,} of the {directory.count:,} that its end record announces"
            raise Refused(Refusal(None, reason, REBUILD))
        fields = _CENTRAL.unpack_from(raw, at)
        name_length, extra_length, comment_length = fields[10:13]
        name_at = at + _CENTRAL.size
        extra_at = name_at + name_length
        at = extra_at + extra_length + comment_length
        if at > len(raw):
            raise Refused(Refusal(None, f"breaks off inside record number {number:,} of its directory", REBUILD))
        name = raw[name_at:extra_at]
        try:
            yield _record(fields, name, raw[extra_at : extra_at + extra_length])
        except Malformed as malformed:
            yield Refusal(name.decode("utf-8", "backslashreplace"), malformed.reason, malformed.remedy)
    if at != len(raw):
        raise Refused(Refusal(None, f"has {len(raw) - at:,} bytes hidden after the last record", REBUILD))


def _record(fields: tuple[int, ...], name: bytes, raw_extra: bytes) -> Record:
    made, version, flags, method, time, date, crc, zipped, size = fields[1:10]
    disk, _, attributes, offset = fields[13:17]
    extra = _extra_fields(raw_extra)
    if _ZIP64 in extra:
        size, zipped, offset, disk = _widen((size, zipped, offset, disk), extra[_ZIP64])
    if disk:
        raise Malformed("is said to be in another part of an archive in several parts")
    more = extra.get(_UNICODE_PATH), _ZIP64 in extra
    header = Header(version, flags, method, (date, time), crc, zipped, size, name, *more)
    return Record(header, made >> 8, attributes, offset)


def local_header(data: Bytes, offset: int, guess: int = 0) -> tuple[Header, int]:
    """Read the header before an entry's bytes.

    Args:
        data: The archive.
        offset: Where the header is said to be.
        guess: How long its name and extra fields together may well be: where they are not longer, one look suffices.

    Returns:
        The header, and the offset at which the bytes begin.

    Raises:
        Malformed: There is no such header.
    """
    raw = data.read(offset, _LOCAL.size + guess)
    if len(raw) < _LOCAL.size or not raw.startswith(_LOCAL_SIGNATURE):
        raise Malformed("is not where the directory says that it is")
    _, version, flags, method, time, date, crc, zipped, size, name_length, extra_length = _LOCAL.unpack_from(raw)
    name_end = _LOCAL.size + name_length
    end = name_end + extra_length
    if len(raw) < end:
        raw = data.read(offset, end)
        if len(raw) < end:
            raise Malformed("breaks off inside its header")
    extra = _extra_fields(raw[name_end:end])
    if _ZIP64 in extra:
        size, zipped = _widen((size, zipped), extra[_ZIP64])
    name = raw[_LOCAL.size : name_end]
    more = extra.get(_UNICODE_PATH), _ZIP64 in extra
    header = Header(version, flags, method, (date, time), crc, zipped, size, name, *more)
    return header, offset + end


def descriptor_length(data: Bytes, offset: int, stated: Header, room: int, *, is_wide: bool) -> int:
    """Measure the data descriptor after an entry's bytes.

    Args:
        data: The archive.
        offset: Where the entry's bytes end.
        stated: What the central directory states, which the descriptor must repeat.
        room: Bytes up to the next record. A descriptor that fills them is preferred: one without the signature can be
            the beginning of one with it.
        is_wide: Whether its sizes have 64 bits, as they have where the entry's own header has a zip64 field: whoever
            reads the archive from its beginning has nothing else to tell by.

    Raises:
        Malformed: No descriptor is there that agrees with the directory.
    """
    raw = data.read(offset, _LONGEST_DESCRIPTOR)
    if not is_wide and max(stated.zipped, stated.size) > _SEE_WIDE_4:
        raise Malformed("has sizes after its bytes that 32 bits do not hold")
    sizes = struct.pack("<LQQ" if is_wide else "<LLL", stated.crc, stated.zipped, stated.size)
    forms = (_DESCRIPTOR_SIGNATURE + sizes, sizes)
    lengths = [len(form) for form in forms if raw.startswith(form) and len(form) <= room]
    if not lengths:
        raise Malformed("has sizes or a checksum after its bytes that disagree with the directory")
    return room if room in lengths else max(lengths)


def decoded_name(header: Header) -> str:
    """Read an entry's name in the one way that all readers agree on.

    A name in another character set has its Unicode name beside it where Info-ZIP or a packer for Windows wrote it;
    unzip goes by that one, and Python and Java by the first.

    Raises:
        Malformed: Readers would see different names.
    """
    raw = header.name
    try:
        name = raw.decode("utf-8" if header.flags & UTF8 else "ascii")
    except UnicodeDecodeError:
        if header.flags & UTF8:
            raise Malformed("has a name that is marked as UTF-8 and is not") from None
        reason = "has a name in an unknown character set: it is neither ASCII nor marked as UTF-8"
        raise Malformed(reason, _MARK) from None
    if header.unicode_name is not None and (second := _unicode_path(header.unicode_name, raw)) != name:
        raise Malformed(f"has a second, different name ({printable(second)}) in an extra field", _MARK)
    return name


def _unicode_path(payload: bytes, raw: bytes) -> str:
    version, crc, name = payload[:1], payload[1:5], payload[5:]
    if version != b"\x01" or crc != zlib.crc32(raw).to_bytes(4, "little"):
        raise Malformed("has a Unicode name that belongs to another name")
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise Malformed("has a Unicode name that is not UTF-8") from None


def _extra_fields(raw: bytes) -> dict[int, bytes]:
    """The fields of an extra area that matter; padding of less than a field's header, made of zeros, is no field."""
    fields: dict[int, bytes] = {}
    at, end = 0, len(raw)
    while end - at >= _FIELD.size:
        identity, length = _FIELD.unpack_from(raw, at)
        start, at = at + _FIELD.size, at + _FIELD.size + length
        if at > end:
            raise Malformed("has an extra field that is longer than the room for it")
        if identity in (_ZIP64, _UNICODE_PATH):
            if identity in fields:
                raise Malformed("has the same extra field twice")
            fields[identity] = raw[start:at]
    if raw[at:].strip(b"\0"):
        raise Malformed("has stray bytes among its extra fields")
    return fields


def _widen(narrow: tuple[int, ...], wide: bytes) -> tuple[int, ...]:
    """Take from a zip64 field the values that do not fit a record's own fields.

    By the specification the field holds these values alone, one after another; some writers and readers give each
    value its own place, whether it is needed or not. Where the two make different numbers of one field, so do readers.

    Args:
        narrow: The record's values in the order of the format: size, zipped size, offset, disk.
        wide: The zip64 field.

    Raises:
        Malformed: The field says more, less or something else than the record, or two readers could take it for two.
    """
    limits = (_SEE_WIDE_4, _SEE_WIDE_4, _SEE_WIDE_4, _SEE_WIDE_2)[: len(narrow)]
    missing = [index for index, value in enumerate(narrow) if value == limits[index]]
    layout = next((layout for layout in _WIDE[: len(narrow) + 1] if layout.size == len(wide)), None)
    placed = layout.unpack(wide) if layout else ()
    if layout is None or len(missing) > len(placed):
        raise Malformed("has a zip64 field that disagrees with its record")
    in_order = dict(zip(missing, placed, strict=False))
    found = tuple(in_order.get(index, value) for index, value in enumerate(narrow))
    if found[: len(placed)] != placed or any(index >= len(placed) for index in missing):
        raise Malformed("has a zip64 field that disagrees with its record, or that two readers could read differently")
    return found
