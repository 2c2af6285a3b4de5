"""Which files of a folder an archive of code is made of."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from harness.dependencies import source_files as module
from harness.dependencies.source_files import SourceFile, excluded, is_developers, is_tool, sources
from tests.repositories import files, git, repository

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = dict.fromkeys(
    (
        *("app/__init__.py", "app/main.py", "app/__pycache__/main.cpython-312.pyc", "app/templates/mail.html"),
        *("app.log", ".venv/pyvenv.cfg", "node_modules/x/index.js", ".DS_Store", "app/main.py~"),
        ".pytest_cache/README.md",
    ),
    "x",
)
KEPT = ["app/__init__.py", "app/main.py", "app/templates/mail.html"]


def names(folder: Path, *excludes: str) -> list[str]:
    return [one.name for one in sources(folder, excludes).files]


def test_without_a_repository_all_but_what_nobody_would_add_counts(tmp_path: Path) -> None:
    assert names(files(tmp_path, TEXTS)) == sorted([*KEPT, "app.log"])


def test_in_a_repository_what_it_has_or_would_add_counts(tmp_path: Path) -> None:
    ignored = {".gitignore": "*.log\n__pycache__/\n.venv/\nnode_modules/\n.DS_Store\n*~\n.pytest_cache/\n"}
    repository(tmp_path, {**TEXTS, **ignored, "app/gone.py": ""})
    (tmp_path / "app/gone.py").unlink()
    files(tmp_path, {"app/new.py": ""})

    assert names(tmp_path) == sorted([".gitignore", *KEPT, "app/new.py"])
    assert names(tmp_path / "app") == ["__init__.py", "main.py", "new.py", "templates/mail.html"]


def test_a_folder_that_git_ignores_as_a_whole_counts(tmp_path: Path) -> None:
    repository(tmp_path, {".gitignore": "build/\n"})
    files(tmp_path / "build/package", {"app/main.py": "", "app/__pycache__/main.pyc": ""})

    assert names(tmp_path / "build/package") == ["app/main.py"]


def test_links_to_folders_and_submodules_are_the_files_in_them(tmp_path: Path) -> None:
    library = repository(tmp_path / "library", {"shared/util.py": ""})
    folder = repository(tmp_path / "backend", {"app/main.py": ""})
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", str(library), "library")
    (folder / "shared").symlink_to("library/shared")
    (folder / "nowhere").symlink_to("gone")

    assert names(folder) == [".gitmodules", "app/main.py", "library/shared/util.py", "shared/util.py"]


def test_a_link_to_a_folder_around_it_ends(tmp_path: Path) -> None:
    files(tmp_path, {"app/main.py": ""})
    (tmp_path / "app/again").symlink_to("..")

    assert names(tmp_path) == ["app/main.py"]


def test_a_link_out_of_the_folder_is_followed_to_shared_modules_and_not_to_a_system(tmp_path: Path) -> None:
    files(tmp_path / "shared", {"util.py": ""})
    files(tmp_path / "data", {f"{number // 100}/{number}.csv": "" for number in range(1_100)})
    files(tmp_path / "source", {"app/main.py": "", "zoo/main.py": ""})
    (tmp_path / "source/aaa").symlink_to(tmp_path / "data")
    (tmp_path / "source/shared").symlink_to("../shared")
    (tmp_path / "source/around").symlink_to("..")

    found = sources(tmp_path / "source", ())

    assert [one.name for one in found.files] == ["app/main.py", "shared/util.py", "zoo/main.py"]
    assert found.unread == ("aaa",)
    assert sources(tmp_path / "source", ("aaa",)).unread == ()


def test_a_link_that_git_tracks_is_not_followed_beyond_reason_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST", 5)
    files(tmp_path / "data", {f"{number}.csv": "" for number in range(10)})
    folder = repository(tmp_path / "source", {"app/main.py": ""})
    (folder / "data").symlink_to(tmp_path / "data")

    found = sources(folder, ())

    assert "app/main.py" in [one.name for one in found.files]
    assert found.unread == ("data",)


def test_a_walk_that_does_not_come_to_its_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 5)

    assert sources(files(tmp_path, {f"{number}.py": "" for number in range(10)}), ()).unread == ("",)


def test_what_is_left_out_is(tmp_path: Path) -> None:
    files(tmp_path, {"app/main.py": "", "code.zip": ""})

    assert [one.name for one in sources(tmp_path, (), {tmp_path / "code.zip"}).files] == ["app/main.py"]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("app/main.py", True),
        ("app/*.py", True),
        ("**/*.py", True),
        ("*.py", True),
        ("app", True),
        ("app/", True),
        ("app/**", True),
        ("main.py", True),
        ("main", False),
        ("*.txt", False),
        ("other/*.py", False),
        ("/etc", False),
    ],
)
def test_patterns_of_what_stays_out(tmp_path: Path, pattern: str, matched: bool) -> None:  # noqa: FBT001 - a column
    assert excluded("app/main.py", (pattern,)) is matched
    assert (names(files(tmp_path, {"app/main.py": ""}), pattern) == []) is matched


@pytest.mark.parametrize(
    "name",
    [
        *("tests/test_main.py", "app/tests/data.json", "docs/conf.py", "app/conftest.py", "app/test_main.py"),
        *("setup.py", "README.md", "README", "alembic/README", "LICENSE.txt", "CHANGELOG.rst", "requirements.txt"),
        *("requirements-dev.txt", "pyproject.toml", "poetry.lock", "Pipfile.lock", "package-lock.json"),
        *("Dockerfile", "Dockerfile.layer", "docker-compose.yml", "Makefile", ".env", ".env.example", ".gitignore"),
        *(".github/workflows/test.yml", "main.tf", "infra/app.py", "template.yaml", "serverless.yml"),
        *("samconfig.toml", "pytest.ini", "build-layer.sh", "code.zip", "lambda-artifact.toml", "tasks.py"),
        *("app/py.typed", "app/types.pyi", "locale/de/LC_MESSAGES/app.po"),
    ],
)
def test_what_is_for_developers(name: str) -> None:
    assert is_developers(name)


@pytest.mark.parametrize(
    "name",
    [
        *("app/main.py", "app/tasks.py", "app/testing.py", "app/contest.py", "app/documents/mail.html"),
        *("app/security.py", "app/license.py", "alembic.ini", "alembic/versions/0001_first.py", "VERSION"),
        *("config.toml", "settings.yaml", "data.json", "bootstrap", "run.sh", "certs/root.pem"),
        *("locale/de/LC_MESSAGES/app.mo", "manage.py"),
    ],
)
def test_what_is_not(name: str) -> None:
    assert not is_developers(name)


@pytest.mark.parametrize(
    ("name", "tool"), [("scripts/seed.py", True), ("app/tools/x.py", True), ("tools.py", False), ("app/main.py", False)]
)
def test_what_is_a_tool(name: str, tool: bool) -> None:  # noqa: FBT001 - a column
    assert is_tool(name) is tool


def test_content_is_compared_by_size_and_checksum(tmp_path: Path) -> None:
    content = b"x" * 3_000_000
    one = SourceFile("a", tmp_path / "a")
    one.path.write_bytes(content)

    assert one.is_same(len(content), zlib.crc32(content))
    assert not one.is_same(len(content), zlib.crc32(content) + 1)
    assert not one.is_same(len(content) - 1, zlib.crc32(content))
