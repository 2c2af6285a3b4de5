"""``verify --watch``: real files, real changes, and one round for each."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from fixtures.case import MANIFEST, lay_out
from fixtures.corpus import CASES
from harness import watching
from harness.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 60.0
COMMAND = ["env", "--default-signal=INT", sys.executable, "-m", "harness", "verify", "--engine", "none", "--watch"]
BROKEN = "migrations-left-out"


def lay(name: str, folder: Path) -> None:
    lay_out(next(case for case in CASES if case.name == name), folder)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Watch:
    """The command under way, and what it has said so far."""

    def __init__(self, folder: Path, environ: dict[str, str], *options: str) -> None:
        self.said, self.complained = folder / "said", folder / "complained"
        with self.said.open("wb") as said, self.complained.open("wb") as complained:
            self.process = subprocess.Popen(
                [*COMMAND, *options], cwd=folder, env=environ, stdout=said, stderr=complained
            )

    @property
    def text(self) -> str:
        return self.said.read_text("utf-8")

    @property
    def rounds(self) -> list[str]:
        """What was said in each round that has ended."""
        return re.split(r"watching \d+ files and folders; Ctrl-C ends\n", self.text)[:-1]

    def wait(self, rounds: int) -> str:
        wait_for(lambda: len(self.rounds) >= rounds or self.process.poll() is not None)
        assert len(self.rounds) == rounds, self.complained.read_text("utf-8")
        return self.rounds[-1]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose artifact is sound, and below it a broken one."""
    lay("sound", tmp_path)
    lay(BROKEN, tmp_path / "broken")
    return tmp_path


@pytest.fixture
def watch(project: Path, environ: dict[str, str]) -> Iterator[Watch]:
    """The command, which has verified it once."""
    with started(project, environ) as found:
        yield found


@contextlib.contextmanager
def started(project: Path, environ: dict[str, str], *options: str) -> Iterator[Watch]:
    watch = Watch(project, environ, *options)
    try:
        yield watch
    finally:
        watch.process.kill()
        watch.process.wait()


def replaced(project: Path, name: str) -> None:
    """As most builds do it: written beside, and renamed."""
    shutil.copy(project / "broken" / name, project / "new")
    (project / "new").rename(project / name)


