"""The contents of an archive's files, one after another, each read once."""

from __future__ import annotations

import mmap
import os
import posixpath
import tempfile
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from harness import regular_files
from harness.artifact.entries import Kind, Refusal, Refused, printable
from harness.artifact.inflate import content
from harness.artifact.parallel import LARGE, Inflated, batches, in_order
from harness.artifact.zip_directory import Bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.artifact.bundle import Bundle, Item
    from harness.artifact.entries import Archive, Entry
    from harness.artifact.parallel import Batch

Content: TypeAlias = bytes | mmap.mmap

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
    top = os.fspath(root)
    for entry in archive.files:
        descriptor = regular_files.descriptor(f"{top}/{entry.name}")
        try:
            data = _mapped(descriptor) if entry.size >= LARGE else _all(descriptor, entry.size)
        finally:
            os.close(descriptor)
        yield entry, data


def _mapped(descriptor: int) -> mmap.mmap:
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


def _all(descriptor: int, expected: int) -> bytes:
    """All bytes of a file, in one piece where it has as many as expected."""
    found = os.read(descriptor, expected + 1)
    if len(found) == expected:
        return found
    with open(descriptor, "rb", closefd=False) as file:
        return found + file.read()


def _inflated(archive: Archive, scratch: Path) -> Iterator[tuple[Entry, Content]]:
    with regular_files.opened(archive.path) as file:
        data = Bytes(file.fileno())
        for several in in_order(batches(archive.entries), partial(_contents, data, scratch)):
            yield from several


def _contents(data: Bytes, scratch: Path, batch: Batch) -> list[tuple[Entry, Content]]:
    """The files of a batch with their contents."""
    if batch.is_large:
        (entry,) = batch.entries
        with tempfile.TemporaryFile(dir=scratch) as file:
            file.writelines(content(data, entry))
            file.flush()
            return [(entry, _mapped(file.fileno()))]
    inflated = Inflated(data, batch)
    found = [(entry, inflated.content(entry)) for entry in batch.entries]  # folders too: nothing may hide there
    return [(entry, content) for entry, content in found if entry.kind is Kind.FILE]


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
        return regular_files.read(archive.path / entry.name, limit)
    with regular_files.opened(archive.path) as file:
        (batch,) = batches([entry])
        return Inflated(Bytes(file.fileno()), batch).content(entry)


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
