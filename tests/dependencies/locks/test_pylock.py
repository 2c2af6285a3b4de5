from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.dependencies.project import MAIN, Edge, Group, Kind
from tests.dependencies.locks.lock_texts import needed, read

if TYPE_CHECKING:
    from pathlib import Path

    from harness.dependencies.project import Lock

DEV, POSTGRES = Group(Kind.GROUP, "dev"), Group(Kind.EXTRA, "postgres")
WHEEL = '[[packages.wheels]]\nurl = "https://x.example/{0}-1.0-py3-none-any.whl"\nhashes = {{ sha256 = "0" }}\n'


def lock(folder: Path, *entries: str, head: str = "") -> Lock:
    return (
        read(folder, "pylock.toml", f'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n{head}')
        if not entries
        else read(folder, "pylock.toml", "\n".join([f'lock-version = "1.0"\ncreated-by = "x"\n{head}', *entries]))
    )


def entry(name: str, lines: str = "") -> str:
    return f'[[packages]]\nname = "{name}"\nversion = "1.0"\n{lines}\n{WHEEL.format(name)}'


def test_what_pip_writes_does_not_say_which_lists_need_it(tmp_path: Path) -> None:
    (one,) = lock(tmp_path, entry("one", "marker = \"os_name == 'nt'\"\nrequires-python = '>=3.8'")).packages

    assert (one.version, one.groups, one.marker, one.dependencies) == ("1.0", None, 'os_name == "nt"', None)
    assert (one.where, one.requires_python) == ("pylock.toml:5", ">=3.8")


def test_where_conditions_tell_lists_apart_they_are_told_apart(tmp_path: Path) -> None:
    found = lock(
        tmp_path,
        entry("plain"),
        entry("one", "marker = \"os_name == 'nt' and 'default' in dependency_groups or 'dev' in dependency_groups\""),
        entry("two", "marker = \"'postgres' in extras and os_name == 'nt'\""),
        head='default-groups = ["default"]\ndependency-groups = ["default", "dev"]\nextras = ["postgres"]\n',
    )

    assert [(one.groups, one.marker, dict(one.by_group)) for one in found.packages] == [
        (needed(MAIN), None, {}),
        (needed(MAIN, DEV), None, {MAIN: 'os_name == "nt"'}),
        (needed(POSTGRES), 'os_name == "nt"', {}),
    ]


def test_what_an_entry_depends_on_where_the_tool_says(tmp_path: Path) -> None:
    found = lock(tmp_path, entry("one", 'dependencies = [{ name = "two", version = "1.0" }]'), entry("two"))

    assert [one.dependencies for one in found.packages] == [(Edge("two", version="1.0"),), ()]


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ('vcs = { type = "git", url = "https://x.example/a", commit-id = "abc" }', "git+https://x.example/a@abc"),
        ('directory = { path = "./one", editable = true }', "./one"),
        ('archive = { url = "https://x.example/a.whl", hashes = { sha256 = "0" } }', "https://x.example/a.whl"),
        ('archive = { path = "a.whl", hashes = { sha256 = "0" } }', "a.whl"),
    ],
)
def test_where_an_entry_is_from(tmp_path: Path, source: str, url: str) -> None:
    (one,) = lock(tmp_path, f'[[packages]]\nname = "one"\n{source}\n').packages

    assert (one.version, one.url) == (None, url)


def test_a_lock_may_be_empty(tmp_path: Path) -> None:
    found = lock(tmp_path, head='requires-python = ">=3.12"\n')

    assert (found.packages, found.requires_python, found.tool) == ((), ">=3.12", "pip")


def test_a_newer_minor_version_is_read_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = f'lock-version = "1.7"\ncreated-by = "x"\n{entry("one")}'

    found = read(tmp_path, "pylock.prod.toml", text)

    assert (found.version, len(found.packages), caplog.records) == ("1.7", 1, [])
