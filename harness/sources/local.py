"""Archives that are on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.artifact.archive import read

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Archive, Role
    from harness.manifest import Source


class SourceUnavailable(Exception):  # noqa: N818 - a reason, which becomes a skip
    """The archive cannot be had here; the message is one sentence that says why and what would help."""


def fetch(source: Source, role: Role, known: Path | None = None, *, trust_mtime: bool = True) -> Archive:
    """The archive that a source names.

    Args:
        source: Where it is.
        role: What Lambda does with it.
        known: A folder for what was read of archives; see :func:`harness.artifact.archive.read`.
        trust_mtime: Whether an archive counts as known that has the same size, times and inode as before.

    Raises:
        SourceUnavailable: It is not on this machine, or cannot be read.
    """
    if source.path is None:
        raise SourceUnavailable(f"{source.text} is not on this machine.")
    return read_as(source.path, source, role, known, trust_mtime=trust_mtime)


def read_as(path: Path, source: Source, role: Role, known: Path | None = None, *, trust_mtime: bool = True) -> Archive:
    """An archive that lies at a path, by the name that the user gave it; else as :func:`fetch`.

    Raises:
        SourceUnavailable: It cannot be read.
    """
    try:
        return read(path, source.text, role, known, trust_mtime=trust_mtime)
    except OSError as error:
        raise SourceUnavailable(f"{source.text} cannot be read: {error.strerror or error}.") from error
