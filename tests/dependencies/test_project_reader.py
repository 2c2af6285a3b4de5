from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dependencies.project import MAIN, Asked, Lock, MalformedFileError, Project, UnknownLock, Unnamed
from harness.dependencies.project_reader import read_project
from tests.build import manifest

if TYPE_CHECKING:
    from harness.manifest import Manifest

SAMPLE = Path(__file__).parents[2] / "fixtures" / "sample"
PYPROJECT = '[project]\nname = "desk"\ndependencies = [\n  "a>=1",\n]\n[dependency-groups]\ndev = ["pytest"]\n'
UV = (
    'version = 1\nrevision = 3\nrequires-python = ">=3.12"\n'
    '[[package]]\nname = "desk"\nversion = "1"\nsource = { virtual = "." }\ndependencies = [{ name = "a" }]\n'
    '[[package]]\nname = "a"\nversion = "1.2"\nsource = { registry = "https://registry.example/simple" }\n'
)
PYLOCK = (
    'lock-version = "1.0"\ncreated-by = "pip"\n[[packages]]\nname = "a"\nversion = "1.3"\n'
    '[[packages.wheels]]\nname = "a-1.3-py3-none-any.whl"\nurl = "https://registry.example/a-1.3-py3-none-any.whl"\n'
    'hashes = { sha256 = "0a" }\n'
)


def declared(folder: Path, *requirements: str, project: str | None = None) -> Manifest:
    """A manifest in a folder."""
    return replace(
        manifest(),
        path=folder / "lambda-artifact.toml",
        requirements=tuple(folder / name for name in requirements),
        project=folder / project if project else None,
    )


def places(several: tuple[Asked, ...]) -> list[str]:
    return [f"{one.where} {one.text}" for one in several]


def versions(project: Project) -> dict[str, str | None]:
    assert isinstance(project.lock, Lock)
    return {one.name: one.version for one in project.lock.packages}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "requirements.txt").write_text("a==1.1\n-r more.txt\n-c limits.txt\n./lib\n")
    (tmp_path / "more.txt").write_text("b\n")
    (tmp_path / "limits.txt").write_text("b<2\n")
    return tmp_path


def test_where_nothing_is_named_nothing_is_said(folder: Path) -> None:
    found = read_project(declared(folder))

    assert (found.declared, found.lock, found.build, found.built_from_lock) == (None, None, None, False)


def test_requirements_are_what_is_built_from(folder: Path) -> None:
    found = read_project(declared(folder, "requirements.txt"))

    assert found.build is not None
    assert places(found.build.asked) == ["requirements.txt:1 a==1.1", "more.txt:1 b"]
    assert places(found.build.constraints) == ["limits.txt:1 b<2"]
    assert found.build.unnamed == (Unnamed("./lib", "requirements.txt:4"),)
    assert found.build.files == tuple(folder / name for name in ("requirements.txt", "more.txt", "limits.txt"))
    assert found.build.shown == ("requirements.txt",)
    assert (found.declared, found.lock) == (None, None)


def test_a_project_has_its_lock_beside_it(folder: Path) -> None:
    (folder / "uv.lock").write_text(UV)

    found = read_project(declared(folder, project="pyproject.toml"))

    assert found.declared is not None
    assert places(found.declared.asked) == ["pyproject.toml:4 a>=1", "pyproject.toml:7 pytest"]
    assert versions(found)["a"] == "1.2"
    assert (found.build, found.built_from_lock) == (None, False)


def test_a_project_may_have_none(folder: Path) -> None:
    assert read_project(declared(folder, project="pyproject.toml")).lock is None


def test_of_several_locks_it_is_that_of_the_project_s_tool(folder: Path) -> None:
    (folder / "uv.lock").write_text(UV)
    (folder / "pylock.toml").write_text(PYLOCK)

    assert versions(read_project(declared(folder, project="pyproject.toml")))["a"] == "1.2"


def test_without_a_project_no_lock_is_looked_for(folder: Path) -> None:
    (folder / "uv.lock").write_text(UV)

    assert read_project(declared(folder, "requirements.txt")).lock is None


