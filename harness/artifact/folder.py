"""Read an unpacked folder as if it were an archive."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from harness import regular_files
from harness.artifact import names
from harness.artifact.entries import Archive, Entry, Kind, Refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.artifact.entries import Role

_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}
_TOO_MUCH = f"holds more than {regular_files.LARGEST_ARCHIVE:,} bytes or {names.MOST_ENTRIES:,} entries"
_LEAVE_OUT = "Leave it out of the folder."
_READABLE = "Make it readable for the user who builds, or leave it out of the folder."


def read(path: Path, source: str, role: Role) -> Archive:
    """Read a folder: the same values and the same rules as for a zip archive.

    Its digest covers the path, kind, mode and content of everything in it, and nothing else: not where the folder is,
    nor when it was written.

    Raises:
        OSError: The folder itself may not be read, or is the root of the file system.
    """
    if path.resolve() == Path(path.resolve().anchor):
        raise OSError(errno.EINVAL, "it is the root of the file system", str(path))
    refusals = Refusals()
    digest = hashlib.sha256()
    entries: list[Entry] = []
    room = regular_files.LARGEST_ARCHIVE
    for name, status in _walk(path, refusals):
        room -= status.st_size
        if room < 0 or len(entries) > names.MOST_ENTRIES:
            refusals.add(None, _TOO_MUCH, "Look at which folder is named, and what the build wrote there.")
            break
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if why := names.fault(name) or (None if kind else "is a device, a pipe or a socket"):
            refusals.add(name, why, _LEAVE_OUT)
            continue
        try:
            entry, content = _entry(path, name, status)
        except OSError as error:
            refusals.add(name, f"cannot be read: {error.strerror}", _READABLE)
            continue
        entries.append(entry)
        for part in (entry.kind, f"{entry.mode:o}", entry.name, content):
            digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    if not entries and not refusals.found():
        refusals.add(None, "is an empty folder", "Look at what the build step wrote, and into which folder.")
    names.check_names(entries, refusals)
    names.check_links(entries, role, refusals)
    return Archive(role, source, path, digest.hexdigest(), None, None, tuple(entries), refusals.found(), is_folder=True)


def _walk(root: Path, refusals: Refusals) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below the folder, sorted by name within each folder, symlinks not followed."""
    top, waiting = os.fspath(root), [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(f"{top}/{folder}") as scan:
                children = [(child.name, child.stat(follow_symlinks=False)) for child in scan]
        except OSError as error:
            if not folder:
                raise
            refusals.add(folder, f"cannot be read: {error.strerror}", _READABLE)
            continue
        below = [(f"{folder}/{name}" if folder else name, status) for name, status in sorted(children)]
        yield from below
        waiting += [name for name, status in reversed(below) if stat.S_ISDIR(status.st_mode)]


def _entry(root: Path, name: str, status: os.stat_result) -> tuple[Entry, str]:
    """The entry, and a text that identifies its content."""
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    mode = stat.S_IMODE(status.st_mode)
    if kind is Kind.FILE:
        with regular_files.opened(f"{root}/{name}") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return Entry(name, kind, mode, status.st_size, status.st_size, status.st_mtime), content
    target = os.readlink(f"{root}/{name}") if kind is Kind.SYMLINK else None  # noqa: PTH115 - a text, as all names here
    return Entry(name, kind, mode, 0, 0, status.st_mtime, target), target or ""
