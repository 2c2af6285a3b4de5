"""What is known of an archive once it was read, and what becomes of it when it is unpacked."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifact.archive import read
from harness.artifact.entries import Archive, Entry, Kind, Refusal, Refusals, Refused, Role, printable
from harness.artifact.unpack import unpack
from harness.cache.trees import remove
from tests.artifact.zips import archive, archive64, folder, member, symlink, unicode_path

LIMIT = 262_144_000
NOON = 1_735_732_800  # the moment that tests.artifact.zips stamps on everything, read as UTC


def read_bytes(content: bytes, at: Path, role: Role = Role.CODE) -> Archive:
    path = at / "code.zip"
    path.write_bytes(content)
    return read(path, "build/code.zip", role)


def unpacked(content: bytes, at: Path) -> Path:
    unpack(read_bytes(content, at), at / "out", LIMIT)
    return at / "out"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_an_archive_is_known_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    content = archive(member())
    found = read_bytes(content, tmp_path)
    digest = hashlib.sha256(content)
    assert found.sha256 == digest.hexdigest()
    assert found.code_sha256 == base64.b64encode(digest.digest()).decode()
    assert found.zipped_bytes == len(content)
    assert found.source == "build/code.zip"


def test_entries_say_what_they_are(tmp_path: Path) -> None:
    content = archive(folder("app"), member("app/main.py", b"x" * 90, deflate=True), symlink("app/link", "main.py"))
    app, main, link = read_bytes(content, tmp_path).entries
    assert (app.name, app.kind, app.mode) == ("app", Kind.DIRECTORY, 0o755)
    assert (main.name, main.kind, main.mode, main.size) == ("app/main.py", Kind.FILE, 0o644, 90)
    assert main.zipped < main.size
    assert (link.kind, link.target) == (Kind.SYMLINK, "main.py")
    assert {entry.modified for entry in (app, main, link)} == {NOON}


def test_only_files_count_as_unzipped_bytes() -> None:
    entries = (Entry("a", size=3), Entry("b", size=4), Entry("d", Kind.DIRECTORY), Entry("l", Kind.SYMLINK, size=9))
    made = Archive(Role.CODE, "code.zip", Path("code.zip"), "0", entries=entries)
    assert made.unzipped_bytes == 7
    assert [entry.name for entry in made.files] == ["a", "b"]


def test_a_total_over_the_limit_is_read_and_not_unpacked(tmp_path: Path) -> None:
    found = read_bytes(archive(member("a", b"12345"), member("b", b"67890")), tmp_path)
    assert found.refusals == ()
    unpack(found, tmp_path / "fits", 10)
    with pytest.raises(Refused, match="unpacks to 10 bytes, 1 over the limit"):
        unpack(found, tmp_path / "out", 9)
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_an_error_and_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.zip", "missing.zip", Role.CODE)


def test_modes_come_from_the_archive_without_the_right_to_write(tmp_path: Path) -> None:
    out = unpacked(
        archive(
            folder("app"),
            member("app/main.py"),
            member("app/run").but(mode=0o104755),
            member("app/secret").but(mode=0o100600),
            folder("private").but(mode=0o40700),
            member("implied/a.py"),
        ),
        tmp_path,
    )
    names = ("app", "app/main.py", "app/run", "app/secret", "private", "implied", "")
    assert [oct(mode(out / name)) for name in names] == [
        *("0o555", "0o444", "0o555", "0o400", "0o500", "0o555", "0o555"),
    ]


def test_modification_times_come_from_the_archive(tmp_path: Path) -> None:
    out = unpacked(archive(folder("app"), member("app/main.py"), symlink("app/link", "main.py")), tmp_path)
    assert {(out / name).lstat().st_mtime for name in ("app", "app/main.py", "app/link")} == {NOON}


def test_symlinks_stay_symlinks(tmp_path: Path) -> None:
    out = unpacked(archive(member("lib/x.so.1"), symlink("lib/x.so", "x.so.1")), tmp_path)
    assert (out / "lib/x.so").readlink() == Path("x.so.1")


def test_a_file_that_changed_after_it_was_read_is_refused(tmp_path: Path) -> None:
    found = read_bytes(archive(member(content=b"first")), tmp_path)
    (tmp_path / "code.zip").write_bytes(archive(member(content=b"other")))
    with pytest.raises(Refused, match="checksum"):
        unpack(found, tmp_path / "out", LIMIT)


def test_a_refused_archive_is_not_unpacked(tmp_path: Path) -> None:
    found = read_bytes(archive(member("../escaped.py")), tmp_path)
    with pytest.raises(Refused, match="climbs out"):
        unpack(found, tmp_path / "out", LIMIT)


def test_a_name_that_fits_lambda_and_not_this_machine_is_refused(tmp_path: Path) -> None:
    found = read_bytes(archive(member("d/" * 2040 + "a.py")), tmp_path)
    assert found.refusals == ()
    with pytest.raises(Refused, match="too long to be written"):
        unpack(found, tmp_path / "out", LIMIT)
    remove(tmp_path / "out")  # two thousand folders deep, which is deeper than pytest's own cleaning goes


def test_of_many_refusals_the_first_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    *shown, last = read_bytes(archive(*(member(f"/{number}") for number in range(50))), tmp_path).refusals
    assert len(shown) == 20
    assert last.reason == "and 30 more"


def test_names_are_shown_so_that_no_terminal_obeys_them() -> None:
    refusals = Refusals()
    refusals.add("\x1b[2J", "is odd", "Rename it.")
    assert refusals.found() == (Refusal("\\x1b[2J", "is odd", "Rename it."),)
    assert len(printable("x" * 5000)) < 200


class TestFolder:
    def test_it_is_read_like_an_archive(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir(mode=0o755)
        (tmp_path / "app/main.py").write_text("print()")
        (tmp_path / "app/main.py").chmod(0o640)
        (tmp_path / "app/link").symlink_to("main.py")
        found = read(tmp_path, "build", Role.CODE)
        assert found.is_folder
        assert (found.code_sha256, found.zipped_bytes, found.refusals) == (None, None, ())
        kinds = {entry.name: entry.kind for entry in found.entries}
        assert kinds == {"app": Kind.DIRECTORY, "app/main.py": Kind.FILE, "app/link": Kind.SYMLINK}
        assert found.files[0].mode == 0o640
        assert found.unzipped_bytes == 7

    def test_its_digest_is_that_of_its_content(self, tmp_path: Path) -> None:
        def digest(name: str, content: str, mode: int = 0o644) -> str:
            with TemporaryDirectory(dir=tmp_path) as folder:
                path = Path(folder) / name
                path.write_text(content)
                path.chmod(mode)
                return read(Path(folder), "build", Role.CODE).sha256

        assert digest("a.py", "x") == digest("a.py", "x")
        assert len({digest("a.py", "x"), digest("b.py", "x"), digest("a.py", "y"), digest("a.py", "x", 0o600)}) == 4

    def test_it_obeys_the_same_rules(self, tmp_path: Path) -> None:
        (tmp_path / "a\\b").touch()
        (tmp_path / "Main.py").touch()
        (tmp_path / "main.py").touch()
        (tmp_path / "out").symlink_to("/etc")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / os.fsdecode(b"gr\x94.py")).touch()
        reasons = " ".join(refusal.reason for refusal in read(tmp_path, "build", Role.CODE).refusals)
        for part in ("backslash", "only by case", "absolute path", "a pipe", "not UTF-8"):
            assert part in reasons

    def test_an_empty_one_is_refused(self, tmp_path: Path) -> None:
        assert [refusal.reason for refusal in read(tmp_path, "build", Role.CODE).refusals] == ["is an empty folder"]


VALID = (
    archive(
        folder("app"),
        member("app/main.py", b"print()\n" * 9, deflate=True),
        member("größe.py").streamed("<LQQ"),
        member(b"g\x94.py").stating(extra=unicode_path("gö.py", b"g\x94.py")),
        symlink("link", "app/main.py"),
        comment=b"a comment",
    ),
    archive64(member("a.py", b"x" * 50, deflate=True).streamed(), member("b.py")),
)

changes = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete", "cut"]), st.integers(0, 2000), st.integers(0, 255)),
    min_size=1,
    max_size=3,
)


def changed(content: bytes, how: list[tuple[str, int, int]]) -> bytes:
    raw = bytearray(content)
    for what, place, value in how:
        at = place % (len(raw) or 1)
        match what:
            case "set" if raw:
                raw[at] = value
            case "insert":
                raw[at:at] = bytes([value]) * (1 + value % 5)
            case "delete":
                del raw[at : at + 1 + value % 5]
            case "cut" if place % 7 == 0:
                del raw[at:]
    return bytes(raw)


@given(valid=st.sampled_from(VALID), how=changes)
@settings(max_examples=600)
def test_no_change_of_bytes_makes_an_archive_that_two_readers_see_differently(
    valid: bytes, how: list[tuple[str, int, int]]
) -> None:
    content = changed(valid, how)
    with TemporaryDirectory() as name:
        at = Path(name)
        found = read_bytes(content, at)
        try:
            unpack(found, at / "out", LIMIT)
        except Refused:
            return
        with zipfile.ZipFile(io.BytesIO(content)) as other:
            assert len(other.infolist()) == len(found.entries)
            for info, entry in zip(other.infolist(), found.entries, strict=True):
                path = at / "out" / entry.name
                seen = (
                    os.fsencode(path.readlink()) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
                )
                assert seen == other.read(info)
                assert info.filename.rstrip("/") == entry.name or not info.filename.isascii()
