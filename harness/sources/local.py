"""Archives on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.artifact.archive import read

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Archive, Role
    from harness.manifest import Source


class SourceUnavailable(Exception):  # noqa: N818 - a reason, which becomes a skip
    """The archive cannot be had here; the message is one sentence that says why and what would help."""


def fetch(source: Source, role: Role) -> Archive:
    """The archive of a source.

    Raises:
        SourceUnavailable: It is not on this machine, or cannot be read.
    """
    if source.path is None:
        raise SourceUnavailable(f"{source.text} is not on this machine.")
    return read_as(source.path, source, role)


def read_as(path: Path, source: Source, role: Role) -> Archive:
    """The archive at a path, with the user's name for it.

    Raises:
        SourceUnavailable: It cannot be read.
    """
    try:
        return read(path, source.text, role)
    except OSError as error:
        raise SourceUnavailable(f"{source.text} cannot be read: {error.strerror or error}.") from error
