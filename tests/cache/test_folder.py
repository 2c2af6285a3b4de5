"""The cache folder: what it tells of itself, and what goes first when it is made smaller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from harness.cache import trees, usage
from harness.cache.folder import PARTS, CacheUnusable, using
from harness.cache.prune import describe_cache, prune_cache
from harness.cli import run

if TYPE_CHECKING:
    from pathlib import Path

MB = 1024 * 1024
NOW = time.time()
HOUR = 3600.0
DIGESTS = ["a" * 64, "b" * 64, "c" * 64]


def put(path: Path, size: int, age: float = 0.0) -> Path:
    """A kept thing of that size in MB, used that many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size * MB))
    os.utime(path, (NOW - age, NOW - age))
    return path


def tree(cache: Path, name: str, size: int, age: float = 0.0) -> Path:
    """An unpacked archive as the store leaves it: nothing in it can be written."""
    home = cache / "trees" / name
    put(home / "tree" / "folder" / "file", size)
    (home / "seal").touch()
    (home / "tree" / "folder").chmod(0o555)
    (home / "tree").chmod(0o555)
    os.utime(home, (NOW - age, NOW - age))
    return home


def half_made(cache: Path) -> list[Path]:
    """One draft of each kind."""
    names = [
        "facts/.draft-y",
        "runtimes/python3.12-1.tmpz/file",
        "trees/1-tree/.draft-z",
        "uses.draft",
        "roots/x/a",
    ]
    return [tree(cache, "1-tree.draft-x", 1), *(put(cache / name, 1) for name in names)]


def left(cache: Path) -> set[str]:
    """Everything that is kept, without locks."""
    parts = [part for part in cache.iterdir() if part.is_dir()]
    return {
        f"{part.name}/{path.name}"
        for part in parts
        for path in part.iterdir()
        if path.suffix != ".lock" and path.name != "locks"
    }


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """One thing of each part, 7 MB, the oldest first."""
    put(tmp_path / "downloads" / "1-download", 1, 6 * HOUR)
    tree(tmp_path, "1-tree", 2, 5 * HOUR)
    put(tmp_path / "facts" / "1-facts.msgpack", 1, 4 * HOUR)
    put(tmp_path / "bytecode" / "1-code.kept", 1, 3 * HOUR)
    put(tmp_path / "answers" / "1-answer", 1, 2 * HOUR)
    put(tmp_path / "runtimes" / "python3.12-1" / "lang" / "bin" / "python3.12", 1)
    os.utime(tmp_path / "runtimes" / "python3.12-1", (NOW - HOUR, NOW - HOUR))
    return tmp_path


TREE, FACTS, CODE = "trees/1-tree", "facts/1-facts.msgpack", "bytecode/1-code.kept"
ANSWER, RUNTIME, DOWNLOAD = "answers/1-answer", "runtimes/python3.12-1", "downloads/1-download"
ALL = {DOWNLOAD, TREE, FACTS, CODE, ANSWER, RUNTIME}


class TestDescribing:
    """What `lambda-artifact cache` says."""

    def test_each_part(self, full: Path) -> None:
        said = describe_cache(full).splitlines()

        assert said[0] == str(full)
        assert [line[2:21].strip() for line in said[1:]] == [*PARTS.values(), "together"]
        assert said[1] == "  unpacked archives       1        2.0 MB        0 hits      0 misses"
        assert said[-1] == "  together                6        7.0 MB"

    def test_none(self, tmp_path: Path) -> None:
        assert describe_cache(tmp_path / "none").endswith("  together                0        0.0 MB")
        assert not (tmp_path / "none").exists()

    def test_uses(self, full: Path) -> None:
        for hit in (True, True, False):
            usage.used(full / TREE, hit=hit)

        said = describe_cache(full)

        assert "  unpacked archives       1        2.0 MB        2 hits      1 misses\n" in said
        assert said.splitlines()[-1].endswith(f" since {usage.uses(full).since:%Y-%m-%d %H:%M} UTC")

    def test_files_of_one_content_are_one_thing(self, tmp_path: Path) -> None:
        for name in (f"10-{DIGESTS[0]}.msgpack", f"10-{DIGESTS[0]}-sources-py312.msgpack", f"10-{DIGESTS[1]}.msgpack"):
            put(tmp_path / "facts" / name, 1)

        assert "  facts of archives       2        3.0 MB" in describe_cache(tmp_path)

    def test_a_file_that_trees_share_counts_once(self, tmp_path: Path) -> None:
        shared = tree(tmp_path, "1-layer", 2) / "tree" / "folder" / "file"
        merged = tmp_path / "trees" / "1-merged" / "tree"
        merged.mkdir(parents=True)
        (merged / "file").hardlink_to(shared)

        assert "  unpacked archives       2        2.0 MB" in describe_cache(tmp_path)


