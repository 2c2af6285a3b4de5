"""Locks between processes: a file for each, beside what it guards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import filelock

if TYPE_CHECKING:
    from pathlib import Path

LOCKS: Final = "locks"
"""The folder of lock files, which stay: without its name, a lock could be held by two processes."""


def lock(folder: Path, name: str) -> filelock.BaseFileLock:
    """The lock of a name in a part of the cache; held in a ``with`` statement.

    Raises:
        OSError: Its file cannot be made.
    """
    (folder / LOCKS).mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / LOCKS / name)
