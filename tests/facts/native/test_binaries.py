from __future__ import annotations

import io
import mmap
import struct
import sys
from dataclasses import replace
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING

import msgspec
import pytest
from elftools.elf.elffile import ELFFile

from fixtures import elf
from harness.facts.native.binaries import (
    Binary,
    ExtensionName,
    Format,
    extension_name,
    extension_suffixes,
    read_binary,
)
from tests.facts.native.libraries import HERE, PLAIN, RICH, RICH_FACTS, needs_glibc, patched

if TYPE_CHECKING:
    from pathlib import Path


class TestLibraries:
    @pytest.mark.parametrize(
        ("data", "facts"),
        [
            (elf.shared_object(), PLAIN),
            (elf.shared_object("arm64"), replace(PLAIN, machines=("arm64",))),
            (elf.shared_object(init="PyInit__x"), replace(PLAIN, init_functions=("_x",))),
            (elf.shared_object(init="PyInit__x", hash_table="sysv"), replace(PLAIN, init_functions=("_x",))),
            (elf.shared_object(init="PyInitU_zck5b2b"), replace(PLAIN, init_functions=("スパム",))),
            (elf.shared_object(init="PyInitU_gr_e_xna1l"), replace(PLAIN, init_functions=("gr_öße",))),
            (elf.shared_object(init="PyInitU_9"), replace(PLAIN, init_functions=("9",))),
            (elf.shared_object(init="initialise"), PLAIN),
            (elf.shared_object(soname="PyInit_x"), replace(PLAIN, soname="PyInit_x")),  # a name, and no function
            (elf.shared_object(rpath=""), PLAIN),
            (elf.shared_object(runpath="a::b"), replace(PLAIN, runpath=("a", "", "b"))),
            (patched(elf.shared_object(), 18, "H", 1234), replace(PLAIN, machines=("machine 1234",))),
            (RICH, RICH_FACTS),
        ],
    )
    def test_facts(self, data: bytes, facts: Binary) -> None:
        assert read_binary(data) == facts

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_any_buffer_is_read(self, kind: type[bytes | bytearray | memoryview]) -> None:
        assert read_binary(kind(RICH)) == RICH_FACTS

    def test_a_mapped_file_can_be_closed_afterwards(self, tmp_path: Path) -> None:
        for number, data in enumerate([RICH, RICH[:-200], elf.macho("x86_64", "arm64"), elf.pe()]):
            (tmp_path / str(number)).write_bytes(data)
            with (tmp_path / str(number)).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                assert read_binary(mapped) == read_binary(data)
                mapped.close()

    def test_facts_can_be_stored(self) -> None:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(RICH_FACTS), type=Binary) == RICH_FACTS

    def test_names_that_are_no_text_can_be_stored(self) -> None:
        facts = read_binary(RICH.replace(b"libx.so.1", b"lib\xff.so.1"))

        assert facts is not None
        assert facts.soname == "lib\ufffd.so.1"
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=Binary) == facts

    def test_a_library_without_section_headers_says_the_same(self) -> None:
        with_sections = elf.shared_object(soname="liba.so", needed=("libm.so.6",), init="PyInit_a", sections=True)

        assert ELFFile(io.BytesIO(with_sections)).num_sections() == 4
        assert read_binary(with_sections) == read_binary(
            elf.shared_object(soname="liba.so", needed=("libm.so.6",), init="PyInit_a")
        )

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_32_bits_and_either_byte_order(self, order: str) -> None:
        names = b"\0liba.so.1\0libb.so.2\0"
        start = 52 + 2 * 32
        dynamic = struct.pack(f"{order}10I", 14, 1, 1, 11, 5, start, 10, len(names), 0, 0)
        at, end = start + len(names), start + len(names) + len(dynamic)
        data = struct.pack(f"{order}4s3B9x", b"\x7fELF", 1, 1 if order == "<" else 2, 1)
        data += struct.pack(f"{order}2H5I6H", 3, 20, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        data += struct.pack(f"{order}8I", 1, 0, 0, 0, end, end, 7, 4096)
        data += struct.pack(f"{order}8I", 2, at, at, at, len(dynamic), len(dynamic), 6, 4)

        assert read_binary(data + names + dynamic) == Binary(
            Format.ELF, ("ppc",), "shared", 32, order == "<", soname="liba.so.1", needed=("libb.so.2",)
        )


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("data", "facts"),
        [
            (elf.executable(), replace(PLAIN, kind="executable")),
            (elf.executable("arm64"), replace(PLAIN, kind="executable", machines=("arm64",))),
            (
                elf.executable(interpreter="/lib64/ld-linux-x86-64.so.2"),
                replace(PLAIN, kind="executable", interpreter="/lib64/ld-linux-x86-64.so.2"),
            ),
            (patched(elf.executable(), 16, "H", 1), replace(PLAIN, kind="object")),
            (patched(elf.executable(), 16, "H", 4), replace(PLAIN, kind="core")),
            (patched(elf.executable(), 16, "H", 0xFE00), replace(PLAIN, kind="type 65024")),
            (elf.macho("arm64"), Binary(Format.MACHO, ("arm64",), "shared", 64, little_endian=True)),
            (elf.macho("x86_64", "arm64"), Binary(Format.MACHO, ("x86_64", "arm64"), "shared", 64, little_endian=True)),
            (
                struct.pack(">7I", 0xFEEDFACE, 18, 0, 2, 0, 0, 0),
                Binary(Format.MACHO, ("ppc",), "executable", 32, little_endian=False),
            ),
            (elf.pe(), Binary(Format.PE, ("x86_64",), "shared", 64, little_endian=True)),
            (elf.pe("arm64"), Binary(Format.PE, ("arm64",), "shared", 64, little_endian=True)),
            (
                elf.pe().replace(struct.pack("<H", 0x2022), struct.pack("<H", 0x0022)),
                Binary(Format.PE, ("x86_64",), "executable", 64, little_endian=True),
            ),
        ],
    )
    def test_facts(self, data: bytes, facts: Binary) -> None:
        assert read_binary(data) == facts

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x7fEL",
            b"import os\n",
            b"PK\x03\x04",
            b"!<arch>\n" + RICH,  # a static library
            struct.pack(">I2H", 0xCAFEBABE, 0, 52) + bytes(2000),  # a Java class
            struct.pack(">2I", 0xCAFEBABE, 0),
            elf.macho("x86_64", "arm64")[:30],
            struct.pack(">7I", 0xCAFEBABE, 1, 7, 3, 28, 8, 0) + b"!<arch>\n",  # a static library of macOS
            b"MZ",
            b"MZ" + bytes(100),  # a program for DOS
            b"MZ" + b"\xff" * 100,
            b"MZealand is no program",
        ],
    )
    def test_anything_else_is_none(self, data: bytes) -> None:
        assert read_binary(data) is None


