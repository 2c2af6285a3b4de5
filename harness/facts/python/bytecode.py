"""The header of a ``.pyc`` file."""

from __future__ import annotations

import _imp
import struct
from dataclasses import dataclass

from harness.policy import runtime_policy

_HEADER = struct.Struct("<H2sIII")
_ENDING = b"\r\n"
_HASHED, _CHECKED = 1, 2


@dataclass(frozen=True, slots=True)
class Bytecode:
    """The header of a ``.pyc`` file (PEP 552).

    Attributes:
        magic: The number of the Python that wrote it; None where it has no such header.
        modified: Modification time of its source in seconds since the epoch; None where it goes by a hash.
        source_size: Size of its source in bytes; None where it goes by a hash.
        checked: It goes by a hash, and Python compares that with the source. Unchecked, it is believed.
        source_hash: The hash of its source, where it goes by one.
    """

    magic: int | None
    modified: int | None = None
    source_size: int | None = None
    checked: bool | None = None
    source_hash: bytes | None = None


def read_bytecode(data: bytes) -> Bytecode:
    """Read the header; never raises."""
    if len(data) < _HEADER.size:
        return Bytecode(None)
    magic, ending, flags, modified, size = _HEADER.unpack_from(data)
    if ending != _ENDING:
        return Bytecode(None)
    if flags & _HASHED:
        return Bytecode(magic, checked=bool(flags & _CHECKED), source_hash=bytes(data[8:16]))
    return Bytecode(magic, modified, size)


def source_hash(source: bytes, python: tuple[int, int]) -> bytes:
    """What hash-based bytecode of a source carries, if a certain Python wrote it; empty where its magic is not known.

    The standard library's own function is keyed with the Python that runs it.
    """
    magic = runtime_policy(f"python{python[0]}.{python[1]}").bytecode_magic
    if magic is None:
        return b""
    key = magic.to_bytes(2, "little") + _ENDING
    return _imp.source_hash(int.from_bytes(key, "little"), source)