class TestPruning:
    """What goes, and what stays."""

    def test_everything(self, full: Path) -> None:
        usage.used(full / TREE, hit=True)

        assert prune_cache(full) == "removed 6 of 6, 7.0 MB"

        assert left(full) == set()
        assert usage.uses(full).since is None

    def test_nothing_where_there_is_none(self, tmp_path: Path) -> None:
        assert prune_cache(tmp_path / "none") == "removed nothing"
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize(
        ("most", "stays"),
        [
            (8 * MB, ALL),
            (7 * MB, ALL),
            (7 * MB - 1, ALL - {DOWNLOAD}),
            (4 * MB, ALL - {DOWNLOAD, TREE}),
            (2 * MB, {ANSWER, RUNTIME}),
            (MB, {RUNTIME}),
            (1, set()),
            (0, set()),
        ],
    )
    def test_the_least_recently_used_goes_first(self, most: int, stays: set[str], full: Path) -> None:
        prune_cache(full, most_bytes=most)

        assert left(full) == stays

    @pytest.mark.parametrize(
        ("age", "stays"), [(7 * HOUR, ALL), (4.5 * HOUR, ALL - {DOWNLOAD, TREE}), (1.5 * HOUR, {RUNTIME}), (0.0, set())]
    )
    def test_what_was_not_used_for_long(self, age: float, stays: set[str], full: Path) -> None:
        prune_cache(full, older_than=age)

        assert left(full) == stays

    def test_both(self, full: Path) -> None:
        assert prune_cache(full, most_bytes=3 * MB, older_than=4.5 * HOUR) == "removed 3 of 6, 4.0 MB"

    @pytest.mark.parametrize("name", sorted(ALL))
    def test_a_use_keeps_a_thing(self, name: str, full: Path) -> None:
        usage.used(full / name, hit=True)

        prune_cache(full, older_than=0.5 * HOUR)

        assert left(full) == {name}

    def test_a_file_goes_with_the_last_tree_that_has_it(self, tmp_path: Path) -> None:
        layer = tree(tmp_path, "1-layer", 3, 2 * HOUR)
        merged = tree(tmp_path, "1-merged", 1, HOUR)
        (merged / "tree").chmod(0o755)
        (merged / "tree" / "file").hardlink_to(layer / "tree" / "folder" / "file")
        put(tmp_path / "facts" / "1-new", 1)

        # The layer's tree alone would free nothing.
        assert prune_cache(tmp_path, most_bytes=4 * MB) == "removed 2 of 3, 4.0 MB"
        assert left(tmp_path) == {"facts/1-new"}

    def test_what_was_left_by_one_that_was_killed(self, full: Path) -> None:
        drafts = half_made(full)

        prune_cache(full, most_bytes=100 * MB)

        assert left(full) == ALL
        assert not any(draft.exists() for draft in drafts)

    def test_counting_goes_on(self, full: Path) -> None:
        for part in (TREE, FACTS):
            usage.used(full / part, hit=True)
            usage.used(full / part, hit=False)
        before = usage.uses(full)

        prune_cache(full, most_bytes=100 * MB)

        assert usage.uses(full) == before

    def test_nothing_of_a_cache_in_use(self, full: Path) -> None:
        with using(full), pytest.raises(CacheUnusable, match="is in use by another run: nothing was removed"):
            prune_cache(full, most_bytes=0)

        assert left(full) == ALL

    @pytest.mark.parametrize("moment", [0.0, 0.005, 0.01, 0.02, 0.04])
    def test_a_kill_leaves_no_half_of_a_thing(self, moment: float, tmp_path: Path) -> None:
        for number in range(20):
            home = tree(tmp_path, f"1-{number}", 0)
            (home / "seal").write_text(trees.fingerprint(home / "tree"), "utf-8")
        script = (
            "import sys; from pathlib import Path; from harness.cache.prune import prune_cache; print(flush=True)\n"
            "prune_cache(Path(sys.argv[1]))"
        )
        with subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(1)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)

        for home in (tmp_path / "trees").iterdir():
            if ".draft-" not in home.name:
                assert (home / "seal").read_text("utf-8") == trees.fingerprint(home / "tree")
        prune_cache(tmp_path)
        assert left(tmp_path) == set()


