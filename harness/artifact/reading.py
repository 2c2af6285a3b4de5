"""The contents of an archive's files, one after another, each read once."""

from __future__ import annotations

import mmap
import posixpath
import tempfile
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from harness.artifact.content import content
from harness.artifact.entries import Kind, Refusal, Refused, printable
from harness.artifact.zipend import Bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.artifact.bundle import Bundle, Item
    from harness.artifact.entries import Archive, Entry

Content: TypeAlias = bytes | mmap.mmap

_LARGE = 4 * 1024 * 1024
"""From this size on, bytes, a file is mapped rather than held in memory: some libraries have hundreds of megabytes."""

LARGEST = 8 * 1024 * 1024
"""Bytes; what is larger is not read whole unless somebody says so: nobody wrote it by hand."""

_MOST_HOPS = 40  # as many links as the kernel follows


def files(archive: Archive, scratch: Path, tree: Path | None = None) -> Iterator[tuple[Entry, Content]]:
    """Yield every regular file with its content, which is closed when the next one is asked for.

    Args:
        archive: An accepted archive.
        scratch: A folder for what is too large for memory; left empty.
        tree: Where the archive was unpacked to, if it was: then nothing is inflated again.

    Raises:
        Refused: The bytes are not what the archive declares.
        OSError: The archive or the tree cannot be read, or the scratch folder not be written.
    """
    root = archive.path if archive.is_folder else tree
    found = _inflated(archive, scratch) if root is None else _read(archive, root)
    for entry, data in found:
        yield entry, data
        if isinstance(data, mmap.mmap):
            data.close()


def _read(archive: Archive, root: Path) -> Iterator[tuple[Entry, Content]]:
    for entry in archive.files:
        with (root / entry.name).open("rb") as file:
            large = entry.size >= _LARGE
            yield entry, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if large else file.read()


def _inflated(archive: Archive, scratch: Path) -> Iterator[tuple[Entry, Content]]:
    with archive.path.open("rb") as opened:
        data = Bytes(opened.fileno())
        for entry in archive.entries:
            if entry.kind is Kind.DIRECTORY:
                deque(content(data, entry), maxlen=0)  # nothing may hide there
            elif entry.kind is Kind.FILE and entry.size < _LARGE:
                yield entry, b"".join(content(data, entry))
            elif entry.kind is Kind.FILE:
                with tempfile.TemporaryFile(dir=scratch) as file:
                    file.writelines(content(data, entry))
                    file.flush()
                    yield entry, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_file(archive: Archive, entry: Entry, limit: int = LARGEST) -> bytes:
    """The whole content of one regular file of an accepted archive.

    Args:
        archive: The archive.
        entry: One of its files.
        limit: How many bytes are read at most.

    Raises:
        Refused: There are more of them, or they are not what the archive declares.
        OSError: The archive cannot be read.
    """
    if entry.size > limit:
        reason = f"has {entry.size:,} bytes, and only {limit:,} are read"
        raise Refused(Refusal(printable(entry.name), reason, "Look at what the build wrote there."))
    if archive.is_folder:
        with (archive.path / entry.name).open("rb") as file:
            return file.read(limit)
    with archive.path.open("rb") as file:
        return b"".join(content(Bytes(file.fileno()), entry))


def found_at(bundle: Bundle, path: str) -> Item | None:
    """The regular file that the function reads at a path, through symbolic links; None where there is none."""
    for _ in range(_MOST_HOPS):
        item = bundle.items.get(path)
        if item is None or item.entry.kind is Kind.FILE:
            return item
        if item.entry.kind is Kind.DIRECTORY:
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), item.entry.target or ""))
    return None