LINUX = "x86_64-linux-gnu"


class TestExtensionNames:
    @pytest.mark.parametrize(
        ("path", "said"),
        [
            (f"pkg/_x.cpython-312-{LINUX}.so", ExtensionName("_x", f"cpython-312-{LINUX}", (3, 12), platform=LINUX)),
            (
                f"_x.cpython-313t-{LINUX}.so",
                ExtensionName("_x", f"cpython-313t-{LINUX}", (3, 13), free_threaded=True, platform=LINUX),
            ),
            (f"_x.cpython-37m-{LINUX}.so", ExtensionName("_x", f"cpython-37m-{LINUX}", (3, 7), platform=LINUX)),
            (f"_x.cpython-312d-{LINUX}.so", ExtensionName("_x", f"cpython-312d-{LINUX}", (3, 12), platform=LINUX)),
            (
                "_x.cpython-312-aarch64-linux-musl.so",
                ExtensionName("_x", "cpython-312-aarch64-linux-musl", (3, 12), platform="aarch64-linux-musl"),
            ),
            ("_x.cpython-311-darwin.so", ExtensionName("_x", "cpython-311-darwin", (3, 11), platform="darwin")),
            ("_x.cp312-win_amd64.pyd", ExtensionName("_x", "cp312-win_amd64", (3, 12), platform="win_amd64")),
            (
                "_x.cp313t-win_arm64.pyd",
                ExtensionName("_x", "cp313t-win_arm64", (3, 13), free_threaded=True, platform="win_arm64"),
            ),
            ("_x.pyd", ExtensionName("_x")),
            ("pkg/_rust.abi3.so", ExtensionName("_rust", "abi3")),
            ("_rust.abi3t.so", ExtensionName("_rust", "abi3t", free_threaded=True)),
            (f"_x.pypy310-pp73-{LINUX}.so", ExtensionName("_x", f"pypy310-pp73-{LINUX}")),
            ("pkg/__init__.so", ExtensionName("__init__")),
            ("pkg.v2/_x.so", ExtensionName("_x")),
            ("libfoo.so", ExtensionName("libfoo")),
            ("libfoo-abc123.so", ExtensionName("libfoo-abc123")),
            ("libfoo.so.1", None),
            ("libfoo-abc123.so.6", None),
            ("libopenblasp-r0-34a18dc3.3.7.so", None),
            (".so", None),
            ("so", None),
            ("_x.dll", None),
            ("_x.dylib", None),
            ("_x.py", None),
            (f"_x.cpython-312-{LINUX}.so/", None),
        ],
    )
    def test_what_a_file_name_says(self, path: str, said: ExtensionName | None) -> None:
        assert extension_name(path) == said

    @pytest.mark.parametrize(
        ("python", "architecture", "suffixes"),
        [
            ((3, 12), "x86_64", (".cpython-312-x86_64-linux-gnu.so", ".abi3.so", ".so")),
            ((3, 9), "arm64", (".cpython-39-aarch64-linux-gnu.so", ".abi3.so", ".so")),
        ],
    )
    def test_what_the_importer_accepts(
        self, python: tuple[int, int], architecture: str, suffixes: tuple[str, ...]
    ) -> None:
        assert extension_suffixes(python, architecture) == suffixes

    @needs_glibc
    def test_it_is_what_this_importer_accepts(self) -> None:
        assert extension_suffixes(sys.version_info[:2], HERE) == tuple(EXTENSION_SUFFIXES)
