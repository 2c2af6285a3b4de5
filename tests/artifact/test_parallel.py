"""Work on all cores: in order, within bounds, and nothing of it left over."""

from __future__ import annotations

import subprocess
import sys
import threading
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifact.archive import read
from harness.artifact.contents import files
from harness.artifact.entries import Entry, Kind, Refused, Role
from harness.artifact.parallel import LARGE, batches, in_order
from harness.artifact.unpack import unpack
from tests.artifact.zips import archive, deflated, folder, member

KB = 1024
MB = 1024 * KB


def entries(*shapes: tuple[int, int] | Kind) -> list[Entry]:
    """Entries by zipped and unpacked size."""
    return [
        Entry(str(number), shape) if isinstance(shape, Kind) else Entry(str(number), zipped=shape[0], size=shape[1])
        for number, shape in enumerate(shapes)
    ]


SMALL, MIDDLE, BIG = (10 * KB, 30 * KB), (200 * KB, 600 * KB), (2 * MB, LARGE)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ((), []),
        ((SMALL, SMALL, SMALL), ["0 1 2"]),
        ((SMALL, MIDDLE, MIDDLE, SMALL), ["0 1", "2 3"]),
        ((SMALL, BIG, SMALL), ["0", "1", "2"]),
        ((BIG, BIG), ["0", "1"]),
        (((2 * MB, 10), SMALL), ["0", "1"]),  # a megabyte of nothing, packed
        ((SMALL, (2 * MB, 10), SMALL), ["0", "1", "2"]),
        ((Kind.DIRECTORY, SMALL, Kind.SYMLINK, SMALL), ["0 1 3"]),
        ((Kind.SYMLINK,), []),
    ],
)
def test_batches(shapes: tuple[tuple[int, int] | Kind, ...], expected: list[str]) -> None:
    assert [" ".join(entry.name for entry in batch) for batch in batches(entries(*shapes))] == expected


def test_answers_come_in_the_order_of_the_tasks() -> None:
    assert list(in_order(range(100), lambda number: number * number)) == [number * number for number in range(100)]


def test_few_are_done_ahead() -> None:
    done: list[int] = []
    answers = in_order(range(100), done.append)

    next(answers)

    assert len(done) <= 8
    answers.close()  # type: ignore[attr-defined]


def test_the_first_error_in_that_order_is_raised_and_the_rest_is_left() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        if number in (5, 6, 7):
            raise ValueError(number)

    with pytest.raises(ValueError, match="5"):
        list(in_order(range(1000), work))

    assert len(done) < 30
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("archive")]


def test_the_first_refusal_in_the_archive_is_told(tmp_path: Path) -> None:
    bad = [member(f"bad{number}.py", bytes(300 * KB), deflate=True).stating(crc=1) for number in range(9)]
    (tmp_path / "code.zip").write_bytes(archive(member("good.py"), *bad))
    found = read(tmp_path / "code.zip", "code.zip", Role.CODE)

    for number in range(5):
        with pytest.raises(Refused, match=r"bad0\.py: does not match its checksum"):
            unpack(found, tmp_path / f"out{number}", 10 * MB)
        with pytest.raises(Refused, match=r"bad0\.py: does not match its checksum"):
            list(files(found, tmp_path))


@pytest.mark.parametrize("size", [0, LARGE - 1, LARGE])
def test_bytes_that_hide_are_found_whatever_the_size(size: int, tmp_path: Path) -> None:
    data = deflated(bytes(size)) + b"hide"
    made = member("a.bin", bytes(size), deflate=True).stating(zipped=len(data)).but(data=data)
    (tmp_path / "code.zip").write_bytes(archive(folder("app"), made))
    found = read(tmp_path / "code.zip", "code.zip", Role.CODE)

    with pytest.raises(Refused, match="hides 4 bytes after its compressed bytes"):
        list(files(found, tmp_path))


def test_much_that_inflates_to_nothing_is_read_in_pieces(tmp_path: Path) -> None:
    nothing = (b"\x00\x00\x00\xff\xff" * (LARGE // 5 + 1)) + deflated(b"")
    made = member("a.bin", b"", deflate=True).stating(zipped=len(nothing)).but(data=nothing)
    (tmp_path / "code.zip").write_bytes(archive(made, member("b.py")))
    found = read(tmp_path / "code.zip", "code.zip", Role.CODE)

    assert [bytes(content) for _, content in files(found, tmp_path)] == [b"", b"print()\n"]


bits = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 7)), min_size=1, max_size=3)
texts = st.sampled_from([b"", b"print()\n" * 40, bytes(range(256)), b"import os\n" + bytes(700), b"ab" * 300 + b"c"])


@pytest.mark.slow
@given(texts, bits)
@settings(max_examples=800)
def test_zlib_refuses_what_is_refused_and_nothing_else(content: bytes, flips: list[tuple[int, int]]) -> None:
    raw = bytearray(deflated(content))
    for place, bit in flips:
        raw[place % len(raw)] ^= 1 << bit
    inflater = zlib.decompressobj(-15)
    try:
        expected = inflater.decompress(bytes(raw), 10_000)
        sound = inflater.eof and not inflater.unused_data and not inflater.unconsumed_tail
    except zlib.error:
        sound, expected = False, content
    made = member("a.bin", expected, deflate=True).stating(zipped=len(raw)).but(data=bytes(raw))
    with TemporaryDirectory() as name:
        (Path(name) / "code.zip").write_bytes(archive(made))
        found = read(Path(name) / "code.zip", "code.zip", Role.CODE)
        try:
            seen = [bytes(one) for _, one in files(found, Path(name))]
        except Refused:
            seen = []
    assert seen == ([expected] if sound else [])


MEASURE = """
import re, sys, tempfile
from pathlib import Path
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.artifact.contents import files
from harness.artifact.store import Store

def peak():
    return int(re.search(r"VmHWM:\\s*([0-9]+)", Path("/proc/self/status").read_text())[1]) // 1024

before = peak()
archive = read(Path(sys.argv[1]), "layer.zip", Role.LAYER)
with tempfile.TemporaryDirectory(dir=sys.argv[2]) as scratch:
    size = sum(len(content) for entry, content in files(archive, Path(scratch)))
Store(Path(sys.argv[2])).tree(archive, 262_144_000)
print(size, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_250_mb_are_read_and_unpacked_in_little_memory(tmp_path: Path) -> None:
    few = [member(f"python/large{number}.so", bytes(50 * MB), deflate=True) for number in range(2)]
    some = [member(f"python/middle{number}.so", bytes(4 * MB - 1), deflate=True) for number in range(25)]
    many = [member(f"python/m{number}.py", bytes(20 * KB), deflate=True) for number in range(2400)]
    (tmp_path / "layer.zip").write_bytes(archive(*few, *some, *many))
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "layer.zip"), str(tmp_path / "store")]
    (tmp_path / "store").mkdir()

    said = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)

    size, peak = map(int, said.stdout.split())
    assert size > 240 * MB
    assert peak < 80
