from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.dependencies.project import MAIN, Edge, Group, Kind
from tests.dependencies.locks.lock_texts import declaring, needed, read

if TYPE_CHECKING:
    from pathlib import Path

    from harness.dependencies.project import Lock

DEV, POSTGRES = Group(Kind.GROUP, "dev"), Group(Kind.EXTRA, "postgres")
HEAD = (
    '[metadata]\ngroups = ["default"]\nlock_version = "4.5.0"\n\n[[metadata.targets]]\nrequires_python = "==3.12.*"\n'
)


def lock(folder: Path, entries: str, *groups: Group) -> Lock:
    return read(folder, "pdm.lock", HEAD + entries, declaring(folder, *groups))


def entry(name: str, *lines: str, version: str = "1") -> str:
    return "\n".join(["", "[[package]]", f'name = "{name}"', f'version = "{version}"', *lines, ""])


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ('["default"]', {MAIN}),
        ('["default", "Dev"]', {MAIN, DEV}),
        ('["postgres"]', {POSTGRES}),
        ('["unheard-of"]', {Group(Kind.GROUP, "unheard-of")}),
    ],
)
def test_which_lists_need_an_entry(tmp_path: Path, groups: str, expected: set[Group]) -> None:
    (found,) = lock(tmp_path, entry("one", f"groups = {groups}"), DEV, POSTGRES).packages

    assert found.groups == frozenset(expected)


def test_before_4_4_a_lock_does_not_say(tmp_path: Path) -> None:
    (found,) = lock(tmp_path, entry("one")).packages

    assert found.groups is None


@pytest.mark.parametrize(
    ("requirement", "edge"),
    [
        ("Zope.Interface>=1", Edge("zope-interface")),
        (
            "two[x, Y_z]<2,>=1.0; python_version < '3.13'",
            Edge("two", frozenset({"x", "y-z"}), "python_version < '3.13'"),
        ),
        ("two @ git+https://x.example/two.git@abc", Edge("two")),
        ("two @ https://x.example/two.whl ; os_name == 'nt'", Edge("two", marker="os_name == 'nt'")),
        ("two (>=1)", Edge("two")),
    ],
)
def test_what_an_entry_depends_on(tmp_path: Path, requirement: str, edge: Edge) -> None:
    (found,) = lock(tmp_path, entry("one", f'dependencies = ["{requirement}"]')).packages

    assert found.dependencies == (edge,)


def test_an_entry_with_extras_is_what_the_extras_bring(tmp_path: Path) -> None:
    text = (
        entry("one", 'dependencies = ["two"]', 'groups = ["default", "dev"]')
        + entry("one", 'extras = ["Tls"]', 'dependencies = ["three>=1", "one==1"]', 'groups = ["dev"]')
        + entry("two")
    )

    one, two = lock(tmp_path, text).packages

    assert one.dependencies == (Edge("two"), Edge("three", extra="tls"))
    assert (one.groups, one.where) == (needed(MAIN, DEV), "pdm.lock:9")
    assert two.dependencies == ()


def test_an_entry_with_several_extras_adds_what_none_of_them_has_alone(tmp_path: Path) -> None:
    text = (
        entry("one")
        + entry("one", 'extras = ["a"]', 'dependencies = ["two", "one==1"]')
        + entry("one", 'extras = ["a", "b"]', 'dependencies = ["two", "three", "one==1"]')
    )

    (one,) = lock(tmp_path, text).packages

    assert one.dependencies == (Edge("two", extra="a"), Edge("two", extra="b"), Edge("three", extra="b"))


def test_an_extra_may_ask_for_another(tmp_path: Path) -> None:
    text = entry("one") + entry("one", 'extras = ["all"]', 'dependencies = ["one[tls]", "one==1"]')

    (one,) = lock(tmp_path, text).packages

    assert one.dependencies == (Edge("one", frozenset({"tls"}), extra="all"),)


def test_several_entries_of_a_name_are_kept_apart(tmp_path: Path) -> None:
    text = entry("one", "marker = \"os_name == 'nt'\"") + entry("one", "marker = \"os_name != 'nt'\"", version="2")

    assert [(one.version, one.marker) for one in lock(tmp_path, text).packages] == [
        ("1", "os_name == 'nt'"),
        ("2", "os_name != 'nt'"),
    ]


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ('git = "https://x.example/one.git"\nref = "main"\nrevision = "abc"', "git+https://x.example/one.git@abc"),
        ('path = "./one"\neditable = true', "./one"),
        ('url = "https://x.example/one.whl"', "https://x.example/one.whl"),
        ("", None),
    ],
)
def test_where_an_entry_is_from(tmp_path: Path, lines: str, url: str | None) -> None:
    assert [one.url for one in lock(tmp_path, entry("one", lines)).packages] == [url]


def test_for_which_python_a_lock_was_made(tmp_path: Path) -> None:
    several = '\n[[metadata.targets]]\nrequires_python = ">=3.13"\n'

    assert lock(tmp_path, "").requires_python == "==3.12.*"
    assert lock(tmp_path, several).requires_python is None
