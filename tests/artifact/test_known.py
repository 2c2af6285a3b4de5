"""An archive that nobody touched is known without reading it; one that somebody may have touched is read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.artifact import archive as module
from harness.artifact.archive import read
from harness.artifact.entries import Archive, Role
from harness.artifact.known import Known
from harness.artifact.zipend import Bytes, Directory, find_directory
from tests.artifact.zips import Member, archive, folder, member, symlink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG_AGO = 1_700_000_000
SOUND = (folder("app"), member("app/größe.py", b"print()\n" * 90, deflate=True), member("app/main.py"))


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    return packed(tmp_path / "code.zip", *SOUND)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each archive file whose directory is looked for."""
    seen: list[int] = []

    def noted(data: Bytes) -> Directory:
        seen.append(data.size)
        return find_directory(data)

    monkeypatch.setattr(module, "find_directory", noted)
    return seen


@pytest.fixture
def clock() -> Iterator[pytest.MonkeyPatch]:
    """Whatever a test writes has been there for an hour: nothing else could set a file's change time."""
    now = time.time_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now() + 3600 * 10**9)
        yield patch


pytestmark = pytest.mark.usefixtures("clock")


def packed(path: Path, *members: Member) -> Path:
    path.write_bytes(archive(*members))
    return path


def known(path: Path, role: Role = Role.CODE, *, trust_mtime: bool = True) -> Archive:
    return read(path, "code.zip", role, path.parent / "known", trust_mtime=trust_mtime)


@pytest.mark.parametrize(
    ("members", "role"),
    [
        (SOUND, Role.CODE),
        (SOUND, Role.LAYER),
        ((*SOUND, symlink("link", "app/main.py")), Role.CODE),
        ((*SOUND, symlink("link", "app/main.py")), Role.LAYER),
        ((member("/etc/passwd"), member("a\x1b.py")), Role.CODE),
    ],
    ids=["code", "layer", "link", "refused as a layer", "refused"],
)
def test_what_is_known_is_what_was_read(
    members: tuple[Member, ...], role: Role, tmp_path: Path, reads: list[int]
) -> None:
    path = packed(tmp_path / "code.zip", *members)

    first, again = known(path, role), known(path, role)

    assert first == again == read(path, "code.zip", role)
    assert len(reads) == 2  # the first time, and by the one that keeps nothing


def test_the_name_that_the_user_gave_is_the_one_of_now(zipped: Path) -> None:
    known(zipped)

    again = read(Path(os.path.relpath(zipped)), "./code.zip", Role.CODE, zipped.parent / "known")

    assert (again.source, again.path) == ("./code.zip", Path(os.path.relpath(zipped)))


def test_a_layers_listing_is_not_that_of_code(tmp_path: Path) -> None:
    path = packed(tmp_path / "code.zip", member("a.py"), symlink("link", "a.py"))

    assert known(path, Role.CODE).refusals == ()
    assert known(path, Role.LAYER).refusals != ()


def rebuilt(path: Path) -> None:
    packed(path, *SOUND[:-1], member("app/main.py", b"other()\n"))


def rebuilt_with_the_old_times(path: Path) -> None:
    times = path.stat()
    rebuilt(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replaced(path: Path) -> None:
    rebuilt(path.with_name("new.zip"))
    path.with_name("new.zip").replace(path)


def replaced_by_one_of_the_same_age(path: Path) -> None:
    times = path.stat()
    rebuilt(path.with_name("new.zip"))
    os.utime(path.with_name("new.zip"), ns=(times.st_atime_ns, times.st_mtime_ns))
    path.with_name("new.zip").replace(path)


def replaced_by_a_link(path: Path) -> None:
    rebuilt(path.with_name("new.zip"))
    path.unlink()
    path.symlink_to("new.zip")


@pytest.mark.parametrize(
    "change",
    [rebuilt, rebuilt_with_the_old_times, replaced, replaced_by_one_of_the_same_age, replaced_by_a_link],
)
def test_one_that_changed_is_read(change: Callable[[Path], None], zipped: Path) -> None:
    first = known(zipped)
    time.sleep(0.02)  # more than a tick of the file system's clock, as it is after a file has settled
    change(zipped)

    again = known(zipped)

    assert again.sha256 != first.sha256
    assert again == read(zipped, "code.zip", Role.CODE)


def test_times_are_trusted_only_where_the_user_says_so(zipped: Path, reads: list[int]) -> None:
    known(zipped)
    known(zipped, trust_mtime=False)

    assert len(reads) == 2


def test_one_that_was_written_just_now_is_read_again(zipped: Path, reads: list[int], clock: pytest.MonkeyPatch) -> None:
    """Within a tick of the clock, it could change once more and keep its times."""
    clock.undo()

    known(zipped)
    os.utime(zipped, (LONG_AGO, LONG_AGO))  # what was changed now is as young, however old it says it is
    known(zipped)

    assert len(reads) == 2
    assert Known(zipped.parent / "known").usage() == (0, 0)


def test_one_that_changes_while_it_is_read_is_not_kept(zipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def meddled(data: Bytes) -> Directory:
        os.utime(zipped, (LONG_AGO, LONG_AGO))
        return find_directory(data)

    monkeypatch.setattr(module, "find_directory", meddled)
    known(zipped)

    assert Known(zipped.parent / "known").usage() == (0, 0)


@pytest.mark.parametrize("damage", [b"", b"\x80", bytes(16) + b"\x80", b"no MessagePack, and rather long"])
def test_a_damaged_record_is_as_none(damage: bytes, zipped: Path, reads: list[int]) -> None:
    first = known(zipped)
    (record,) = (zipped.parent / "known").iterdir()
    record.write_bytes(damage)

    assert known(zipped) == first
    assert known(zipped) == first
    assert len(reads) == 2


def test_where_nothing_can_be_kept_archives_are_read(zipped: Path, reads: list[int]) -> None:
    (zipped.parent / "known").write_text("a file")

    assert known(zipped) == known(zipped)
    assert len(reads) == 2


def test_a_folder_is_always_read(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build/a.py").write_text("1")
    first = known(tmp_path / "build")
    (tmp_path / "build/a.py").write_text("2")

    assert known(tmp_path / "build").sha256 != first.sha256


def test_pruned(zipped: Path, reads: list[int]) -> None:
    known(zipped)
    kept = Known(zipped.parent / "known")
    assert kept.usage()[0] == 1

    kept.prune()

    assert kept.usage() == (0, 0)
    known(zipped)
    assert len(reads) == 2


READ = """
import sys, time
from pathlib import Path
now = time.time_ns
time.time_ns = lambda: now() + 3600 * 10**9
from harness.artifact.archive import read
from harness.artifact.entries import Role
for _ in range(int(sys.argv[3])):
    print(read(Path(sys.argv[1]), "code.zip", Role.CODE, Path(sys.argv[2]), trust_mtime=False).sha256)
"""


def test_processes_that_read_at_the_same_time_and_are_killed_leave_nothing_wrong(zipped: Path) -> None:
    expected = read(zipped, "code.zip", Role.CODE)
    command = [sys.executable, "-c", READ, str(zipped), str(zipped.parent / "known")]
    root = Path(__file__).parents[2]
    endless = [
        subprocess.Popen([*command, "1000000"], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    finite = subprocess.run([*command, "50"], cwd=root, capture_output=True, text=True, check=True)
    assert set(finite.stdout.split()) == {expected.sha256}
    for _ in range(20):
        assert known(zipped) == expected
    for process in endless:
        process.kill()
        process.communicate()
    assert known(zipped) == expected
