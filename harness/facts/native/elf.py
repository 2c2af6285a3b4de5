"""ELF files as the dynamic loader reads them: by segments, never by sections, which tools rewrite and remove."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

MAGIC: Final = b"\x7fELF"
OBJECT, EXECUTABLE, SHARED, CORE = 1, 2, 3, 4  # of e_type

_IDENT = 16
_BITS = {1: 32, 2: 64}
_LITTLE, _BIG = 1, 2
_VERSION = 1  # there is no other
_SYSTEM_V, _LINUX = 0, 3
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_PAGE = 4096  # of both architectures in Lambda
_PIE = 0x08000000  # of DT_FLAGS_1

# By bits: the structure, and where in it are type, offset, address, size, memory and alignment of a segment.
_SEGMENT = {32: ("8I", (0, 1, 2, 4, 5, 7)), 64: ("2I6Q", (0, 2, 3, 5, 6, 7))}

# A file may claim anything. Far above what is built, these keep a hostile one from costing time or memory.
_MOST_STEPS = 100_000
_MOST_TEXT = 1024 * 1024
_LONGEST_NAME = 65536


class Tag(IntEnum):
    """What an entry of the dynamic section is."""

    NULL = 0
    NEEDED = 1
    HASH = 4
    STRTAB = 5
    SYMTAB = 6
    STRSZ = 10
    SONAME = 14
    RPATH = 15
    RUNPATH = 29
    GNU_HASH = 0x6FFFFEF5
    FLAGS_1 = 0x6FFFFFFB
    VERDEF = 0x6FFFFFFC
    VERNEED = 0x6FFFFFFE


class Damaged(Exception):  # noqa: N818 - its message is a clause about the file, and `Image.noting` catches it
    """The file contradicts itself."""


@dataclass(frozen=True, slots=True)
class _Segment:
    number: int
    type: int
    offset: int
    address: int
    size: int  # in the file
    memory: int
    alignment: int

    @property
    def end(self) -> int:
        return self.offset + self.size


class Image:
    """One ELF file. Nothing here raises: what is damaged reads as absent, and becomes a fault.

    Attributes:
        bits: 32 or 64; 0 where the header says neither.
        little_endian: Its byte order.
        type: ``e_type``; None where the header is not whole.
        machine: ``e_machine``; None likewise.
        interpreter: The program that is to load it.
        faults: Clauses whose subject is the file, from what was read so far.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._steps, self._characters = _MOST_STEPS, _MOST_TEXT
        self._ident = bytes(data[:_IDENT]).ljust(_IDENT, b"\0")
        self.bits = _BITS.get(self._ident[4], 0)
        self.little_endian = self._ident[5] != _BIG
        self._word = "Q" if self.bits == 64 else "I"  # noqa: PLR2004 - bits
        self.type: int | None = None
        self.machine: int | None = None
        self.interpreter: str | None = None
        self.faults: list[str] = []
        self._explained = False
        self._version = 0
        self._segments: list[_Segment] = []
        self._entries: list[tuple[int, int]] = []
        self._values: dict[int, int] = {}
        self._strings = (0, 0)
        with self.noting():
            self._read_header()
        if self.type in {EXECUTABLE, SHARED}:
            self._note_truncation()
            for read in (self._read_interpreter, self._read_dynamic, self._judge, self._find_strings):
                with self.noting():
                    read()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Turn damage into a fault, unless it is only a consequence of what is known already."""
        try:
            yield
        except Damaged as damage:
            if not self._explained and str(damage) not in self.faults:
                self.faults.append(str(damage))

    def unpack(self, layout: str, offset: int, what: str) -> tuple[Any, ...]:
        """Read one structure, in the file's byte order and without padding."""
        self._steps -= 1
        if self._steps < 0:
            raise Damaged("has tables longer than any that is built")
        layout = ("<" if self.little_endian else ">") + layout
        if offset + struct.calcsize(layout) > len(self._data):
            raise Damaged(f"has {what} outside of the file")
        return struct.unpack_from(layout, self._data, offset)

    def _until_zero(self, offset: int, end: int, what: str) -> bytes:
        for length in (256, _LONGEST_NAME):  # nearly all are short
            name, zero, _ = bytes(self._data[offset : min(offset + length, end)]).partition(b"\0")
            if zero:
                self._characters -= len(name)
                if self._characters < 0:
                    raise Damaged("has names longer than any that is built")
                return name
        raise Damaged(f"has {what} without an end")

    def in_file(self, address: int, what: str) -> tuple[int, int]:
        """Where in the file is what will be at an address, and where the file's part of that segment ends."""
        for segment in self._segments:
            if segment.type == _LOAD and segment.address <= address < segment.address + segment.size:
                start, end = address - segment.address + segment.offset, min(segment.end, len(self._data))
                if start < end:
                    return start, end
        raise Damaged(f"has {what} outside of its load segments")

    def name(self, index: int, what: str) -> bytes:
        """A name of the string table."""
        start, end = self._strings
        if not 0 <= index < end - start:
            raise Damaged(f"has the name of {what} outside of its string table")
        return self._until_zero(start + index, end, f"the name of {what}")

    def text(self, index: int, what: str) -> str:
        """The same, decoded."""
        return self.name(index, what).decode("utf-8", "replace")

    def matches(self, pattern: re.Pattern[bytes], limit: int) -> list[bytes]:
        """What the string table has of a pattern, up to so many."""
        return [match[0] for match in islice(pattern.finditer(self._data, *self._strings), limit)]

    def value(self, tag: Tag) -> int | None:
        """What the dynamic section has of a kind; the last, which the loader heeds."""
        return self._values.get(tag)

    def names(self, tag: Tag) -> tuple[str, ...]:
        """The names of all entries of that kind in the dynamic section, in order."""
        found = []
        with self.noting():
            for each, value in self._entries:
                if each == tag:
                    found.append(self.text(value, f"a DT_{tag.name}"))
        return tuple(found)

    @property
    def is_executable(self) -> bool:
        """Whether it is to be started, rather than loaded; some libraries can be started too, and have a SONAME."""
        if self.type != SHARED:
            return self.type == EXECUTABLE
        independent = bool(self._values.get(Tag.FLAGS_1, 0) & _PIE)
        return independent or (self.interpreter is not None and Tag.SONAME not in self._values)

    def _read_header(self) -> None:
        layout = f"HHI3{self._word}I6H"
        if self._truncates("its ELF header", _IDENT + struct.calcsize(f"<{layout}")):
            return
        if not self.bits or self._ident[5] not in {_LITTLE, _BIG}:
            raise Damaged("has an ELF header that does not say how many bits it has, or in which order its bytes are")
        fields = self.unpack(layout, _IDENT, "its header")
        self.type, self.machine, self._version, _, start, _, _, _, each, count, *_ = fields
        if self.type not in {EXECUTABLE, SHARED}:
            return
        layout, order = _SEGMENT[self.bits]
        expected = struct.calcsize(f"<{layout}")
        if each != expected:
            raise Damaged(f"has program headers of {each} bytes each, where {expected} are expected")
        if self._truncates("its table of program headers", start + count * each):
            return
        for number in range(count):
            fields = self.unpack(layout, start + number * each, "a program header")
            self._segments.append(_Segment(number, *(fields[position] for position in order)))

    def _truncates(self, what: str, end: int) -> bool:
        """Note whether the file ends before something does."""
        if end > len(self._data):
            self._explained = True
            self.faults.append(f"is truncated: {what} ends at {end:,} and the file at {len(self._data):,}")
        return self._explained

    def _note_truncation(self) -> None:
        for segment in self._segments:
            if segment.type in {_LOAD, _DYNAMIC, _INTERPRETER} and segment.size and not self._explained:
                self._truncates(f"segment {segment.number}", segment.end)

    def _last(self, kind: int) -> _Segment | None:
        return next((segment for segment in reversed(self._segments) if segment.type == kind), None)

    def _read_interpreter(self) -> None:
        if segment := self._last(_INTERPRETER):
            name = self._until_zero(segment.offset, segment.end, "the name of its interpreter")
            self.interpreter = name.decode("utf-8", "replace")

    def _read_dynamic(self) -> None:
        """Read the dynamic section where the loader does: at its address in memory, not at its offset."""
        if not (segment := self._last(_DYNAMIC)):
            return
        if not segment.size:
            raise Damaged("has a dynamic section without contents, as files with debugging information alone have")
        start, end = self.in_file(segment.address, "a dynamic section")
        layout = f"2{self._word}"
        whole = struct.calcsize(f"<{layout}")
        for offset in range(start, min(end, start + segment.size) - whole + 1, whole):
            tag, value = self.unpack(layout, offset, "a dynamic section")
            if tag == Tag.NULL:
                return
            self._entries.append((tag, value))
            self._values[tag] = value
        raise Damaged("has a dynamic section without an end")

    def _find_strings(self) -> None:
        if not self._entries:
            return
        with self.noting():
            if Tag.STRTAB not in self._values:
                raise Damaged("has a dynamic section without a string table")
            start, end = self.in_file(self._values[Tag.STRTAB], "a string table")
            self._strings = (start, min(end, start + self._values.get(Tag.STRSZ, end)))
        self._explained = self._explained or not any(self._strings)  # there can be no name any more

    def _judge(self) -> None:
        """Note what is refused at sight: by glibc of what a program loads, by the kernel of what it starts."""
        library = not self.is_executable
        loaded = [segment for segment in self._segments if segment.type == _LOAD]
        if not loaded and not self.faults:
            raise Damaged("has no load segment")
        for segment in loaded:
            _judge(segment, library=library)
        if not library:
            return
        version, system, abi, padding = self._ident[6], self._ident[7], self._ident[8], self._ident[9:]
        if (version, self._version) != (_VERSION, _VERSION):
            raise Damaged("is of a version of ELF that there is not")
        if system not in {_SYSTEM_V, _LINUX}:
            raise Damaged(f"is for another operating system (ELF OS ABI {system})")
        if any(padding) or (system == _SYSTEM_V and abi):
            raise Damaged("has an ELF header with something where there must be zeros")
        if loaded and self._last(_DYNAMIC) is None:
            raise Damaged("has no dynamic section")


def _judge(segment: _Segment, *, library: bool) -> None:
    """Compare a load segment with what can be mapped; before 2.35, glibc holds a library's to their own alignment."""
    this = f"has a load segment (number {segment.number})"
    distance = segment.address - segment.offset
    if segment.size > segment.memory:
        raise Damaged(f"{this} that is larger in the file than in memory")
    if library and segment.alignment % _PAGE:
        raise Damaged(f"{this} that is not aligned to pages")
    if distance % _PAGE or (library and distance & (segment.alignment - 1)):
        raise Damaged(f"{this} whose offset and address are not aligned with each other")
