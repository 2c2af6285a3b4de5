"""Reads texts as locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.dependencies.locks import read_lock
from harness.dependencies.project import MAIN, Declared, Group, Lock

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, name: str, text: str, declared: Declared | None = None) -> Lock:
    """A text as the lock of a name."""
    (folder / name).write_text(text, "utf-8")
    lock = read_lock(folder / name, folder, declared)
    assert isinstance(lock, Lock)
    return lock


def needed(*groups: Group) -> frozenset[Group]:
    """The lists that need an entry."""
    return frozenset(groups)


def declaring(folder: Path, *groups: Group, name: str | None = "desk") -> Declared:
    """A project with these lists."""
    return Declared(folder / "pyproject.toml", "pyproject.toml", name, group_tables=dict.fromkeys((MAIN, *groups), ""))
