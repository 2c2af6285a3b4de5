"""Archives are unpacked once, whoever asks at the same time, whoever is killed, whoever meddles."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.artifact.archive import read
from harness.artifact.entries import Archive, Entry, Kind, Refused, Role
from harness.artifact.store import Store, needs_mask
from harness.cache import trees
from tests.artifact.zips import Member, archive, folder, member, symlink

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 262_144_000

USE_THE_STORE = """
import os, sys
from pathlib import Path
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.artifact.store import Store
if len(sys.argv) > 3:
    os.setuid(int(sys.argv[3]))
store = Store(Path(sys.argv[1]))
one = store.tree(read(Path(sys.argv[2]), "code.zip", Role.CODE), 262_144_000)
print(one)
print(store.masked(store.merged([one, one])))
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def packed(tmp_path: Path) -> Callable[..., Archive]:
    def pack(*members: Member, name: str = "code.zip", role: Role = Role.CODE) -> Archive:
        (tmp_path / name).write_bytes(archive(*members))
        return read(tmp_path / name, name, role)

    return pack


def contents(tree: Path) -> dict[str, str]:
    return {os.fspath(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def homes(store_folder: Path) -> list[str]:
    """The folders in which there is a whole tree."""
    return [path.name for path in store_folder.iterdir() if path.name != "locks" and "draft" not in path.name]


def left_over(store_folder: Path) -> list[Path]:
    return list(store_folder.glob("*draft*"))


class TestTree:
    def test_the_same_bytes_are_unpacked_once(self, store: Store, packed: Callable[..., Archive]) -> None:
        first = store.tree(packed(member()), LIMIT)
        inode = (first / "a.py").stat().st_ino
        second = store.tree(packed(member(), name="copy.zip", role=Role.LAYER), LIMIT)
        assert first == second
        assert (second / "a.py").stat().st_ino == inode

    def test_other_bytes_are_another_tree(self, store: Store, packed: Callable[..., Archive]) -> None:
        assert store.tree(packed(member()), LIMIT) != store.tree(packed(member("b.py")), LIMIT)

    def test_nobody_may_write_in_it(self, store: Store, packed: Callable[..., Archive]) -> None:
        tree = store.tree(packed(folder("app"), member("app/a.py")), LIMIT)
        assert not any(path.lstat().st_mode & 0o222 for path in (tree, *tree.rglob("*")))

    def test_a_folder_is_its_own_tree(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "build").mkdir()
        (tmp_path / "build/a.py").touch()
        assert store.tree(read(tmp_path / "build", "build", Role.CODE), LIMIT) == tmp_path / "build"
        assert not (tmp_path / "store").exists()

    def test_a_refusal_leaves_nothing(self, store: Store, packed: Callable[..., Archive], tmp_path: Path) -> None:
        with pytest.raises(Refused, match="checksum"):
            store.tree(packed(member("good.py"), member("bad.py").stating(crc=1)), LIMIT)
        assert (homes(tmp_path / "store"), left_over(tmp_path / "store")) == ([], [])

    def test_the_limit_holds_for_what_is_kept_already(self, store: Store, packed: Callable[..., Archive]) -> None:
        store.tree(packed(member()), LIMIT)
        with pytest.raises(Refused, match="over the limit"):
            store.tree(packed(member()), 1)


def grow(tree: Path) -> None:
    write(tree, "print()\nevil")


def write(tree: Path, text: str) -> None:
    (tree / "app/a.py").chmod(0o644)
    (tree / "app/a.py").write_text(text)
    (tree / "app/a.py").chmod(0o444)


def in_folder(tree: Path, change: Callable[[Path], object]) -> None:
    (tree / "app").chmod(0o755)
    change(tree / "app")
    (tree / "app").chmod(0o555)


def replace_by_a_link(app: Path) -> None:
    (app / "a.py").unlink()
    (app / "a.py").symlink_to("/etc/passwd")


def lose_the_seal(tree: Path) -> None:
    (tree.parent / "seal").unlink()


TAMPERING: dict[str, Callable[[Path], object]] = {
    "longer": grow,
    "of the same length": lambda tree: write(tree, "printX)\n"),
    "writable": lambda tree: (tree / "app/a.py").chmod(0o666),
    "another file": lambda tree: in_folder(tree, lambda app: (app / "extra.py").touch()),
    "without the file": lambda tree: in_folder(tree, lambda app: (app / "a.py").unlink()),
    "a link": lambda tree: in_folder(tree, replace_by_a_link),
    "without the seal": lose_the_seal,
    "a broken seal": lambda tree: (tree.parent / "seal").write_text('[["", 16'),
    "without the tree": trees.remove,
}


@pytest.mark.parametrize("meddle", TAMPERING.values(), ids=TAMPERING.keys())
def test_a_tampered_tree_is_noticed_and_made_again(
    meddle: Callable[[Path], object], store: Store, packed: Callable[..., Archive], tmp_path: Path
) -> None:
    made = packed(member("app/a.py"))
    meddle(store.tree(made, LIMIT))
    tree = Store(tmp_path / "store").tree(made, LIMIT)  # as the next run does
    assert contents(tree) == {"app/a.py": "print()\n"}
    assert mode(tree / "app/a.py") == 0o444
    assert left_over(tmp_path / "store") == []


def test_a_tree_is_looked_at_once_in_a_run(
    store: Store, packed: Callable[..., Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []
    fingerprint = trees.fingerprint

    def looked(tree: Path, without: frozenset[str] = frozenset()) -> str:
        looks.append(tree)
        return fingerprint(tree, without)

    monkeypatch.setattr(trees, "fingerprint", looked)
    made = packed(member("app/a.py"))

    def use(store: Store) -> None:
        for _ in range(3):
            store.masked(store.tree(made, LIMIT))

    use(store)
    assert len(looks) == 2  # for the seals of what was made
    use(Store(tmp_path / "store"))
    assert len(looks) == 4


def test_a_tree_that_another_run_made_again_is_looked_at_again(
    store: Store, packed: Callable[..., Archive], tmp_path: Path
) -> None:
    made = packed(member("app/a.py"))
    trees.remove(store.tree(made, LIMIT).parent)
    assert contents(store.tree(made, LIMIT)) == {"app/a.py": "print()\n"}
    grow(Store(tmp_path / "store").tree(made, LIMIT))
    lose_the_seal(store.tree(made, LIMIT))
    assert contents(store.tree(made, LIMIT)) == {"app/a.py": "print()\n"}


class TestMerged:
    def test_a_later_tree_wins_per_path(self, store: Store, packed: Callable[..., Archive]) -> None:
        first = store.tree(packed(member("x/a", b"1"), member("x/b", b"1"), name="1.zip"), LIMIT)
        second = store.tree(packed(member("x/b", b"2"), member("x/c", b"2"), name="2.zip"), LIMIT)
        merged = store.merged([first, second])
        assert contents(merged) == {"x/a": "1", "x/b": "2", "x/c": "2"}
        assert contents(store.merged([second, first])) == {"x/a": "1", "x/b": "1", "x/c": "2"}
        assert (merged / "x/a").stat().st_ino == (first / "x/a").stat().st_ino
        assert not any(path.lstat().st_mode & 0o222 for path in (merged, *merged.rglob("*")))

    def test_a_file_replaces_a_folder_and_a_folder_a_file(self, store: Store, packed: Callable[..., Archive]) -> None:
        first = store.tree(packed(member("x/deep/a", b"1"), name="1.zip"), LIMIT)
        second = store.tree(packed(member("x", b"2"), name="2.zip"), LIMIT)
        assert contents(store.merged([first, second])) == {"x": "2"}
        assert contents(store.merged([second, first])) == {"x/deep/a": "1"}

    def test_one_tree_is_itself_and_none_is_an_empty_one(self, store: Store, packed: Callable[..., Archive]) -> None:
        tree = store.tree(packed(member()), LIMIT)
        assert store.merged([tree]) == tree
        assert list(store.merged([]).iterdir()) == []

    def test_a_users_folder_is_copied_and_left_as_it_is(
        self, store: Store, packed: Callable[..., Archive], tmp_path: Path
    ) -> None:
        (tmp_path / "layer").mkdir()
        own = tmp_path / "layer/own.py"
        own.write_text("1")
        own.chmod(0o664)
        tree = store.tree(packed(member()), LIMIT)
        merged = store.merged([tree, tmp_path / "layer"])
        assert contents(merged) == {"a.py": "print()\n", "own.py": "1"}
        assert (merged / "own.py").stat().st_ino != own.stat().st_ino
        assert (mode(merged / "own.py"), mode(own)) == (0o444, 0o664)

    def test_a_users_folder_that_changed_is_merged_again(
        self, store: Store, packed: Callable[..., Archive], tmp_path: Path
    ) -> None:
        tree = store.tree(packed(member()), LIMIT)
        (tmp_path / "layer").mkdir()
        store.merged([tree, tmp_path / "layer"])
        (tmp_path / "layer/new.py").write_text("1")
        assert "new.py" in contents(store.merged([tree, tmp_path / "layer"]))


class TestMasked:
    def test_the_owner_may_do_what_others_may(self, store: Store, packed: Callable[..., Archive]) -> None:
        tree = store.tree(
            packed(
                member("open.py"),
                member("secret.py").but(mode=0o100600),
                member("group.py").but(mode=0o100640),
                folder("private").but(mode=0o40700),
                member("private/a.py"),
                symlink("link", "open.py"),
            ),
            LIMIT,
        )
        masked = store.masked(tree)
        names = ("open.py", "secret.py", "group.py", "private")
        assert [oct(mode(masked / name)) for name in names] == ["0o444", "0o0", "0o40", "0o555"]
        assert [oct(mode(tree / name)) for name in names] == ["0o444", "0o400", "0o440", "0o500"]
        assert (masked / "secret.py").stat().st_size == 0
        assert (masked / "open.py").stat().st_ino == (tree / "open.py").stat().st_ino
        assert (masked / "link").readlink() == Path("open.py")
        assert (masked / "secret.py").stat().st_mtime == (tree / "secret.py").stat().st_mtime
        assert store.masked(tree) == masked

    @pytest.mark.parametrize(
        ("entry", "needed"),
        [
            (Entry("a", mode=0o644), False),
            (Entry("a", mode=0o600), True),
            (Entry("a", mode=0o711), True),
            (Entry("d", Kind.DIRECTORY, 0o755), False),
            (Entry("d", Kind.DIRECTORY, 0o754), True),
            (Entry("l", Kind.SYMLINK, 0o700), False),
        ],
    )
    def test_it_is_needed_where_others_are_kept_out(self, entry: Entry, needed: bool) -> None:  # noqa: FBT001 - a table
        assert needs_mask([entry]) is needed


def start(store_folder: Path, zip_file: Path, *options: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", USE_THE_STORE, os.fspath(store_folder), os.fspath(zip_file), *options]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def many_files(tmp_path: Path) -> Path:
    path = tmp_path / "many.zip"
    path.write_bytes(archive(*(member(f"d{n % 50}/f{n}.py", b"x" * n) for n in range(2000))))
    return path


def assert_whole(tree: Path) -> None:
    assert {path.stat().st_size for path in tree.rglob("*.py")} == set(range(2000))


def test_processes_that_ask_at_the_same_time_get_one_tree(tmp_path: Path, many_files: Path) -> None:
    processes = [start(tmp_path / "store", many_files) for _ in range(6)]
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    (answer,) = answers
    for tree in answer.splitlines():
        assert_whole(Path(tree))
    assert len(homes(tmp_path / "store")) == 3
    assert left_over(tmp_path / "store") == []


@pytest.mark.slow
def test_processes_killed_at_any_moment_leave_nothing_wrong(tmp_path: Path, many_files: Path) -> None:
    moments = random.Random(20_250_101)  # noqa: S311 - moments, not secrets
    for _ in range(25):
        process = start(tmp_path / "store", many_files)
        time.sleep(moments.uniform(0.05, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    survivor = start(tmp_path / "store", many_files)
    trees = survivor.communicate()[0].splitlines()
    assert survivor.returncode == 0
    for tree in trees:
        assert_whole(Path(tree))
    assert left_over(tmp_path / "store") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_works_for_an_ordinary_user() -> None:
    nobody = 65534
    home = Path("/var/tmp") / f"store-of-{os.getpid()}"  # pytest's own folders are closed to other users
    home.mkdir()
    try:
        os.chown(home, nobody, nobody)
        closed = (folder("private").but(mode=0o40700), member("private/a.py"), member("s.py").but(mode=0o100600))
        (home / "code.zip").write_bytes(archive(member("open/a.py"), folder("closed").but(mode=0o40000), *closed))
        answers = []
        for _ in range(2):
            process = start(home / "store", home / "code.zip", str(nobody))
            answers.append(process.communicate()[0].splitlines())
            assert process.returncode == 0
        assert answers[0] == answers[1]
        tree, masked = map(Path, answers[0])
        assert {path.lstat().st_uid for path in tree.rglob("*")} == {nobody}
        assert contents(tree) == {"open/a.py": "print()\n", "private/a.py": "print()\n", "s.py": "print()\n"}
        assert contents(masked)["s.py"] == ""
    finally:
        shutil.rmtree(home)
