"""Where a lock says for which Pythons it was made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.project import MalformedFileError
from harness.dependencies.text_files import read_text

if TYPE_CHECKING:
    from harness.dependencies.project import Lock

_KEY: Final = re.compile(
    r"^[ \t]*\"?(?:python-versions|requires[-_]python|python_(?:full_)?version)\"?[ \t]*[=:]", re.MULTILINE
)


def place(lock: Lock) -> str:
    """The lock's file and the line; without the line, where it cannot be found."""
    try:
        text = read_text(lock.path, lock.shown)
    except MalformedFileError:
        return lock.shown
    found = [one.start() for one in _KEY.finditer(text)]
    if not found:
        return lock.shown
    at = found[-1 if lock.tool == "poetry" else 0]  # every entry has one of its own, and Poetry writes them first
    return f"{lock.shown}:{text.count(chr(10), 0, at) + 1}"