def edited(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def test_an_archive_that_is_built_anew(watch: Watch, project: Path) -> None:
    assert watch.wait(1).startswith("PASS: ")

    replaced(project, "code.zip")

    second = watch.wait(2)
    assert re.match(
        r"\n==== \d\d:\d\d:\d\d code\.zip changed: verified again in \d+\.\d s ====\n\nFAIL: 3 errors", second
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(number: int, code: int, watch: Watch) -> None:
    watch.wait(1)

    assert watch.end(number) == code
    assert watch.complained.read_bytes() == b""


def test_a_manifest_that_is_wrong_meanwhile(watch: Watch, project: Path) -> None:
    watch.wait(1)
    edited(project / MANIFEST, "code =", "cod =")
    wait_for(lambda: "did you mean `code`?" in watch.complained.read_text("utf-8"))
    assert re.search(r"==== .* lambda-artifact\.toml changed: not verified ====", watch.wait(2))

    edited(project / MANIFEST, "cod =", "code =")

    assert "lambda-artifact.toml changed: verified again in " in watch.wait(3)
    assert "\nPASS: " in watch.rounds[-1]


def test_an_archive_that_the_manifest_names_before_it_is_built(watch: Watch, project: Path) -> None:
    watch.wait(1)
    edited(project / MANIFEST, '"code.zip"', '"dist/code.zip"')
    assert "lambda-artifact.toml changed: not verified" in watch.wait(2)

    (project / "dist").mkdir()
    (project / "code.zip").rename(project / "dist" / "code.zip")

    assert "dist/code.zip: 2.0 KB zipped" in watch.wait(3)


def test_a_folder_that_a_build_removes_first(project: Path, environ: dict[str, str]) -> None:
    (project / "dist").mkdir()
    (project / "code.zip").rename(project / "dist" / "code.zip")
    with started(project, environ, "--code", "dist/code.zip") as watch:
        watch.wait(1)
        shutil.rmtree(project / "dist")
        (project / "dist").mkdir()
        shutil.copy(project / "broken" / "code.zip", project / "dist")

        assert "dist/code.zip changed: verified again in " in watch.wait(2)


def test_an_archive_that_is_an_unpacked_folder(project: Path, environ: dict[str, str]) -> None:
    with zipfile.ZipFile(project / "code.zip") as archive:
        archive.extractall(project / "unpacked")
    with started(project, environ, "--code", "unpacked") as watch:
        assert watch.wait(1).startswith("PASS: ")

        (project / "unpacked" / "alembic" / "env.py").unlink()

        assert "unpacked changed: verified again in " in watch.wait(2)
        assert "required file alembic/env.py: not in the artifact" in watch.rounds[-1]


def test_an_event_and_what_the_layer_is_built_from(project: Path, environ: dict[str, str]) -> None:
    (project / "requirements.txt").write_text("-r more.txt\n", "utf-8")
    (project / "more.txt").write_text("", "utf-8")
    with started(project, environ, "--requirements", "requirements.txt") as watch:
        watch.wait(1)
        for count, name in enumerate(["event.json", "more.txt", "requirements.txt"], 2):
            edited(project / name, "\n", "\n\n")
            with (project / name).open("a", encoding="utf-8") as file:
                file.write("\n")

            assert f"{name} changed: verified again in " in watch.wait(count)


def test_an_archive_is_not_reported_on_while_it_grows(watch: Watch, project: Path) -> None:
    watch.wait(1)
    content = (project / "broken" / "code.zip").read_bytes()
    pieces = [content[start : start + len(content) // 5] for start in range(0, len(content), len(content) // 5)]
    with (project / "code.zip").open("wb") as file:
        for piece in pieces:
            file.write(piece)
            file.flush()
            time.sleep(3 * watching.QUIET_SECONDS)

    assert "\nFAIL: 3 errors" in watch.wait(2)
    assert "archive-integrity" not in watch.text.partition("\n==== ")[2].partition("passed")[0]


def test_an_archive_that_stays_broken_is_reported(watch: Watch, project: Path) -> None:
    watch.wait(1)

    (project / "code.zip").write_bytes((project / "code.zip").read_bytes()[:1000])

    assert "ERROR archive-integrity" in watch.wait(2)


def test_reports_are_written_anew(project: Path, environ: dict[str, str]) -> None:
    with started(project, environ, "--output", "json=report.json") as watch:
        watch.wait(1)
        assert json.loads((project / "report.json").read_text("utf-8"))["verdict"] == "pass"

        replaced(project, "code.zip")

        watch.wait(2)
        assert json.loads((project / "report.json").read_text("utf-8"))["verdict"] == "fail"
        time.sleep(2 * watching.PAUSE_SECONDS)
        assert len(watch.rounds) == 2  # its own report is no change


def test_standard_output_has_nothing_but_documents(project: Path, environ: dict[str, str]) -> None:
    with started(project, environ, "--format", "json") as watch:
        wait_for(lambda: b"Ctrl-C ends" in watch.complained.read_bytes())
        replaced(project, "code.zip")
        wait_for(lambda: watch.complained.read_bytes().count(b"Ctrl-C ends") == 2)

        decoder = json.JSONDecoder()
        first, end = decoder.raw_decode(watch.text)
        second, _ = decoder.raw_decode(watch.text[end:].lstrip())
        assert (first["verdict"], second["verdict"]) == ("pass", "fail")


def test_what_is_wrong_from_the_beginning_ends_it(project: Path, environ: dict[str, str]) -> None:
    edited(project / MANIFEST, "code =", "cod =")

    with started(project, environ) as watch:
        assert watch.process.wait(SECONDS) == 2


def test_a_terminal_is_cleared(project: Path, environ: dict[str, str]) -> None:
    control, terminal = pty.openpty()
    with subprocess.Popen(COMMAND, cwd=project, env=environ, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        said = b""
        try:
            while said.count(b"Ctrl-C ends") < 1:
                said += os.read(control, 10_000)
            replaced(project, "code.zip")
            while said.count(b"Ctrl-C ends") < 2:
                said += os.read(control, 10_000)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            os.close(control)

    first, _, second = said.partition(b"\x1b[H\x1b[2J\x1b[3J")
    assert b"PASS" in first
    assert re.match(rb"\d\d:\d\d:\d\d code\.zip changed: verified again in \d+\.\d s\r\n\r\n", second)


class TestWatcher:
    """What counts as a change."""

    def test_what_changes_while_nobody_waits(self, tmp_path: Path) -> None:
        path = tmp_path / "requirements.txt"
        path.touch()
        with Watcher() as watcher:
            watcher.attend([], [path])
            path.write_text("x", "utf-8")
            watcher.attend([], [path, tmp_path / "more.txt"])

            assert watcher.changed() == (path,)

    def test_nothing_in_time(self, tmp_path: Path) -> None:
        with Watcher() as watcher:
            watcher.attend([], [tmp_path / "none"])
            (tmp_path / "other").touch()

            assert watcher.changed(0.0) == ()
            assert len(watcher) == 1

    def test_a_link_and_where_it_leads(self, tmp_path: Path) -> None:
        (tmp_path / "releases").mkdir()
        for name in ("1", "2"):
            (tmp_path / "releases" / name).write_text(name, "utf-8")
        link = tmp_path / "current"
        link.symlink_to("releases/1")
        with Watcher() as watcher:
            watcher.attend([], [link])
            (tmp_path / "releases" / "1").write_text("11", "utf-8")
            assert watcher.changed() == (link,)

            (tmp_path / "next").symlink_to("releases/2")
            (tmp_path / "next").rename(link)
            assert watcher.changed() == (link,)

    def test_it_is_told_and_need_not_look(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watching, "PAUSE_SECONDS", 3600.0)
        path = tmp_path / "requirements.txt"
        with Watcher() as watcher:
            watcher.attend([], [path])
            with subprocess.Popen(["sh", "-c", 'sleep 1; echo > "$0"', path]):  # noqa: S607 - whichever it is
                assert watcher.changed() == (path,)
