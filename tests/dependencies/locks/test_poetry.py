from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.dependencies.project import MAIN, Edge, Group, Kind
from tests.dependencies.locks.lock_texts import declaring, needed, read

if TYPE_CHECKING:
    from pathlib import Path

    from harness.dependencies.project import Lock, Locked

DEV, DOCS = Group(Kind.GROUP, "dev"), Group(Kind.GROUP, "docs")
POSTGRES, ALL = Group(Kind.EXTRA, "postgres"), Group(Kind.EXTRA, "all")
WINDOWS = "sys_platform == 'win32'"


def lock(folder: Path, entries: str, version: str = "2.1", python: str = ">=3.11", *groups: Group) -> Lock:
    metadata = f'\n[metadata]\nlock-version = "{version}"\npython-versions = "{python}"\n'
    return read(folder, "poetry.lock", entries + metadata, declaring(folder, *groups))


def entry(folder: Path, lines: str, version: str = "2.1") -> Locked:
    text = f'[[package]]\nname = "one"\nversion = "1.0"\n{lines}\n'
    return lock(folder, text, version).packages[0]


@pytest.mark.parametrize(
    ("lines", "edges"),
    [
        ("", []),
        ('[package.dependencies]\nZope_Interface = "*"', [Edge("zope-interface")]),
        ('[package.dependencies]\ntwo = {version = "^1", markers = "os_name == \\"nt\\""}',
         [Edge("two", marker='os_name == "nt"')]),
        ('[package.dependencies]\ntwo = {version = ">=1", extras = ["A_b"]}', [Edge("two", frozenset({"a-b"}))]),
        ('[package.dependencies]\ntwo = [{version = "1", markers = "a"}, {version = "2", markers = "b"}]',
         [Edge("two", marker="a"), Edge("two", marker="b")]),
        ('[package.dependencies]\ntwo = ["<1", "^2"]', [Edge("two"), Edge("two")]),
        ('[package.dependencies.two]\ngit = "https://example.com/two.git"\nrev = "main"', [Edge("two")]),
        ('[package.extras]\ntls = ["two[x,y] (>=1,<2 || >3) ; os_name == \'nt\'", "three"]',
         [Edge("two", frozenset("xy"), "os_name == 'nt'", "tls"), Edge("three", extra="tls")]),
        ('[package.extras]\nall = ["one[tls]"]', [Edge("one", frozenset({"tls"}), extra="all")]),
        ('[package.extras]\ntls = ["two @ git+https://example.com/two.git@abc ; os_name == \'nt\'"]',
         [Edge("two", marker="os_name == 'nt'", extra="tls")]),
        # What is optional is told once: by the extra that brings it.
        (('[package.dependencies]\ntwo = {version = "*", optional = true, markers = "extra == \\"tls\\""}\n'
         '[package.extras]\ntls = ["two"]'), [Edge("two", extra="tls")]),
        ('[package.dependencies]\ntwo = {version = "*", optional = true, markers = "extra == \\"tls\\""}',
         [Edge("two", marker='extra == "tls"')]),
    ],
)  # fmt: skip
def test_what_an_entry_depends_on(tmp_path: Path, lines: str, edges: list[Edge]) -> None:
    assert entry(tmp_path, lines).dependencies == tuple(edges)


@pytest.mark.parametrize(
    ("lines", "groups", "marker", "by_group"),
    [
        ('groups = ["main"]', {MAIN}, None, {}),
        ('groups = ["main", "Dev"]', {MAIN, DEV}, None, {}),
        (f'groups = ["main", "dev"]\nmarkers = "{WINDOWS}"', {MAIN, DEV}, WINDOWS, {}),
        (f'groups = ["main", "dev"]\nmarkers = {{main = "{WINDOWS}"}}', {MAIN, DEV}, None, {MAIN: WINDOWS}),
        ('optional = true\ngroups = ["main"]\nmarkers = \'extra == "postgres"\'', {POSTGRES}, None, {}),
        ('optional = true\ngroups = ["main"]\nmarkers = \'extra == "postgres" or extra == "all"\'',
         {POSTGRES, ALL}, None, {}),
        (f'groups = ["main", "dev"]\nmarkers = {{main = "{WINDOWS} and extra == \'all\'", dev = "os_name == \'nt\'"}}',
         {ALL, DEV}, None, {ALL: WINDOWS, DEV: "os_name == 'nt'"}),
        ('groups = ["main"]\nmarkers = "extra is what"', {MAIN}, "extra is what", {}),
    ],
)  # fmt: skip
def test_which_lists_need_an_entry(
    tmp_path: Path, lines: str, groups: set[Group], marker: str | None, by_group: dict[Group, str]
) -> None:
    found = entry(tmp_path, lines)

    assert (found.groups, found.marker, dict(found.by_group)) == (frozenset(groups), marker, by_group)


