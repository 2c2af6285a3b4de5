"""What git says of a folder, and what is said where it says nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.dependencies.git import GitUnavailable, head, tracked
from tests import repositories
from tests.repositories import git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    names = ("main.py", "naïve name.py", "gone.py", "built.py")
    folder = repositories.repository(
        tmp_path / "repository",
        {"README.md": "", ".gitignore": "built.py\n*.log\n", **{f"backend/app/{name}": "" for name in names}},
    )
    (folder / "backend/app/gone.py").unlink()
    (folder / "backend/app/new.py").touch()
    (folder / "backend/app/some.log").touch()
    return folder


def test_the_commit_is_the_one_that_is_checked_out(repository: Path) -> None:
    assert head(repository) == head(repository / "backend/app") == git(repository, "rev-parse", "HEAD")


def test_files_are_those_that_git_has_or_would_add(repository: Path) -> None:
    # One that is gone is tracked until that is committed, too.
    named = ["app/gone.py", "app/main.py", "app/naïve name.py", "app/new.py"]

    assert sorted(tracked(repository / "backend")) == named
    assert "gone.py" in tracked(repository / "backend/app")


def test_variables_that_lead_git_elsewhere_do_not(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = git(repository, "rev-parse", "HEAD")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, "/nowhere")

    assert head(repository) == expected
    assert "app/main.py" in tracked(repository / "backend")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_repository_of_another_user_is_read(repository: Path) -> None:
    expected = git(repository, "rev-parse", "HEAD")
    for path in (repository, *repository.rglob("*")):
        os.chown(path, 12345, 12345)

    assert head(repository) == expected


def test_nothing_that_its_configuration_names_is_run(repository: Path) -> None:
    trap = repository / "trap"
    trap.write_text("#!/bin/sh\ntouch '" + str(repository / "sprung") + "'\n")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))

    tracked(repository)

    assert not (repository / "sprung").exists()


@pytest.mark.parametrize("ask", [head, tracked])
def test_without_a_repository_git_says_so(tmp_path: Path, ask: object) -> None:
    assert callable(ask)
    with pytest.raises(GitUnavailable, match=f"git says of {tmp_path}: fatal: not a git repository"):
        ask(tmp_path)


def test_without_a_commit_too(tmp_path: Path) -> None:
    git(tmp_path, "init")

    with pytest.raises(GitUnavailable, match=f"git says of {tmp_path}: fatal: "):
        head(tmp_path)


def test_without_git_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(GitUnavailable, match="git is not installed here"):
        head(tmp_path)