def test_a_lock_among_the_requirements_is_what_is_built_from(folder: Path) -> None:
    (folder / "pylock.toml").write_text(PYLOCK)

    found = read_project(declared(folder, "pylock.toml"))

    assert (found.build, found.built_from_lock) == (None, True)
    assert versions(found) == {"a": "1.3"}


def test_it_comes_before_the_one_beside_the_project(folder: Path) -> None:
    (folder / "uv.lock").write_text(UV)
    (folder / "pylock.toml").write_text(PYLOCK)

    assert versions(read_project(declared(folder, "pylock.toml", project="pyproject.toml"))) == {"a": "1.3"}


def test_a_lock_and_requirements_beside_it(folder: Path) -> None:
    (folder / "pylock.toml").write_text(PYLOCK)

    found = read_project(declared(folder, "pylock.toml", "more.txt"))

    assert found.build is not None
    assert (places(found.build.asked), found.build.shown) == (["more.txt:1 b"], ("more.txt",))
    assert found.built_from_lock
    assert versions(found) == {"a": "1.3"}


def test_two_locks_cannot_be_compared(folder: Path) -> None:
    (folder / "uv.lock").write_text(UV)
    (folder / "pylock.toml").write_text(PYLOCK)

    with pytest.raises(MalformedFileError) as caught:
        read_project(declared(folder, "uv.lock", "pylock.toml"))

    assert str(caught.value) == (
        "uv.lock and pylock.toml: expected one lock among the requirements, since one can be compared"
    )


def test_a_lock_of_a_format_to_come_is_not_guessed(folder: Path) -> None:
    (folder / "uv.lock").write_text("version = 9\n")

    assert isinstance(read_project(declared(folder, project="pyproject.toml")).lock, UnknownLock)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pyproject.toml", PYPROJECT, "pyproject.toml:4 a>=1"),
        ("Pipfile", '[dev-packages]\npytest = "*"\n[packages]\na = ">=1"\n', 'Pipfile:4 a = ">=1"'),
    ],
)
def test_of_a_project_among_the_requirements_its_main_list_counts(
    name: str, text: str, expected: str, folder: Path
) -> None:
    (folder / name).write_text(text)

    build = read_project(declared(folder, "more.txt", name)).build

    assert build is not None
    assert places(build.asked) == ["more.txt:1 b", expected]
    assert all(one.group == MAIN for one in build.asked)
    assert (build.files, build.shown) == ((folder / "more.txt", folder / name), ("more.txt", name))


def test_what_its_back_end_computes_is_not_known(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[project]\nname = 'desk'\ndynamic = ['dependencies']\n")

    build = read_project(declared(folder, "pyproject.toml")).build

    assert build is not None
    assert build.unnamed == (Unnamed("its dynamic list of dependencies", "pyproject.toml"),)


def test_the_sample() -> None:
    found = read_project(declared(SAMPLE, "requirements.txt", project="pyproject.toml"))

    assert found.declared is not None
    assert found.build is not None
    assert isinstance(found.lock, Lock)
    assert found.lock.tool == "poetry"
    main = {one.name for one in found.declared.asked if one.group == MAIN}
    assert main == {one.name for one in found.build.asked} <= {one.name for one in found.lock.packages}
    pins = {one.name: one.version for one in found.build.asked}
    assert {one.name: one.version for one in found.lock.packages if one.name in pins} == pins


FILES = {
    "pyproject.toml": PYPROJECT,
    "requirements.txt": "a==1\n-r more.txt\n",
    "more.txt": "b @ https://x.example/b-1.0-py3-none-any.whl\n",
    "uv.lock": UV,
}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@given(name=st.sampled_from([*FILES]), start=st.integers(0, 200), length=st.integers(0, 20), scrap=st.text(max_size=3))
@settings(max_examples=200)
def test_whatever_the_files_say_they_are_read_or_refused(
    workshop: Path, name: str, start: int, length: int, scrap: str
) -> None:
    for other, text in FILES.items():
        changed = text[:start] + scrap + text[start + length :] if other == name else text
        (workshop / other).write_bytes(changed.encode(errors="replace"))
    try:
        found = read_project(declared(workshop, "requirements.txt", project="pyproject.toml"))
    except MalformedFileError as error:
        told = str(error)
    else:
        told = found.declared.shown if found.declared else ""

    assert told.startswith(tuple(FILES))
