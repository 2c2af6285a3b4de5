from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.dependencies.locks import read_lock
from harness.dependencies.project import MAIN, Edge, Group, Kind, Lock
from tests.dependencies.locks.lock_texts import declaring, read

if TYPE_CHECKING:
    from pathlib import Path

DEV, A, B = Group(Kind.GROUP, "dev"), Group(Kind.EXTRA, "a"), Group(Kind.EXTRA, "b")
HEAD = 'version = 1\nrevision = 5\nrequires-python = ">=3.12"\n'
WORKSPACE = (
    HEAD
    + """
[[package]]
name = "shop"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "desk" }]

[[package]]
name = "desk"
version = "1"
source = { editable = "packages/desk" }
dependencies = [
    { name = "One", extra = ["Tls"], marker = "os_name == 'nt'" },
    { name = "two", version = "2.0", source = { registry = "https://index.example/simple" } },
]

[package.optional-dependencies]
a = [{ name = "three" }]

[package.dev-dependencies]
dev = [{ name = "desk", extra = ["a"] }, { name = "four" }]
"""
)
ASKED = {
    MAIN: (Edge("one", frozenset({"tls"}), "os_name == 'nt'"), Edge("two", version="2.0")),
    A: (Edge("three"),),
    DEV: (Edge("desk", frozenset({"a"})), Edge("four")),
}


def test_the_project_is_the_entry_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(WORKSPACE)
    member = declaring(tmp_path / "packages" / "desk", name="anything")
    root = declaring(tmp_path, name="anything")

    of_member, of_root = (read_lock(tmp_path / "uv.lock", tmp_path, one) for one in (member, root))

    assert isinstance(of_member, Lock)
    assert isinstance(of_root, Lock)
    assert of_member.roots == ASKED
    assert of_root.roots == {MAIN: (Edge("desk"),)}
    assert of_root.requires_python == ">=3.12"


def test_elsewhere_it_is_the_entry_of_its_name(tmp_path: Path) -> None:
    moved = replace(declaring(tmp_path / "moved"), name="desk")
    strange = replace(moved, name="strange")

    assert read(tmp_path, "uv.lock", WORKSPACE, moved).roots == ASKED
    assert read(tmp_path, "uv.lock", WORKSPACE, strange).roots is None


def test_a_repository_that_is_no_package_has_its_lists_in_the_head(tmp_path: Path) -> None:
    text = HEAD + (
        '[manifest]\nrequirements = [{ name = "one", specifier = ">=1" }]\n'
        '[manifest.dependency-groups]\nDev = [{ name = "two", extras = ["x"], marker = "os_name == \'nt\'" }]\n'
    )

    assert read(tmp_path, "uv.lock", text).roots == {
        MAIN: (Edge("one"),),
        DEV: (Edge("two", frozenset("x"), "os_name == 'nt'"),),
    }


def test_what_an_entry_depends_on(tmp_path: Path) -> None:
    (_, desk) = read(tmp_path, "uv.lock", WORKSPACE).packages

    assert desk.dependencies == (*ASKED[MAIN], Edge("three", extra="a"))
    assert (desk.where, desk.groups) == ("uv.lock:12", None)


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        ("[]", None),
        ("[\"os_name == 'nt'\"]", "os_name == 'nt'"),
        ('["os_name == \'nt\' and a", "b"]', "(os_name == 'nt' and a) or (b)"),
    ],
)
def test_several_entries_of_a_name_have_conditions(tmp_path: Path, markers: str, expected: str | None) -> None:
    text = f'{HEAD}[[package]]\nname = "one"\nversion = "1"\nresolution-markers = {markers}\n'

    assert [one.marker for one in read(tmp_path, "uv.lock", text).packages] == [expected]


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ('registry = "https://index.example/simple"', None),
        ('registry = "../wheels"', None),
        ('git = "https://x.example/one?rev=main#abc"', "git+https://x.example/one?rev=main#abc"),
        ('url = "https://x.example/one.whl"', "https://x.example/one.whl"),
        ('path = "wheels/one.whl"', "wheels/one.whl"),
        ('directory = "../one"', "../one"),
        ('editable = "../one"', "../one"),
    ],
)
def test_where_an_entry_is_from(tmp_path: Path, source: str, url: str | None) -> None:
    text = f'{HEAD}[[package]]\nname = "one"\nsource = {{ {source} }}\n'

    assert [(one.version, one.url) for one in read(tmp_path, "uv.lock", text).packages] == [(None, url)]


CONFLICT = (
    HEAD
    + """
[[package]]
name = "desk"
source = { virtual = "." }
dependencies = [
    { name = "one", version = "1", marker = "extra == 'extra-4-desk-a'" },
    { name = "one", version = "2", marker = "os_name == 'nt' and extra != 'extra-4-desk-a'" },
]

[package.optional-dependencies]
a = [{ name = "two", marker = "extra == 'extra-4-desk-a'" }]
b = [{ name = "two", marker = "extra == 'extra-4-desk-a'" }, { name = "three" }]
"""
)


def test_lists_that_exclude_each_other_are_told_apart(tmp_path: Path) -> None:
    assert read(tmp_path, "uv.lock", CONFLICT, declaring(tmp_path)).roots == {
        MAIN: (Edge("one", marker="os_name == 'nt'", version="2"),),
        A: (Edge("two"),),
        B: (Edge("three"),),
    }
