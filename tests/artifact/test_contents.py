"""One file out of an archive, and what the function reads at a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.zips import entry as packed
from fixtures.zips import write
from harness.artifact.archive import read
from harness.artifact.bundle import found_at
from harness.artifact.contents import read_file
from harness.artifact.entries import Refused, Role
from tests import build

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Archive

CONTENT = b"3.8.0\n" * 100


@pytest.fixture(params=["zip", "folder"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    path = tmp_path / "code"
    if request.param == "zip":
        write(path, [packed("app/VERSION", CONTENT), packed("app/empty", b"")])
    else:
        (path / "app").mkdir(parents=True)
        (path / "app/VERSION").write_bytes(CONTENT)
        (path / "app/empty").touch()
    return read(path, "code", Role.CODE)


@pytest.mark.parametrize(("name", "content"), [("app/VERSION", CONTENT), ("app/empty", b"")])
def test_a_file_is_read_whole(archive: Archive, name: str, content: bytes) -> None:
    (entry,) = [one for one in archive.entries if one.name == name]

    assert read_file(archive, entry) == content
    assert read_file(archive, entry, limit=len(CONTENT)) == content


def test_one_that_is_too_large_is_not_read(archive: Archive) -> None:
    (entry,) = [one for one in archive.entries if one.name == "app/VERSION"]

    with pytest.raises(Refused, match="app/VERSION: has 600 bytes, and only 599 are read"):
        read_file(archive, entry, limit=599)


def test_bytes_that_are_not_what_the_archive_declares_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "code.zip", [packed("VERSION", b"3.8.0\n")])
    archive = read(path, "code.zip", Role.CODE)
    write(path, [packed("VERSION", b"3.9.0\n")])

    with pytest.raises(Refused, match="VERSION: does not match its checksum"):
        read_file(archive, archive.entries[0])


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/var/task/VERSION", "/var/task/VERSION"),
        ("/var/task/current", "/var/task/VERSION"),
        ("/var/task/twice", "/var/task/VERSION"),
        ("/var/task/beyond", "/opt/VERSION"),
        ("/var/task/app", None),
        ("/var/task/app/link", "/var/task/VERSION"),
        ("/var/task/loop", None),
        ("/var/task/nowhere", None),
        ("/var/task/missing", None),
    ],
)
def test_links_are_followed_to_a_file(path: str, found: str | None) -> None:
    links = ("current -> VERSION", "twice -> ./current", "beyond -> /opt/VERSION", "app/link -> ../twice")
    code = build.code("VERSION", "app/", *links, "loop -> loop", "nowhere -> gone")

    item = found_at(build.bundle(code, build.archive("VERSION")), path)

    assert (item and item.path) == found
