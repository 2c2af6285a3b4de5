"""Near misses: archives that look odd, are sound, and come out of tools that people use."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from harness.artifact.archive import read
from harness.artifact.entries import Archive, Entry, Role
from harness.artifact.unpack import unpack
from tests.artifact.zips import (
    SEE_WIDE,
    Member,
    archive,
    archive64,
    extra,
    folder,
    member,
    symlink,
    unicode_path,
)

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 262_144_000


def streamed_wide(one: Member, *, signature: bytes = b"PK\x07\x08") -> Member:
    """As written to a pipe by somebody who does not know how much will come."""
    sizes = extra(1, struct.pack("<2Q", 0, 0))
    return one.streamed("<LQQ", signature=signature).in_header(size=SEE_WIDE, zipped=SEE_WIDE, extra=sizes)


deflated = member(content=b"print()\n" * 50, deflate=True)
wide_sizes = struct.pack("<2Q", deflated.central.size, deflated.central.zipped)

SOUND = {
    "a comment": archive(deflated, comment=b"built by the pipeline"),
    "a comment that mentions a signature": archive(deflated, comment=b"PK\x03\x04 and PK\x01\x02"),
    "a whole archive inside, stored": archive(member("inner.zip", archive(member("x.py")))),
    "zeros after the end, as bsdtar pads its output": archive(deflated) + bytes(9000),
    "a 64-bit end record": archive64(deflated),
    "a 64-bit end record that was not needed": archive64(deflated, narrow_count=1),
    "64-bit sizes in both headers": archive(
        deflated.stating(size=SEE_WIDE, zipped=SEE_WIDE, extra=extra(1, wide_sizes)),
    ),
    "64-bit sizes that repeat the header's": archive(deflated.stating(extra=extra(1, wide_sizes))),
    "64-bit sizes in the header alone": archive(
        deflated.in_header(size=SEE_WIDE, zipped=SEE_WIDE, extra=extra(1, wide_sizes)),
    ),
    "a data descriptor": archive(deflated.streamed(), member("b.py")),
    "a data descriptor without signature": archive(deflated.streamed(signature=b""), member("b.py")),
    "a 64-bit data descriptor": archive(streamed_wide(deflated), member("b.py")),
    "a 64-bit data descriptor without signature": archive(streamed_wide(deflated, signature=b""), member("b.py")),
    "a data descriptor of an empty file": archive(member("a.py", b"").streamed(), member("b.py")),
    "a 64-bit data descriptor of an empty file": archive(streamed_wide(member("a.py", b"")), member("b.py")),
    "a compressed folder, as Java writes it": archive(member(b"app/", b"", deflate=True).streamed()),
    "nonsense as a folder's mode, as old Java packers write it": archive(folder("app").but(mode=0o170755)),
    "padding among the extra fields": archive(deflated.stating(extra=extra(0xCAFE, b"") + b"\0\0")),
    "extra fields in the header alone": archive(deflated.in_header(extra=extra(0x5455, b"\3" + bytes(8)))),
    "a Unicode name that says the same": archive(
        member("größe.py").stating(extra=unicode_path("größe.py", "größe.py".encode()))
    ),
    "the longest component": archive(member("x" * 255)),
    "a very long path": archive(member("/".join(["d" * 100] * 30))),
    "two dots inside a name": archive(member("app/..data/a..py")),
    "a colon": archive(member("app:1/a.py")),
    "the same name in two folders by case": archive(member("a/main.py"), member("b/Main.py")),
    "a folder stated after its content": archive(member("app/main.py"), folder("app")),
    "a symlink inside the root": archive(member("lib/x.so.1"), symlink("app/x.so", "../lib/x.so.1")),
    "a symlink to nothing there": archive(symlink("app/x.so", "missing")),
    "flags that only tell the compression level": archive(deflated.in_header(flags=2)),
    "no date at all": archive(deflated.stating(stamp=(0, 0))),
}


def read_bytes(content: bytes, folder: Path, role: Role = Role.CODE) -> Archive:
    path = folder / "code.zip"
    path.write_bytes(content)
    return read(path, "code.zip", role)


def entry_of(each: Member, folder: Path) -> Entry:
    (entry,) = read_bytes(archive(each), folder).entries
    return entry


@pytest.mark.parametrize("content", SOUND.values(), ids=SOUND)
def test_sound(content: bytes, tmp_path: Path) -> None:
    found = read_bytes(content, tmp_path)
    assert found.refusals == ()
    unpack(found, tmp_path / "out", LIMIT)
    assert all(os.path.lexists(tmp_path / "out" / entry.name) for entry in found.entries)


def test_entries_without_a_unix_mode_get_the_usual_one(tmp_path: Path) -> None:
    assert entry_of(member().but(host=0, mode=0o600), tmp_path).mode == 0o644
    assert entry_of(member().but(mode=0), tmp_path).mode == 0o644
    assert entry_of(folder("app").but(mode=0), tmp_path).mode == 0o755


def test_a_mode_without_a_file_type_counts(tmp_path: Path) -> None:
    assert entry_of(member().but(mode=0o600), tmp_path).mode == 0o600


def test_a_file_of_mode_zero_stays_unreadable(tmp_path: Path) -> None:
    assert entry_of(member().but(mode=stat.S_IFREG), tmp_path).mode == 0


def test_a_folder_with_the_mode_of_a_file_has_none(tmp_path: Path) -> None:
    assert entry_of(folder("app").but(mode=0o100644), tmp_path).mode == 0o755


class Pipe(io.RawIOBase):
    """Something to write to that cannot seek."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        added = bytes(data)  # type: ignore[call-overload]  # the declared type of a buffer needs Python 3.12
        self.content += added
        return len(added)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_python_writes_to_a_pipe(method: int, tmp_path: Path) -> None:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as made:
        made.writestr("größe.py", "print()")
        made.mkdir("app")
        with made.open("app/wide.py", "w", force_zip64=True) as file:
            file.write(b"print()" * 100)
    found = read_bytes(pipe.content, tmp_path)
    assert found.refusals == ()
    unpack(found, tmp_path / "out", LIMIT)
    assert (tmp_path / "out/app/wide.py").read_bytes() == b"print()" * 100


TOOLS = {
    "zip": "zip -qr {out} app",
    "zip with symlinks": "zip -qry {out} app",
    "zip to a pipe": "zip -qr - app | cat > {out}",
    "zip with 64 bit": "zip -q -fz -r {out} app",
    "bsdtar": "bsdtar -a -cf {out} app",
    "bsdtar in the folder itself": "bsdtar -a -cf {out} ./app",
    "bsdtar to a pipe": "bsdtar --format zip -cf - app | cat > {out}",
    "7z": "7z a {out} app",
    "jar": "jar cf {out} app",
    "git": "git init -q . && git add app && git archive --format zip -o {out} $(git write-tree)",
}


@pytest.mark.parametrize("command", TOOLS.values(), ids=TOOLS)
def test_what_packers_write(command: str, tmp_path: Path) -> None:
    tool = command.partition(" ")[0]
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("print()\n" * 1000)
    (tmp_path / "app/empty.py").touch()
    (tmp_path / "app/link.py").symlink_to("main.py")
    shell = command.format(out="code.zip")
    subprocess.run(["sh", "-c", shell], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)  # noqa: S607 - any shell will do
    found = read(tmp_path / "code.zip", "code.zip", Role.CODE)
    assert found.refusals == ()
    unpack(found, tmp_path / "out", LIMIT)
    assert (tmp_path / "out/app/main.py").read_text() == "print()\n" * 1000
