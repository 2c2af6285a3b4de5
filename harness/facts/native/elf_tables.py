"""Tables of an ELF file: the versions that it needs and offers, and the Python modules that it is."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final

from harness.facts.native.elf import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.native.elf import Image

_BASE, _WEAK = 1, 2  # of vd_flags: names the file itself; of vna_flags: may be missing
_UNDEFINED, _LOCAL = 0, 0  # the section of a symbol, and its binding
# By bits: the structure, and where in it are the name, the info and the section of a symbol.
_SYMBOL: Final = {32: ("3I2BH", (0, 3, 5)), 64: ("I2BH2Q", (0, 1, 3))}
_SYMBOLS, _HASH_TABLE = "a table of symbols", "a hash table of symbols"
_MOST_INIT_FUNCTIONS = 4096
_INIT_FUNCTION: Final = re.compile(rb"PyInitU?_[^\0]{1,255}(?=\0)")


def version_needs(image: Image) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """The libraries from which it needs versions: those that must be there, and those that may be missing."""
    found: list[tuple[str, tuple[list[str], list[str]]]] = []
    with image.noting():
        for offset, (_, _, library, first, _) in _table(image, Tag.VERNEED, "2H3I"):
            versions: tuple[list[str], list[str]] = ([], [])
            found.append((image.text(library, "a library with versions"), versions))
            for _, (_, flags, _, name, _) in _linked(image, offset + first, "I2H2I", "a needed version"):
                versions[bool(flags & _WEAK)].append(image.text(name, "a needed version"))
    return tuple((library, tuple(must), tuple(may)) for library, (must, may) in found)


def version_definitions(image: Image) -> tuple[str, ...]:
    """The versions that it offers."""
    found = []
    with image.noting():
        for offset, (_, flags, _, _, _, first, _) in _table(image, Tag.VERDEF, "4H3I"):
            if not flags & _BASE:
                name, _ = image.unpack("2I", offset + first, "a defined version")
                found.append(image.text(name, "a defined version"))
    return tuple(found)


def _table(image: Image, tag: Tag, layout: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    if (address := image.value(tag)) is not None:
        what = f"a table of versions (DT_{tag.name})"
        offset, _ = image.in_file(address, what)
        yield from _linked(image, offset, layout, what)


def _linked(image: Image, offset: int, layout: str, what: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Follow records whose last field says how far it is to the next; the loader reads no number of them either."""
    while True:
        record = image.unpack(layout, offset, what)
        yield offset, record
        if not record[-1]:
            return
        offset += record[-1]


def init_functions(image: Image) -> tuple[str, ...]:
    """The symbols with the name of a Python module's initialiser that the loader finds in it, sorted.

    The table of strings is searched first: few libraries have such a name, and some have 100,000 others.
    """
    found = set()
    with image.noting():
        names = set(image.matches(_INIT_FUNCTION, _MOST_INIT_FUNCTIONS))
        if names and (table := image.value(Tag.SYMTAB)) is not None:
            symbols, _ = image.in_file(table, _SYMBOLS)
            found = {name for name in names if any(_exports(image, symbols, i, name) for i in _hashed(image, name))}
    return tuple(sorted(name.decode("utf-8", "replace") for name in found))


def _exports(image: Image, symbols: int, index: int, name: bytes) -> bool:
    layout, (at_name, at_info, at_section) = _SYMBOL[image.bits]
    fields = image.unpack(layout, symbols + index * struct.calcsize(f"<{layout}"), _SYMBOLS)
    exported = fields[at_section] != _UNDEFINED and fields[at_info] >> 4 != _LOCAL
    return exported and image.name(fields[at_name], "a symbol") == name


def _hashed(image: Image, name: bytes) -> Iterator[int]:
    """The numbers of the symbols that may have this name: the loader looks nowhere else."""
    if (address := image.value(Tag.GNU_HASH)) is not None:
        yield from _gnu_hashed(image, name, image.in_file(address, _HASH_TABLE)[0])
    elif (address := image.value(Tag.HASH)) is not None:
        yield from _system_v_hashed(image, name, image.in_file(address, _HASH_TABLE)[0])


def _gnu_hashed(image: Image, name: bytes, table: int) -> Iterator[int]:
    count, first, blooms, _ = image.unpack("4I", table, _HASH_TABLE)
    buckets = table + 16 + blooms * image.bits // 8
    chains = buckets + 4 * count
    wanted = 5381
    for byte in name:
        wanted = (wanted * 33 + byte) & 0xFFFFFFFF
    index = image.unpack("I", buckets + 4 * (wanted % count), _HASH_TABLE)[0] if count else 0
    while index and index >= first:
        (value,) = image.unpack("I", chains + 4 * (index - first), _HASH_TABLE)
        if value | 1 == wanted | 1:  # the lowest bit ends the chain
            yield index
        index = 0 if value & 1 else index + 1


def _system_v_hashed(image: Image, name: bytes, table: int) -> Iterator[int]:
    count, _ = image.unpack("2I", table, _HASH_TABLE)
    wanted = 0
    for byte in name:
        wanted = (wanted << 4) + byte
        high = wanted & 0xF0000000
        wanted = (wanted ^ (high >> 24)) & ~high
    place = wanted % count if count else None
    while place is not None:
        (index,) = image.unpack("I", table + 8 + 4 * place, _HASH_TABLE)
        if index:
            yield index
        place = count + index if index else None
