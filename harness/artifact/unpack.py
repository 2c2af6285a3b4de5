"""Unpack an archive into a folder, as Lambda would, and nowhere else."""

from __future__ import annotations

import errno
import os
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from harness import regular_files
from harness.artifact.entries import Kind, Refused
from harness.artifact.inflate import content
from harness.artifact.parallel import batches, in_order
from harness.artifact.zip_directory import Bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.artifact.entries import Archive, Entry

EARLIEST = 315_532_800.0
"""1980-01-01, the modification time of folders that are only implied by the entries in them."""

_IMPLIED_MODE = 0o755  # what Lambda gives to folders without a mode
_READ_ONLY = 0o555


def check_admitted(archive: Archive, limit: int) -> None:
    """Make sure that the archive was accepted, and declares at most so many bytes for all its files.

    Raises:
        Refused: It was not accepted when it was read, or declares more than the limit.
    """
    if archive.refusals:
        first = archive.refusals[0]
        raise Refused(first.reason, first.remedy, first.entry)
    if archive.unzipped_bytes > limit:
        reason = f"unpacks to {archive.unzipped_bytes:,} bytes, {archive.unzipped_bytes - limit:,} over the limit"
        raise Refused(reason, "Leave out what the function does not need at run time.")


def unpack(archive: Archive, destination: Path, limit: int) -> None:
    """Unpack an accepted zip archive.

    Files and folders get the archive's modes without the right to write, and the archive's modification times, on
    which the validity of bytecode depends. No entry grows past its declared size, nor therefore all past the limit.

    Args:
        archive: The archive, as it was read.
        destination: A folder that does not exist yet; its parent does.
        limit: The most bytes that all files together may have.

    Raises:
        Refused: The archive may not be unpacked, or its bytes are not what it declares. The destination then holds the
            files that were written until then.
        OSError: The destination cannot be written, or the archive no longer be read.
    """
    check_admitted(archive, limit)
    try:
        _write(archive, destination)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        reason = f"has a name that is too long to be written below {destination.parent}"
        raise Refused(reason, "Shorten it, or move the cache to a shorter path.") from None


def _write(archive: Archive, destination: Path) -> None:
    folders = _folders(archive.entries)
    destination.mkdir()
    for name in sorted(folders):  # a parent sorts before what is in it
        (destination / name).mkdir(exist_ok=not name)
    with regular_files.opened(archive.path) as file:
        write = partial(_write_batch, Bytes(file.fileno()), os.fspath(destination))
        deque(in_order(batches(archive.entries), write), maxlen=0)
    # Links come last, so that nothing is ever written through one; then folders from the inside out, so that neither
    # their modes nor their times are disturbed by what is still to be written below.
    for entry in archive.entries:
        if entry.kind is Kind.SYMLINK:
            path = destination / entry.name
            path.symlink_to(entry.target or "")
            os.utime(path, (entry.modified, entry.modified), follow_symlinks=False)
    for name in sorted(folders, reverse=True):
        mode, modified = folders[name]
        os.utime(destination / name, (modified, modified))
        (destination / name).chmod(mode & _READ_ONLY)


def _folders(entries: Sequence[Entry]) -> dict[str, tuple[int, float]]:
    """All folders with mode and modification time; the root is the empty name."""
    folders = {"": (_IMPLIED_MODE, EARLIEST)}
    for entry in entries:
        parent = entry.name.rpartition("/")[0]
        while parent not in folders:
            folders[parent] = (_IMPLIED_MODE, EARLIEST)
            parent = parent.rpartition("/")[0]
    stated = {entry.name: (entry.mode, entry.modified) for entry in entries if entry.kind is Kind.DIRECTORY}
    return folders | stated


def _write_batch(data: Bytes, destination: str, batch: Sequence[Entry]) -> None:
    for entry in batch:
        if entry.kind is Kind.DIRECTORY:
            deque(content(data, entry), maxlen=0)  # nothing to write, but nothing may hide there either
            continue
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(f"{destination}/{entry.name}", flags, 0o600)
        with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor, not a path
            for piece in content(data, entry):
                written = 0
                while written < len(piece):  # a disk that is all but full takes a part
                    written += file.write(piece[written:])
            os.utime(descriptor, (entry.modified, entry.modified))
            os.fchmod(descriptor, entry.mode & _READ_ONLY)
