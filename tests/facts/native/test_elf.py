from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection

from fixtures import elf
from harness.facts.native.binaries import (
    Binary,
    VersionNeed,
    read_binary,
)
from tests.facts.native.libraries import HERE, LOADERS, PLAIN, RICH, RICH_FACTS, needs_glibc, patched

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where things are in what fixtures.elf builds, which has two segments to load, then the dynamic section.
OS_ABI, PADDING, VERSION, SEGMENT_SIZE, SEGMENT_COUNT = 7, 9, 20, 54, 56
FIRST, SECOND, DYNAMIC = 64, 64 + 56, 64 + 2 * 56
OFFSET, SIZE, MEMORY, ALIGNMENT = 8, 32, 40, 48


def entry(data: bytes, tag: int) -> int:
    """Where the value of an entry of the dynamic section is in a file."""
    (start,) = struct.unpack_from("<Q", data, DYNAMIC + OFFSET)
    return next(at + 8 for at in range(start, len(data), 16) if struct.unpack_from("<Q", data, at) == (tag,))


def loaded(data: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """What this machine's loader makes of a library."""
    path = folder / "lib.so"
    path.write_bytes(data)
    command = [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


SOUND = elf.shared_object(HERE, soname="libx.so.1")
VERSIONED = elf.shared_object(HERE, versions={"libc.so.6": ("GLIBC_2.17",)})
OUTSIDE = 0x7FFFFFFF

# What is damaged, beside what is said of it.
DAMAGED = [
    (SOUND[:40], "is truncated: its ELF header ends at 64 and the file at 40"),
    (SOUND[:100], "is truncated: its table of program headers ends at 288 and the file at 100"),
    (
        patched(SOUND, FIRST + SIZE, "Q", 123456),
        f"is truncated: segment 0 ends at 123,456 and the file at {len(SOUND)}",
    ),
    (
        patched(SOUND, 4, "B", 9),
        "has an ELF header that does not say how many bits it has, or in which order its bytes are",
    ),
    (patched(SOUND, VERSION, "I", 2), "is of a version of ELF that there is not"),
    (patched(SOUND, OS_ABI, "B", 9), "is for another operating system (ELF OS ABI 9)"),
    (patched(SOUND, PADDING, "B", 1), "has an ELF header with something where there must be zeros"),
    (patched(SOUND, SEGMENT_SIZE, "H", 57), "has program headers of 57 bytes each, where 56 are expected"),
    (patched(SOUND, SEGMENT_COUNT, "H", 0), "has no load segment"),
    (
        elf.shared_object(HERE, misaligned=True),
        "has a load segment (number 1) whose offset and address are not aligned with each other",
    ),
    (patched(SOUND, DYNAMIC, "I", 0), "has no dynamic section"),
    (
        patched(patched(SOUND, SECOND + SIZE, "Q", 0), DYNAMIC + SIZE, "Q", 0),
        "has a dynamic section without contents, as files with debugging information alone have",
    ),
    (
        patched(VERSIONED, entry(VERSIONED, 0x6FFFFFFE), "Q", OUTSIDE),
        "has a table of versions (DT_VERNEED) outside of its load segments",
    ),
]

# The same, where newer loaders than Lambda's take it, or do not look, or read on beyond an end.
DOUBTFUL = [
    (SOUND[:-8], f"is truncated: segment 1 ends at {len(SOUND)} and the file at {len(SOUND) - 8}"),
    (patched(SOUND, entry(SOUND, 5), "Q", OUTSIDE), "has a string table outside of its load segments"),
    (patched(SOUND, SECOND + ALIGNMENT, "Q", 8), "has a load segment (number 1) that is not aligned to pages"),
    (
        patched(SOUND, SECOND + ALIGNMENT, "Q", 0x200000),
        "has a load segment (number 1) whose offset and address are not aligned with each other",
    ),
    (
        patched(SOUND, SECOND + MEMORY, "Q", 8),
        "has a load segment (number 1) that is larger in the file than in memory",
    ),
    (patched(SOUND, DYNAMIC + SIZE, "Q", 6 * 16), "has a dynamic section without an end"),  # all but the last
    (
        patched(SOUND, entry(SOUND, 14), "Q", OUTSIDE),
        "has the name of a DT_SONAME outside of its string table",
    ),
]


class TestFaults:
    @pytest.mark.parametrize(("data", "fault"), DAMAGED + DOUBTFUL)
    def test_damage_is_said_once(self, data: bytes, fault: str) -> None:
        facts = read_binary(data)

        assert facts is not None
        assert facts.faults == (fault,)

    @needs_glibc
    @pytest.mark.parametrize("data", [data for data, _ in DAMAGED])
    def test_the_loader_refuses_what_is_damaged(self, data: bytes, tmp_path: Path) -> None:
        assert loaded(data, tmp_path).returncode != 0

    def test_what_can_be_read_is_read_all_the_same(self) -> None:
        facts = read_binary(patched(RICH, PADDING, "B", 1))

        assert facts is not None
        assert replace(facts, faults=()) == RICH_FACTS

    @pytest.mark.parametrize(
        "data",
        [
            patched(elf.executable(), 64 + ALIGNMENT, "Q", 0x200000),  # the kernel wants no more than pages
            patched(elf.executable(), OS_ABI, "B", 9),  # nor does it look there
            patched(patched(elf.executable(), 16, "H", 1), SEGMENT_COUNT, "H", 0),  # an object file
        ],
    )
    def test_what_no_loader_minds_is_no_fault(self, data: bytes) -> None:
        facts = read_binary(data)

        assert facts is not None
        assert facts.faults == ()

    @pytest.mark.parametrize(
        "data",
        [
            patched(RICH, entry(RICH, 0x6FFFFEF5), "Q", 0),  # its hash table is its header
            patched(RICH, SEGMENT_COUNT, "H", 0xFFFF) + bytes(4 * 1024 * 1024),
            patched(SOUND[:64], SEGMENT_COUNT, "H", 40_000) + SOUND[DYNAMIC : DYNAMIC + 56] * 40_000,
            patched(SOUND[:64], SEGMENT_COUNT, "H", 40_000) + SOUND[FIRST : FIRST + 56] * 40_000,
        ],
    )
    def test_a_hostile_file_is_read_to_an_end(self, data: bytes) -> None:
        facts = read_binary(data)

        assert facts is not None

    def test_endless_tables_are_given_up(self) -> None:
        size = 8 * 1024 * 1024
        records = struct.pack("<2H3I", 1, 1, 1, 16, 16) * (size // 16)  # each is also the versions of the one before
        data = elf.shared_object(versions={"libc.so.6": ("GLIBC_2.17",)})
        start = len(data)
        for field, value in ((OFFSET, start), (16, 0x100000), (24, 0x100000), (SIZE, size), (MEMORY, size)):
            data = patched(data, 64 + 3 * 56 + field, "Q", value)
        data = patched(patched(data, 64 + 3 * 56, "I", 1), entry(data, 0x6FFFFFFE), "Q", 0x100000)

        facts = read_binary(data + records)

        assert facts is not None
        assert "has tables longer than any that is built" in facts.faults

    @pytest.mark.parametrize("seed", range(8))
    def test_damage_at_random_never_raises(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - not for secrets
        core = Path(msgspec.__file__).with_name("_core" + EXTENSION_SUFFIXES[0])
        for whole in (core.read_bytes() if core.exists() else RICH, RICH, elf.pe(), elf.macho("x86_64", "arm64")):
            for _ in range(100):
                changed = bytearray(whole)
                for _ in range(chance.choice([0, 1, 2, 10, 100])):
                    place = chance.randrange(min(len(whole), chance.choice([64, 1024, 65536, len(whole)])))
                    changed[place] = chance.choice([0, 1, 0x7F, 0xFF, chance.randrange(256)])
                del changed[chance.choice([len(whole), chance.randrange(len(whole))]) :]
                facts = read_binary(changed)
                assert facts is None or msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=Binary) == facts


@needs_glibc
class TestLoader:
    """What is built as sound does load here, and what is not fails with the loader's words."""

    @pytest.mark.parametrize(
        "data",
        [
            SOUND,
            VERSIONED,
            RICH,
            elf.shared_object(HERE),
            elf.shared_object(HERE, init="PyInit_x", hash_table="sysv", sections=True),
            elf.shared_object(HERE, weak_versions={"libc.so.6": ("GLIBC_9.9",)}),
        ],
    )
    def test_a_sound_library_loads(self, data: bytes, tmp_path: Path) -> None:
        assert loaded(data, tmp_path).stderr == ""

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (elf.shared_object(HERE, needed=("libnope.so.9",)), "libnope.so.9: cannot open shared object file"),
            (elf.shared_object(HERE, versions={"libc.so.6": ("GLIBC_9.9",)}), "version `GLIBC_9.9' not found"),
            (elf.shared_object(HERE, misaligned=True), "ELF load command address/offset not"),
        ],
    )
    def test_another_does_not(self, data: bytes, words: str, tmp_path: Path) -> None:
        assert words in loaded(data, tmp_path).stderr

    def test_an_extension_is_found_and_started(self, tmp_path: Path) -> None:
        (tmp_path / "_x.so").write_bytes(elf.shared_object(HERE, init="PyInit__x"))
        command = [sys.executable, "-c", "import _x"]

        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

        assert "initialization of _x failed without raising an exception" in done.stderr

    @pytest.mark.parametrize("interpreter", [None, LOADERS[HERE]])
    def test_a_program_runs(self, interpreter: str | None, tmp_path: Path) -> None:
        path = tmp_path / "program"
        path.write_bytes(elf.executable(HERE, interpreter))
        path.chmod(0o755)

        assert subprocess.run([path], check=False).returncode == 0


def libraries(archive: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            data = opened.read(name)
            if data.startswith(b"\x7fELF"):
                yield name, data


def told(data: bytes) -> dict[str, Any]:
    """What pyelftools says of a library, by its section headers."""
    file = ELFFile(io.BytesIO(data))
    tags: list[Any] = [
        tag for one in file.iter_segments("PT_DYNAMIC") if isinstance(one, DynamicSegment) for tag in one.iter_tags()
    ]
    needs: list[tuple[Any, list[tuple[Any, int]]]] = []
    definitions, functions = [], []
    sections: list[Any] = list(file.iter_sections())
    for section in sections:
        if isinstance(section, GNUVerNeedSection):
            needs += [
                (need.name, [(one.name, one["vna_flags"]) for one in found]) for need, found in section.iter_versions()
            ]
        if isinstance(section, GNUVerDefSection):
            definitions += [next(found).name for one, found in section.iter_versions() if not one["vd_flags"] & 1]
        if section["sh_type"] == "SHT_DYNSYM":
            functions += [one.name for one in section.iter_symbols() if one["st_shndx"] != "SHN_UNDEF"]
    return {
        "machines": ({"EM_X86_64": "x86_64", "EM_AARCH64": "arm64"}[file["e_machine"]],),
        "soname": next((tag.soname for tag in tags if tag.entry.d_tag == "DT_SONAME"), None),
        "needed": tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
        "rpath": tuple(one for tag in tags if tag.entry.d_tag == "DT_RPATH" for one in tag.rpath.split(":")),
        "runpath": tuple(one for tag in tags if tag.entry.d_tag == "DT_RUNPATH" for one in tag.runpath.split(":")),
        "version_needs": tuple(
            VersionNeed(library, *(tuple(n for n, flags in found if flags & 2 == weak) for weak in (0, 2)))
            for library, found in needs
        ),
        "version_definitions": tuple(definitions),
        "init_functions": tuple(sorted(n.removeprefix("PyInit_") for n in functions if n.startswith("PyInit_"))),
    }


@pytest.mark.network
@pytest.mark.parametrize("name", ["sample", "arm_sample"])
def test_real_libraries_say_what_an_elf_library_says_of_them(name: str, request: pytest.FixtureRequest) -> None:
    found = dict(libraries(request.getfixturevalue(name).layer))

    assert len(found) > 20
    for path, data in found.items():
        facts = read_binary(data)
        assert facts == replace(PLAIN, **told(data)), path
        bare = bytearray(data)
        struct.pack_into("<Q", bare, 40, 0)  # e_shoff and its counts: where there is no table of sections
        struct.pack_into("<3H", bare, 58, 0, 0, 0)
        assert read_binary(bare) == facts, path
