"""Files that are made to keep a reader busy, to break it, or to have it tell a secret."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from harness.dependencies.comparison.closure import Conditions
from harness.dependencies.declared.project_file import read_declared
from harness.dependencies.declared.requirements import read_requirements
from harness.dependencies.project import MalformedFileError
from harness.dependencies.yaml_nodes import documents, entries

if TYPE_CHECKING:
    from pathlib import Path

DEEP = f"{'(' * 3000}os_name == 'posix'{')' * 3000}"


def test_groups_that_include_two_others_each_are_expanded_once(tmp_path: Path) -> None:
    includes = (f'g{n} = ["x{n}", {{include-group = "g{n + 1}"}}, {{include-group = "g{n + 2}"}}]' for n in range(60))
    text = "\n".join(["[dependency-groups]", *includes, 'g60 = ["x60"]', 'g61 = ["x61"]', ""])
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")

    declared = read_declared(tmp_path / "pyproject.toml", tmp_path)

    assert len([one for one in declared.asked if one.group.name == "g0"]) == 62


def test_mappings_that_merge_one_another_are_merged_once() -> None:
    merges = (f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    (document,) = documents(f"a0: &a0 {{key: x}}\n{''.join(merges)}")

    assert [[key for key, _ in entries(value)] for _, value in entries(document)] == [["key"]] * 40


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 5000, "? " * 3000, "a: " + '{"a": ' * 3000])
def test_documents_that_are_nested_beyond_reason_have_nothing_to_say(text: str) -> None:
    assert documents(text) == ()  # libyaml would crash


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", f"foo==1; {DEEP}\n"),
        ("pyproject.toml", f'[project]\nname = "x"\ndependencies = ["foo==1; {DEEP}"]\n'),
        ("pyproject.toml", f'[tool.poetry.dependencies]\nfoo = {{version = "1", markers = "{DEEP}"}}\n'),
        ("Pipfile", f'[packages]\nfoo = {{version = "==1", markers = "{DEEP}"}}\n'),
    ],
)
def test_conditions_that_are_nested_beyond_reason(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    read = partial(read_requirements, [path]) if name == "requirements.txt" else partial(read_declared, path)

    with pytest.raises(MalformedFileError, match=r"^(requirements\.txt|pyproject\.toml|Pipfile):\d+: expected a "):
        read(tmp_path)


NESTED = "(os_name == 'x' or " * 350 + "os_name == 'posix'" + ")" * 350


def test_conditions_that_could_be_read_and_not_be_judged(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"foo==1; {NESTED}\n", encoding="utf-8")

    with pytest.raises(MalformedFileError, match=r"^requirements\.txt:1: expected a requirement"):
        read_requirements([tmp_path / "requirements.txt"], tmp_path)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("".join(f"e{n}=['x{n}','d[e{n + 1},e{n + 2}]']\n" for n in range(60)), False),
        ("".join(f"e{n}=[\"d[e{n + 1}];os_name=='{n}'\",\"d[e{n + 1}];os_name!='{n}'\"]\n" for n in range(60)), True),
    ],
)
def test_extras_that_ask_for_one_another_end(text: str, refused: object, tmp_path: Path) -> None:
    said = f"[project]\nname='d'\n[project.optional-dependencies]\n{text}e60=['y']\ne61=['z']\n"
    (tmp_path / "pyproject.toml").write_text(said, encoding="utf-8")

    if refused:
        with pytest.raises(MalformedFileError, match="beyond reason"):
            read_declared(tmp_path / "pyproject.toml", tmp_path)
    else:
        asked = read_declared(tmp_path / "pyproject.toml", tmp_path).asked
        assert len([one for one in asked if one.group.name == "e0"]) == 62


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile", '[packages]\na = {git = "https://user:s3cr3t@host.example/x"}\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\na = {git = "https://s3cr3t@host.example/x"}\n'),
        ("pyproject.toml", '[project]\ndependencies = ["a @ https://${USER}:p@s3cr3t@host.example/x"]\n'),
    ],
)
def test_nor_are_they_of_a_project(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    (one,) = read_declared(tmp_path / name, tmp_path).asked

    assert "s3cr3t" not in one.text
    assert "s3cr3t" in str(one.requirement.url)


def test_nor_are_they_where_a_line_is_malformed() -> None:
    assert str(MalformedFileError("a:1: found 'https://user:s3cr3t@host.example'")).endswith(
        "'https://***@host.example'"
    )


def test_such_a_condition_of_a_lock_is_not_met() -> None:
    assert not Conditions({"os_name": "posix"}).met(DEEP)


@pytest.mark.parametrize(
    "line",
    [
        "foo @ https://user:s3cr3t@host.example/foo-1.0-py3-none-any.whl",
        "foo @ https://s3cr3t@host.example/foo.git",
        "-r https://user:s3cr3t@host.example/more.txt",
        "git+https://s3cr3t:x@host.example/foo.git",
        "-e git+https://user:s3cr3t@host.example/foo.git#egg=foo",
    ],
)
def test_credentials_of_urls_are_not_told(line: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"{line}\n", encoding="utf-8")

    build = read_requirements([tmp_path / "requirements.txt"], tmp_path)

    told = [*(one.text for one in build.asked), *(one.text for one in build.unnamed)]
    assert len(told) == 1
    assert "s3cr3t" not in told[0]
    assert "***@host.example" in told[0]
