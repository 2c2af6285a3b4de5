"""The records of a zip archive: its central directory, the header before each entry, the descriptor after its bytes."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from harness.artifact.entries import Refused, printable

if TYPE_CHECKING:
    from harness.artifact.entries import Refusals
    from harness.artifact.zip_directory import Bytes, Directory

STORED = 0
DEFLATED = 8

ENCRYPTED = 1 << 0
DESCRIBED = 1 << 3  # sizes and CRC follow the bytes, in a data descriptor
PATCHED = 1 << 5
STRONGLY_ENCRYPTED = 1 << 6
UTF8 = 1 << 11
MASKED = 1 << 13

CENTRAL = struct.Struct("<4s6H3L5H2L")
CENTRAL_SIGNATURE = b"PK\x01\x02"
LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_SIGNATURE = b"PK\x03\x04"
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


class Header(NamedTuple):
    """The fields that the central directory and the header before the entry have in common.

    Attributes:
        version: The version of the format that is needed to extract the entry, times ten.
        stamp: DOS date and time, in that order.
        unicode_name: The payload of the Unicode-path extra field, or None.
        is_wide: Whether there is a zip64 extra field, so that a data descriptor has 64-bit sizes.
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
        attributes: The upper half is a Unix mode.
        offset: Of the entry's local header.
    """

    header: Header
    host: int
    attributes: int
    offset: int

    @property
    def label(self) -> str:
        """The name for messages, whatever its encoding."""
        return self.header.name.decode("utf-8", "backslashreplace")


def records(data: Bytes, directory: Directory, refusals: Refusals) -> list[Record]:
    """Read the central directory, without the records that are added to the refusals.

    Raises:
        Refused: The records do not fill the directory exactly.
    """
    raw = data.read(directory.offset, directory.size)
    found = []
    at = 0
    for number in range(1, directory.count + 1):
        if at + CENTRAL.size > len(raw) or not raw.startswith(CENTRAL_SIGNATURE, at):
            raise Refused(f"has no record number {number:,} of the {directory.count:,} that its end record announces")
        fields = CENTRAL.unpack_from(raw, at)
        name_length, extra_length, comment_length = fields[10:13]
        name_at = at + CENTRAL.size
        extra_at = name_at + name_length
        at = extra_at + extra_length + comment_length
        if at > len(raw):
            raise Refused(f"breaks off inside record number {number:,} of its directory")
        name = raw[name_at:extra_at]
        try:
            found.append(_record(fields, name, raw[extra_at : extra_at + extra_length]))
        except Refused as refused:
            refusals.add(name.decode("utf-8", "backslashreplace"), refused.refusal.reason, refused.refusal.remedy)
    if at != len(raw):
        raise Refused(f"has {len(raw) - at:,} bytes hidden after the last record")
    return found


def _record(fields: tuple[int, ...], name: bytes, raw_extra: bytes) -> Record:
    made, version, flags, method, time, date, crc, zipped, size = fields[1:10]
    disk, _, attributes, offset = fields[13:17]
    extra = _extra_fields(raw_extra)
    if _ZIP64 in extra:
        size, zipped, offset, disk = _widen((size, zipped, offset, disk), extra[_ZIP64])
    if disk:
        raise Refused("is said to be in another part of an archive in several parts")
    more = extra.get(_UNICODE_PATH), _ZIP64 in extra
    header = Header(version, flags, method, (date, time), crc, zipped, size, name, *more)
    return Record(header, made >> 8, attributes, offset)


def local_header(data: Bytes, offset: int, guess: int = 0) -> tuple[Header, int]:
    """Read the header before an entry's bytes; also returns the offset at which the bytes begin.

    Args:
        data: The archive.
        offset: Where the header is said to be.
        guess: A likely length of its name and extra fields: where they are not longer, one read suffices.

    Raises:
        Refused: There is no such header.
    """
    raw = data.read(offset, LOCAL.size + guess)
    if len(raw) < LOCAL.size or not raw.startswith(LOCAL_SIGNATURE):
        raise Refused("is not where the directory says that it is")
    _, version, flags, method, time, date, crc, zipped, size, name_length, extra_length = LOCAL.unpack_from(raw)
    name_end = LOCAL.size + name_length
    end = name_end + extra_length
    if len(raw) < end:
        raw = data.read(offset, end)
        if len(raw) < end:
            raise Refused("breaks off inside its header")
    extra = _extra_fields(raw[name_end:end])
    if _ZIP64 in extra:
        size, zipped = _widen((size, zipped), extra[_ZIP64])
    name = raw[LOCAL.size : name_end]
    more = extra.get(_UNICODE_PATH), _ZIP64 in extra
    header = Header(version, flags, method, (date, time), crc, zipped, size, name, *more)
    return header, offset + end


def descriptor_length(data: Bytes, offset: int, stated: Header, room: int, *, is_wide: bool) -> int:
    """Measure the data descriptor after an entry's bytes.

    Args:
        data: The archive.
        offset: Where the entry's bytes end.
        stated: The central directory's values, which the descriptor must repeat.
        room: Bytes up to the next record. A descriptor that fills them is preferred: one without the signature can be
            the beginning of one with it.
        is_wide: Whether its sizes have 64 bits, as they have where the entry's own header has a zip64 field: a reader
            that starts at the beginning of the archive has nothing else to decide by.

    Raises:
        Refused: No descriptor is there that agrees with the directory.
    """
    raw = data.read(offset, _LONGEST_DESCRIPTOR)
    if not is_wide and max(stated.zipped, stated.size) > _SEE_WIDE_4:
        raise Refused("has sizes after its bytes that 32 bits do not hold")
    sizes = struct.pack("<LQQ" if is_wide else "<LLL", stated.crc, stated.zipped, stated.size)
    forms = (_DESCRIPTOR_SIGNATURE + sizes, sizes)
    lengths = [len(form) for form in forms if raw.startswith(form) and len(form) <= room]
    if not lengths:
        raise Refused("has sizes or a checksum after its bytes that disagree with the directory")
    return room if room in lengths else max(lengths)


def decoded_name(header: Header) -> str:
    """Read an entry's name in the one way that all readers agree on.

    Info-ZIP and packers for Windows add the Unicode name of a name in another character set as an extra field: unzip
    reads that one, Python and Java the first.

    Raises:
        Refused: Readers would see different names.
    """
    raw = header.name
    try:
        name = raw.decode("utf-8" if header.flags & UTF8 else "ascii")
    except UnicodeDecodeError:
        if header.flags & UTF8:
            raise Refused("has a name that is marked as UTF-8 and is not") from None
        reason = "has a name in an unknown character set: it is neither ASCII nor marked as UTF-8"
        raise Refused(reason, _MARK) from None
    if header.unicode_name is not None and (second := _unicode_path(header.unicode_name, raw)) != name:
        raise Refused(f"has a second, different name ({printable(second)}) in an extra field", _MARK)
    return name


def _unicode_path(payload: bytes, raw: bytes) -> str:
    version, crc, name = payload[:1], payload[1:5], payload[5:]
    if version != b"\x01" or crc != zlib.crc32(raw).to_bytes(4, "little"):
        raise Refused("has a Unicode name that belongs to another name")
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise Refused("has a Unicode name that is not UTF-8") from None


def _extra_fields(raw: bytes) -> dict[int, bytes]:
    """The fields of an extra area that matter; padding of less than a field's header, made of zeros, is no field."""
    fields: dict[int, bytes] = {}
    at, end = 0, len(raw)
    while end - at >= _FIELD.size:
        identity, length = _FIELD.unpack_from(raw, at)
        start, at = at + _FIELD.size, at + _FIELD.size + length
        if at > end:
            raise Refused("has an extra field that is longer than the room for it")
        if identity in (_ZIP64, _UNICODE_PATH):
            if identity in fields:
                raise Refused("has the same extra field twice")
            fields[identity] = raw[start:at]
    if raw[at:].strip(b"\0"):
        raise Refused("has stray bytes among its extra fields")
    return fields


def _widen(narrow: tuple[int, ...], wide: bytes) -> tuple[int, ...]:
    """Take from a zip64 field the values that do not fit a record's own fields: size, zipped size, offset, disk.

    By the specification the field holds these values alone, one after another; some writers and readers give each
    value its own place, whether it is needed or not. Where the two disagree, so do readers.

    Raises:
        Refused: The field contradicts the record, or two readers could read it differently.
    """
    limits = (_SEE_WIDE_4, _SEE_WIDE_4, _SEE_WIDE_4, _SEE_WIDE_2)[: len(narrow)]
    missing = [index for index, value in enumerate(narrow) if value == limits[index]]
    layout = next((layout for layout in _WIDE[: len(narrow) + 1] if layout.size == len(wide)), None)
    placed = layout.unpack(wide) if layout else ()
    if layout is None or len(missing) > len(placed):
        raise Refused("has a zip64 field that disagrees with its record")
    in_order = dict(zip(missing, placed, strict=False))
    found = tuple(in_order.get(index, value) for index, value in enumerate(narrow))
    if found[: len(placed)] != placed or any(index >= len(placed) for index in missing):
        raise Refused("has a zip64 field that disagrees with its record, or that two readers could read differently")
    return found