OLD = """
[[package]]
name = "plain"
version = "1"
{plain}

[[package]]
name = "driver"
version = "1"
optional = true
{plain}

[package.dependencies]
Codec = "*"

[[package]]
name = "codec"
version = "1"
optional = true
{plain}

[[package]]
name = "tester"
version = "1"
{dev}

[extras]
postgres = ["driver (>=1)"]
all = ["driver", "plain"]
"""


@pytest.mark.parametrize(
    ("version", "plain", "dev", "declared", "expected"),
    [
        ("1.1", 'category = "main"', 'category = "dev"', (), (needed(MAIN), needed(DEV))),
        ("1.1", 'category = "main"', 'category = "dev"', (DOCS,), (needed(MAIN), needed(DOCS))),
        ("1.0", 'category = "main"', 'category = "dev"', (DEV, POSTGRES), (needed(MAIN), needed(DEV))),
        ("2.0", "", "", (DEV,), (None, None)),
    ],
)
def test_which_lists_need_an_entry_of_an_old_lock(  # noqa: PLR0913, PLR0917 - the columns of the table
    tmp_path: Path, version: str, plain: str, dev: str, declared: tuple[Group, ...], expected: tuple[object, object]
) -> None:
    found = lock(tmp_path, OLD.format(plain=plain, dev=dev), version, ">=3.11", *declared)

    groups = {one.name: one.groups for one in found.packages}
    assert (groups["plain"], groups["tester"]) == expected
    # An extra leads to what its distributions need, too.
    assert groups["driver"] == groups["codec"] == needed(POSTGRES, ALL)


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("<3.8", '(python_version < "3.8")'),
        ("^3.6", '(python_version >= "3.6" and python_version < "4.0")'),
        ("*", None),
    ],
)
def test_the_first_format_has_conditions_on_python_apart(tmp_path: Path, python: str, expected: str | None) -> None:
    found = entry(tmp_path, f'[package.dependencies]\ntwo = {{version = "*", python = "{python}"}}', "1.0")

    assert found.dependencies == (Edge("two", marker=expected),)


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ('type = "git"\nurl = "https://x.example/a.git"\nreference = "main"\nresolved_reference = "abc"',
         "git+https://x.example/a.git@abc"),
        ('type = "directory"\nurl = "../lib"', "../lib"),
        ('type = "file"\nurl = "wheels/one.whl"', "wheels/one.whl"),
        ('type = "url"\nurl = "https://x.example/one.whl"', "https://x.example/one.whl"),
        ('type = "legacy"\nurl = "https://index.example/simple"\nreference = "own"', None),
    ],
)  # fmt: skip
def test_where_an_entry_is_from(tmp_path: Path, source: str, url: str | None) -> None:
    assert entry(tmp_path, f"[package.source]\n{source}").url == url


@pytest.mark.parametrize(
    ("python", "expected"),
    [(">=3.11,<3.13", ">=3.11,<3.13"), ("^3.11", "<4.0,>=3.11"), ("~3.12", "<3.13,>=3.12"), ("*", None)],
)
def test_for_which_python_a_lock_was_made(tmp_path: Path, python: str, expected: str | None) -> None:
    assert lock(tmp_path, "", "2.1", python).requires_python == expected


def test_several_entries_of_a_name_are_kept_apart(tmp_path: Path) -> None:
    fork = '[[package]]\nname = "One"\nversion = "{}"\npython-versions = "{}"\nmarkers = "{}"\ngroups = ["main"]\n\n'

    found = lock(tmp_path, fork.format("1.0", "*", WINDOWS) + fork.format("2.0", ">=3.9", "os_name == 'posix'"))

    assert [(one.name, one.version, one.where, one.marker, one.requires_python) for one in found.packages] == [
        ("one", "1.0", "poetry.lock:2", WINDOWS, None),
        ("one", "2.0", "poetry.lock:9", "os_name == 'posix'", ">=3.9"),
    ]


def test_a_lock_of_the_time_before_versions_is_of_the_first(tmp_path: Path) -> None:
    found = read(tmp_path, "poetry.lock", '[metadata]\npython-versions = "*"\ncontent-hash = "0"\n')

    assert (found.version, found.packages) == ("1.0", ())
