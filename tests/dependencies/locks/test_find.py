from __future__ import annotations

from pathlib import Path

import pytest

from harness.dependencies.locks import find_lock, is_lock

ALL = ("Pipfile.lock", "pdm.lock", "poetry.lock", "pylock.toml", "uv.lock")


def written(folder: Path, *names: str) -> None:
    for name in names:
        path, _, text = name.partition(": ")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@pytest.mark.parametrize(
    ("names", "tool", "expected"),
    [
        ([], None, None),
        (["poetry.lock"], None, "poetry.lock"),
        (["poetry.lock"], "uv", "poetry.lock"),
        (["poetry.lock", "uv.lock"], None, "uv.lock"),
        (["poetry.lock", "uv.lock"], "poetry", "poetry.lock"),
        (ALL, None, "pylock.toml"),
        (ALL, "pip", "pylock.toml"),
        (ALL, "pdm", "pdm.lock"),
        (ALL, "pipenv", "Pipfile.lock"),
        (["pylock.dev.toml", "requirements.lock", "uv.lock.bak"], None, None),
    ],
)
def test_the_lock_beside_a_project(tmp_path: Path, names: list[str], tool: str | None, expected: str | None) -> None:
    written(tmp_path, ".git/HEAD", *names)

    assert find_lock(tmp_path, tool) == (tmp_path / expected if expected else None)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (['uv.lock: source = { editable = "services/api" }'], "uv.lock"),
        (['services/poetry.lock: url = "api"'], "services/poetry.lock"),
        (["pdm.lock: path = './services/api'"], "pdm.lock"),
        (['uv.lock: "services/api"', "services/api/poetry.lock: "], "services/api/poetry.lock"),
        (['services/uv.lock: "api"', 'uv.lock: "services/api"'], "services/uv.lock"),
        (['services/uv.lock: "worker"', 'uv.lock: "services/api"'], "uv.lock"),
        (["uv.lock: another project's", "poetry.lock: api"], None),
        (['uv.lock: "services/api-v2"'], None),
        (['../uv.lock: "repository/services/api"'], None),
    ],
)
def test_the_lock_above_a_project_is_its_own_if_it_names_it(
    tmp_path: Path, names: list[str], expected: str | None
) -> None:
    repository = tmp_path / "repository"
    written(repository, ".git/HEAD", "services/api/pyproject.toml", *names)

    found = find_lock(repository / "services" / "api")

    assert found == (repository / expected if expected else None)


def test_the_tool_of_a_project_decides_between_its_own_lock_and_that_of_its_workspace(tmp_path: Path) -> None:
    written(tmp_path, ".git/HEAD", "api/poetry.lock", 'uv.lock: "api"')

    assert find_lock(tmp_path / "api", "uv") == tmp_path / "uv.lock"
    assert find_lock(tmp_path / "api", "poetry") == tmp_path / "api" / "poetry.lock"


def test_what_is_above_and_cannot_be_read_is_nobodys(tmp_path: Path) -> None:
    written(tmp_path, ".git/HEAD", "api/pyproject.toml")
    (tmp_path / "uv.lock").write_bytes(b'"api" \xff')

    assert find_lock(tmp_path / "api") is None


@pytest.mark.parametrize("name", [*ALL, "pylock.prod.toml"])
def test_what_is_a_lock(name: str) -> None:
    assert is_lock(Path("x") / name)


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "requirements.txt", "requirements.lock", "Pipfile", "pylock.a.b.toml"]
)
def test_what_is_none(name: str) -> None:
    assert not is_lock(Path("x") / name)
