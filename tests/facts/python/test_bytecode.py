"""What a .pyc file says about itself."""

from __future__ import annotations

import importlib.util
import py_compile
import sys
from pathlib import Path

import pytest

from harness.facts.python.bytecode import Bytecode, read_bytecode, source_hash
from harness.policy import KNOWN_RUNTIMES, runtime_policy

MAGIC = int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")
PYTHON = sys.version_info[:2]
SOURCE = b"answer = 42\n"
Mode = py_compile.PycInvalidationMode


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_bytes(SOURCE)
    return path


def compiled(module: Path, mode: Mode) -> Bytecode:
    path = py_compile.compile(str(module), doraise=True, invalidation_mode=mode)
    assert path
    return read_bytecode(Path(path).read_bytes()[:16])


def test_by_default_it_goes_by_time_and_size(module: Path) -> None:
    expected = Bytecode(MAGIC, int(module.stat().st_mtime), len(SOURCE))

    assert compiled(module, Mode.TIMESTAMP) == expected


@pytest.mark.parametrize(("mode", "checked"), [(Mode.CHECKED_HASH, True), (Mode.UNCHECKED_HASH, False)])
def test_it_can_go_by_a_hash(module: Path, mode: Mode, *, checked: bool) -> None:
    found = compiled(module, mode)

    assert found == Bytecode(MAGIC, checked=checked, source_hash=importlib.util.source_hash(SOURCE))


@pytest.mark.skipif(f"python{PYTHON[0]}.{PYTHON[1]}" not in KNOWN_RUNTIMES, reason="no runtime has this Python")
def test_the_hash_is_the_one_of_the_python_that_wrote_it() -> None:
    assert source_hash(SOURCE, PYTHON) == importlib.util.source_hash(SOURCE)
    assert runtime_policy(f"python{PYTHON[0]}.{PYTHON[1]}").bytecode_magic == MAGIC


@pytest.mark.parametrize(
    ("python", "expected"),
    # importlib.util.source_hash of CPython 3.12.1 and 3.13.0
    [((3, 12), "870f62ee4f8efc70"), ((3, 13), "15b9dc477f21f8a9")],
)
def test_the_hash_differs_from_python_to_python(python: tuple[int, int], expected: str) -> None:
    assert source_hash(SOURCE, python).hex() == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Bytecode(None)),
        (b"\xcb\r\r\n", Bytecode(None)),
        (b"a line of text, not bytecode", Bytecode(None)),
        (b"\xcb\r\r\n" + bytes(12), Bytecode(3531, 0, 0)),
        (b"\x03\xf3\r\n" + bytes(12), Bytecode(62211, 0, 0)),
        (b"\xcb\r\r\n\x00\x00\x00\x00" + b"\xff" * 8, Bytecode(3531, 2**32 - 1, 2**32 - 1)),
        (b"\xcb\r\r\n\x01\x00\x00\x00" + b"12345678", Bytecode(3531, checked=False, source_hash=b"12345678")),
        (b"\xcb\r\r\n\x03\x00\x00\x00" + b"12345678", Bytecode(3531, checked=True, source_hash=b"12345678")),
    ],
)
def test_the_header_is_all_that_is_read(data: bytes, expected: Bytecode) -> None:
    assert read_bytecode(data) == expected
