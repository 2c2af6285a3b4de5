"""Read and write the stamp, the one file that this tool writes into archives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from harness.artifact.contents import read_file
from harness.artifact.entries import Kind, Refused
from harness.artifact.rewrite import MODE, Changes, replacement, rewrite

if TYPE_CHECKING:
    from harness.artifact.entries import Archive

STAMP: Final = "lambda-artifact-stamp.json"
"""Its name, at the root of an archive."""

LARGEST: Final = 1024 * 1024
"""Bytes; what is larger was not written by this tool."""

_EPOCH: Final = 315_532_800  # 1980-01-01, the first day that a zip archive can name


def stamp_in(archive: Archive) -> str | None:
    """The text of an archive's stamp; None where it has none.

    Raises:
        Refused: There is something of that name that is no stamp, or its bytes are not what the archive declares.
        OSError: The archive cannot be read.
    """
    entry = next((entry for entry in archive.entries if entry.name == STAMP), None)
    if entry is None:
        return None
    if entry.kind is not Kind.FILE:
        raise Refused(f"is a {entry.kind}", "Rename it: the stamp has this name.", STAMP)
    return read_file(archive, entry, LARGEST).decode("utf-8", "replace")


def is_taken(archive: Archive) -> bool:
    """Whether a folder has the stamp's name, so that no file can."""
    return any(
        entry.name.startswith(f"{STAMP}/") or (entry.name == STAMP and entry.kind is Kind.DIRECTORY)
        for entry in archive.entries
    )


def put_stamp(archive: Archive, text: str) -> None:
    """Write a stamp into an accepted archive, in place of the one that it has; a zip's other entries keep their bytes.

    The archive is replaced as a whole, or not at all, and keeps its permissions.

    Raises:
        Refused: The archive has its offsets where this tool does not change them.
        OSError: It cannot be written.
    """
    if archive.is_folder:
        with replacement(archive.path / STAMP) as (file, partial):
            file.write(text.encode())
            file.flush()
            partial.chmod(MODE)
            os.utime(partial, (_EPOCH, _EPOCH))
        return
    path = archive.path.resolve()  # a link stays one
    rewrite(path, path, Changes(add={STAMP: text.encode()}))
