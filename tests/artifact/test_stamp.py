"""The stamp gets into archives of any packer, and nothing else in them changes."""

from __future__ import annotations

import io
import shutil
import stat
import struct
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from harness.artifact.archive import read
from harness.artifact.entries import Refused, Role
from harness.artifact.stamp import LARGEST, STAMP, put_stamp, stamp_in
from tests.artifact.test_accepted import SOUND
from tests.artifact.zips import SEE_WIDE, archive, extra, member

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.artifact.entries import Archive

FILES = {"python/": b"", "python/six.py": b"x = 1\n" * 500, "python/ü.txt": b"", "bin/run": b"#!/bin/sh\n"}


def plain(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in FILES.items():
            info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            info.external_attr = (0o755 if name == "bin/run" else 0o640) << 16
            info.comment = b"of the entry"
            file.writestr(info, content)
        file.comment = b"of the archive"


def streamed(path: Path) -> None:
    """Sizes behind the bytes, as a packer writes them that cannot go back."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]  # a test's own bytes
            self.written += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in FILES.items():
            file.writestr(name, content)
    path.write_bytes(pipe.written)


def wide(path: Path) -> None:
    """Zip64 fields where none are needed."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in FILES.items():
            with file.open(name, "w", force_zip64=True) as entry:
                entry.write(content)


def many(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for number in range(0xFFFF):
            file.writestr(f"{number}", b"")


def zipped(*command: str) -> Callable[[Path], None]:
    def pack(path: Path) -> None:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        folder = path.parent / "packed"
        for name, content in FILES.items():
            if content and name.isascii():  # Info-ZIP marks no other names where the locale is none of UTF-8
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        names = [one.name for one in folder.iterdir()]
        subprocess.run([*command, str(path), *names], cwd=folder, check=True, capture_output=True)

    return pack


PACKERS = {
    "Python's zipfile": plain,
    "a stream": streamed,
    "zip64 fields": wide,
    "Info-ZIP": zipped("zip", "-r"),
    "7-Zip": zipped("7z", "a", "-tzip"),
    "bsdtar": zipped("bsdtar", "--format", "zip", "-cf"),
}


def accepted(path: Path) -> Archive:
    found = read(path, path.name, Role.CODE)
    assert found.refusals == ()
    return found


def contents(path: Path) -> dict[str, tuple[zipfile.ZipInfo, bytes]]:
    """What Python's own reader sees, by name."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return {info.filename: (info, file.read(info)) for info in file.infolist()}


def described(info: zipfile.ZipInfo) -> tuple[object, ...]:
    """All that a record says but where the entry is."""
    return tuple(
        getattr(info, name) for name in zipfile.ZipInfo.__slots__ if name not in {"header_offset", "_end_offset"}
    )


@pytest.fixture(params=[*PACKERS])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "layer.zip"
    PACKERS[str(request.param)](path)
    return path


def test_an_archive_has_no_stamp_until_it_gets_one(path: Path) -> None:
    assert stamp_in(accepted(path)) is None

    put_stamp(accepted(path), "first\n")

    assert stamp_in(accepted(path)) == "first\n"


def test_nothing_else_changes(path: Path) -> None:
    before, raw = contents(path), path.read_bytes()

    put_stamp(accepted(path), "first\n")

    after = contents(path)
    stamp, content = after.pop(STAMP)
    assert [(name, described(info), data) for name, (info, data) in after.items()] == [
        (name, described(info), data) for name, (info, data) in before.items()
    ]
    assert path.read_bytes().startswith(raw[: zipfile.ZipFile(io.BytesIO(raw)).start_dir])
    assert content == b"first\n"
    assert stamp.date_time == (1980, 1, 1, 0, 0, 0)
    assert stamp.external_attr >> 16 == stat.S_IFREG | 0o644
    assert stamp.compress_type == zipfile.ZIP_STORED


def test_another_stamp_takes_the_place_of_the_first(path: Path) -> None:
    put_stamp(accepted(path), "another, which is longer\n")
    once = path.read_bytes()
    put_stamp(accepted(path), "first\n")

    put_stamp(accepted(path), "another, which is longer\n")

    assert path.read_bytes() == once


@pytest.mark.parametrize("case", SOUND)
def test_archives_that_look_odd_stay_sound(case: str, tmp_path: Path) -> None:
    path = tmp_path / "layer.zip"
    path.write_bytes(SOUND[case])
    before = accepted(path).entries

    put_stamp(accepted(path), "first")

    after = accepted(path)
    assert after.entries[:-1] == before
    assert stamp_in(after) == "first"


def test_wherever_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "layer.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("./a", f"./{STAMP}", "./b", "./c"):
            file.writestr(name, name * 3)

    put_stamp(accepted(path), "second")

    assert [(name, data) for name, (_, data) in contents(path).items()] == [
        ("./a", b"./a./a./a"),
        ("./b", b"./b./b./b"),
        ("./c", b"./c./c./c"),
        (STAMP, b"second"),
    ]
    accepted(path)


def test_offsets_that_are_told_in_another_place_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "layer.zip"
    sizes = member("a.py").central.size, member("a.py").central.zipped
    wide = {"size": SEE_WIDE, "zipped": SEE_WIDE, "extra": extra(1, struct.pack("<3Q", *sizes, 0))}
    told_wide = member("a.py").in_directory(**wide).but(offset=SEE_WIDE)
    path.write_bytes(archive(told_wide, member("b.py")))
    put_stamp(accepted(path), "first")
    before = path.read_bytes()

    with pytest.raises(Refused, match="has offsets in the zip64 format"):
        put_stamp(accepted(path), "second")

    assert path.read_bytes() == before
    assert stamp_in(accepted(path)) == "first"


def test_a_comment_stays(tmp_path: Path) -> None:
    plain(tmp_path / "layer.zip")

    put_stamp(accepted(tmp_path / "layer.zip"), "first")

    assert zipfile.ZipFile(tmp_path / "layer.zip").comment == b"of the archive"


@pytest.mark.slow
def test_an_archive_of_very_many_files(tmp_path: Path) -> None:
    many(tmp_path / "layer.zip")

    put_stamp(accepted(tmp_path / "layer.zip"), "first")

    assert len(accepted(tmp_path / "layer.zip").entries) == 0x10000
    assert len(zipfile.ZipFile(tmp_path / "layer.zip").namelist()) == 0x10000


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_the_file_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    plain(tmp_path / "layer.zip")
    (tmp_path / "layer.zip").chmod(mode)

    put_stamp(accepted(tmp_path / "layer.zip"), "first")

    assert stat.S_IMODE((tmp_path / "layer.zip").stat().st_mode) == mode


def test_a_link_to_an_archive_stays_one(tmp_path: Path) -> None:
    plain(tmp_path / "real.zip")
    (tmp_path / "layer.zip").symlink_to("real.zip")

    put_stamp(accepted(tmp_path / "layer.zip"), "first")

    assert (tmp_path / "layer.zip").is_symlink()
    assert stamp_in(accepted(tmp_path / "real.zip")) == "first"


def test_what_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain(tmp_path / "layer.zip")
    before = (tmp_path / "layer.zip").read_bytes()
    sound = accepted(tmp_path / "layer.zip")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.artifact.rewrite._copy", full)
    with pytest.raises(OSError, match="No space left"):
        put_stamp(sound, "first")

    assert [one.name for one in tmp_path.iterdir()] == ["layer.zip"]
    assert (tmp_path / "layer.zip").read_bytes() == before


def test_a_folder_gets_a_file(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "six.py").write_text("x = 1\n")

    put_stamp(accepted(tmp_path), "first\n")
    put_stamp(accepted(tmp_path), "second\n")

    assert stamp_in(accepted(tmp_path)) == "second\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == [STAMP, "python"]
    status = (tmp_path / STAMP).stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o644, 315_532_800)


NO_STAMPS: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to("x"),
    "a large file": lambda path: path.write_bytes(bytes(LARGEST + 1)),
}


@pytest.mark.parametrize("case", NO_STAMPS)
def test_what_only_has_its_name_is_no_stamp(case: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    NO_STAMPS[case](tmp_path / STAMP)

    with pytest.raises(Refused, match=f"{STAMP}: (is a directory|is a symlink|has 1,048,577 bytes)"):
        stamp_in(accepted(tmp_path))


def test_one_further_down_is_none(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / STAMP).write_text("x")

    assert stamp_in(accepted(tmp_path)) is None
