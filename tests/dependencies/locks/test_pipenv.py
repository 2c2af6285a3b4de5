from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.dependencies.project import MAIN, Group, Kind
from tests.dependencies.locks.lock_texts import needed, read

if TYPE_CHECKING:
    from pathlib import Path

    from harness.dependencies.project import Lock

DEV, DOCS = Group(Kind.GROUP, "dev"), Group(Kind.GROUP, "docs")


def lock(folder: Path, requires: dict[str, str] | None = None, **lists: dict[str, Any]) -> Lock:
    document = {"_meta": {"pipfile-spec": 6, "requires": requires or {}}, **lists}
    return read(folder, "Pipfile.lock", json.dumps(document, indent=4))


def test_one_entry_has_the_lists_that_agree_on_it(tmp_path: Path) -> None:
    one, two = {"version": "==1.0", "markers": "os_name == 'nt'", "hashes": []}, {"version": "==2.0"}

    found = lock(
        tmp_path, default={"Zope.Interface": one}, develop={"zope-interface": one, "two": two}, docs={"two": two}
    )

    assert [(x.name, x.version, x.groups, x.marker, x.where) for x in found.packages] == [
        ("zope-interface", "1.0", needed(MAIN, DEV), "os_name == 'nt'", "Pipfile.lock:7"),
        ("two", "2.0", needed(DEV, DOCS), None, "Pipfile.lock:19"),
    ]
    assert {x.dependencies for x in found.packages} == {None}


def test_lists_that_disagree_have_an_entry_each(tmp_path: Path) -> None:
    found = lock(tmp_path, default={"one": {"version": "==1.0"}}, develop={"one": {"version": "==2.0"}})

    assert [(one.version, one.groups) for one in found.packages] == [("1.0", needed(MAIN)), ("2.0", needed(DEV))]


@pytest.mark.parametrize(
    ("entry", "version", "url"),
    [
        ({"version": "==1.0", "index": "pypi"}, "1.0", None),
        ({"version": "*", "markers": "sys_platform == 'win32'"}, None, None),
        ({"git": "https://x.example/a.git", "ref": "abc"}, None, "git+https://x.example/a.git@abc"),
        ({"path": "./one", "editable": True}, None, "./one"),
        ({"file": "https://x.example/one.whl"}, None, "https://x.example/one.whl"),
    ],
)
def test_where_an_entry_is_from(tmp_path: Path, entry: dict[str, Any], version: str | None, url: str | None) -> None:
    assert [(one.version, one.url) for one in lock(tmp_path, default={"one": entry}).packages] == [(version, url)]


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ({"python_version": "3.12"}, "==3.12.*"),
        ({"python_version": "3.12", "python_full_version": "3.12.4"}, "==3.12.4"),
        ({}, None),
    ],
)
def test_for_which_python_a_lock_was_made(tmp_path: Path, requires: dict[str, str], expected: str | None) -> None:
    assert lock(tmp_path, requires).requires_python == expected
