"""Zip archives byte by byte, so that each byte can be wrong."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

STORED, DEFLATED = 0, 8
UNIX = 3
SEE_WIDE = 0xFFFFFFFF


def extra(identity: int, payload: bytes) -> bytes:
    return struct.pack("<2H", identity, len(payload)) + payload


def unicode_path(name: str, of: bytes) -> bytes:
    return extra(0x7075, b"\x01" + struct.pack("<L", zlib.crc32(of)) + name.encode())


def deflated(content: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(content) + deflater.flush()


@dataclass(frozen=True)
class Headers:
    """What one of the two headers of an entry states."""

    name: bytes
    crc: int
    zipped: int
    size: int
    method: int = STORED
    flags: int = 0
    extra: bytes = b""
    version: int = 20
    stamp: tuple[int, int] = (0x6000, 0x5A21)  # DOS time and date: noon, 1 January 2025

    def pack(self) -> bytes:
        sizes = (self.crc, self.zipped, self.size, len(self.name), len(self.extra))
        return struct.pack("<3H2H3L2H", self.version, self.flags, self.method, *self.stamp, *sizes)


@dataclass(frozen=True)
class Member:
    """One entry: its two headers, which may contradict each other, and its bytes."""

    local: Headers
    central: Headers
    data: bytes
    descriptor: bytes = b""
    mode: int = 0o100644
    dos: int = 0
    host: int = UNIX
    disk: int = 0
    comment: bytes = b""
    before: bytes = b""
    offset: int | None = None

    def stating(self, **fields: Any) -> Member:  # noqa: ANN401 - any field of Headers
        """Both headers changed."""
        return self.in_directory(**fields).in_header(**fields)

    def in_directory(self, **fields: Any) -> Member:  # noqa: ANN401 - any field of Headers
        """Only the central directory changed."""
        return replace(self, central=replace(self.central, **fields))

    def in_header(self, **fields: Any) -> Member:  # noqa: ANN401 - any field of Headers
        """Only the header before the bytes changed."""
        return replace(self, local=replace(self.local, **fields))

    def but(self, **fields: Any) -> Member:  # noqa: ANN401 - any field of Member
        return replace(self, **fields)

    def streamed(self, layout: str = "<LLL", *, signature: bytes = b"PK\x07\x08") -> Member:
        """As written to a pipe: sizes and checksum come after the bytes."""
        tail = signature + struct.pack(layout, self.central.crc, self.central.zipped, self.central.size)
        flags = self.central.flags | 8
        return self.stating(flags=flags).in_header(crc=0, zipped=0, size=0).but(descriptor=tail)


def member(name: str | bytes = "a.py", content: bytes = b"print()\n", *, deflate: bool = False) -> Member:
    raw = name if isinstance(name, bytes) else name.encode()
    data = deflated(content) if deflate else content
    method = DEFLATED if deflate else STORED
    flags = 0 if raw.isascii() or isinstance(name, bytes) else 0x800
    headers = Headers(raw, zlib.crc32(content), len(data), len(content), method, flags)
    return Member(headers, headers, data, mode=0o40755 if raw.endswith(b"/") else 0o100644)


def folder(name: str) -> Member:
    return member(f"{name}/", b"")


def symlink(name: str, target: str) -> Member:
    return member(name, target.encode()).but(mode=0o120777)


def archive(*members: Member, gap: bytes = b"", **end: Any) -> bytes:  # noqa: ANN401 - any field of the end record
    """Put members together.

    Args:
        members: The entries.
        gap: Bytes between the last entry and the directory.
        end: Fields of the end record that differ from the truth, see :func:`end_record`.
    """
    body = directory = b""
    for each in members:
        body += each.before
        offset = len(body) if each.offset is None else each.offset
        body += b"PK\x03\x04" + each.local.pack() + each.local.name + each.local.extra + each.data + each.descriptor
        made = struct.pack("<BB", 30, each.host)
        rest = struct.pack("<3H2L", len(each.comment), each.disk, 0, each.mode << 16 | each.dos, offset)
        names = each.central.name + each.central.extra + each.comment
        directory += b"PK\x01\x02" + made + each.central.pack() + rest + names
    body += gap
    truth = {"count": len(members), "size": len(directory), "offset": len(body)}
    return body + directory + end_record(**{**truth, **end})


def end_record(  # noqa: PLR0913 - the record has as many fields
    *, count: int = 0, size: int = 0, offset: int = 0, disk: int = 0, here: int | None = None, comment: bytes = b""
) -> bytes:
    here = count if here is None else here
    return b"PK\x05\x06" + struct.pack("<4H2LH", disk, disk, here, count, size, offset, len(comment)) + comment


def archive64(
    *members: Member, narrow_count: int = 0xFFFF, between: bytes = b"", locator_shift: int = 0, disks: int = 1
) -> bytes:
    """The same with a 64-bit end record."""
    plain = archive(*members)
    count, size, offset = struct.unpack("<H2L", plain[-12:-2])
    wide_at = len(plain) - 22
    wide = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, wide_at + locator_shift, disks)
    return plain[:-22] + wide + between + locator + end_record(count=narrow_count, size=SEE_WIDE, offset=SEE_WIDE)
