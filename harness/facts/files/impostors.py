"""Files that are not what their names say: pointers of Git LFS, libraries without machine code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from harness.artifact.contents import Content

EMPTY: Final = "empty"
TEXT: Final = "text"
DATA: Final = "data of an unknown kind"

_LONGEST_POINTER: Final = 1024  # bytes, as Git LFS itself has it
_POINTER: Final = re.compile(
    rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/[^\s]+\r?\n(?:.*\r?\n)*?size (\d+)\s*"
)
_LIBRARY: Final = re.compile(r"[^/]+\.so(?:\.\d+)*")
_HEAD: Final = 512
_CONTROL: Final = bytes(one for one in range(32) if one not in b"\t\n\r\f\x1b")


def pointer(content: Content) -> int | None:
    """The size of the file that a pointer of Git LFS stands for; None for any other file."""
    if len(content) > _LONGEST_POINTER:
        return None
    match = _POINTER.fullmatch(bytes(content))
    return int(match[1]) if match else None


def impostor(name: str, content: Content) -> str | None:
    """What a file with the name of a library is that holds no machine code; None for any other name."""
    if not _LIBRARY.fullmatch(name.rpartition("/")[2]):
        return None
    head = bytes(content[:_HEAD])
    if not head:
        return EMPTY
    return DATA if head.translate(None, _CONTROL) != head else TEXT