class TestUsing:
    """What a run does before it begins."""

    def test_what_was_left_by_one_that_was_killed(self, full: Path) -> None:
        drafts = half_made(full)

        with using(full):
            assert left(full) == ALL
            assert not any(draft.exists() for draft in drafts)

    def test_not_what_another_makes_now(self, full: Path) -> None:
        with using(full):
            drafts = half_made(full)
            with using(full):
                assert all(draft.exists() for draft in drafts)


class TestCounting:
    """The log of uses."""

    def test_many_at_a_time(self, tmp_path: Path) -> None:
        (tmp_path / "facts").mkdir()
        script = (
            "import sys; from pathlib import Path; from harness.cache import usage\n"
            "for _ in range(500): usage.used(Path(sys.argv[1]), hit=True)"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "facts" / "x")]

        for process in [subprocess.Popen(command) for _ in range(4)]:
            assert process.wait() == 0
        assert usage.uses(tmp_path).hits == {"facts": 2000}

    @pytest.mark.parametrize("line", ["", "x", "1 trees hit", "1 trees seen 1", "x trees hit 1", "9" * 30 + " a hit 1"])
    def test_a_line_that_makes_no_sense(self, line: str, tmp_path: Path) -> None:
        (tmp_path / "uses").write_text(f"{line}\n1000000000 trees hit 3\n", "utf-8")

        assert usage.uses(tmp_path).hits == {"trees": 3}
        assert f"{usage.uses(tmp_path).since:%Y}" == "2001"

    def test_a_cache_that_may_only_be_read(self, tmp_path: Path) -> None:
        usage.used(tmp_path / "none" / "trees" / "1-x", hit=False)

        assert usage.uses(tmp_path / "none").since is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000", 1000),
        ("1K", 1024),
        ("1kb", 1024),
        ("1 KiB", 1024),
        ("1.5M", 3 * MB // 2),
        ("500MB", 500 * MB),
        ("2GB", 2048 * MB),
        ("2g", 2048 * MB),
        ("1TiB", MB * MB),
    ],
)
def test_sizes(text: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("harness.cache.prune.prune_cache", lambda _, most, age: asked.append((most, age)))

    assert run(["cache", "prune", "--max-size", text], {"LAMBDA_ARTIFACT_CACHE": str(tmp_path)}) == 0

    assert asked == [(size, None)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1.5h", 5400), ("12 H", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)],
)
def test_times(text: str, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("harness.cache.prune.prune_cache", lambda _, most, age: asked.append((most, age)))

    assert run(["cache", "prune", "--older-than", text], {"LAMBDA_ARTIFACT_CACHE": str(tmp_path)}) == 0

    assert asked == [(None, seconds)]
