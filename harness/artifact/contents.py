"""The contents of an archive's files, one after another, each read once."""

from __future__ import annotations

import mmap
import tempfile
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from harness import regular_files
from harness.artifact.entries import Kind, Refused, printable
from harness.artifact.inflate import content
from harness.artifact.parallel import LARGE, batches, in_order
from harness.artifact.zip_directory import Bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.artifact.entries import Archive, Entry

Content: TypeAlias = bytes | mmap.mmap

LARGEST = 8 * 1024 * 1024
"""Bytes; nobody wrote a larger file by hand, so it is read only with another limit."""


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
    for entry, data in _inflated(archive, scratch) if root is None else _read(archive, root):
        yield entry, data
        if isinstance(data, mmap.mmap):
            data.close()


def _read(archive: Archive, root: Path) -> Iterator[tuple[Entry, Content]]:
    for entry in archive.files:
        path = f"{root}/{entry.name}"
        if entry.size < LARGE:
            yield entry, regular_files.read(path, regular_files.LARGEST_ARCHIVE)
            continue
        with regular_files.opened(path) as file:
            data = _mapped(file.fileno())
        yield entry, data


def _mapped(descriptor: int) -> mmap.mmap:
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


def _inflated(archive: Archive, scratch: Path) -> Iterator[tuple[Entry, Content]]:
    with regular_files.opened(archive.path) as file:
        inflate = partial(_inflated_batch, Bytes(file.fileno()), scratch)
        for batch in in_order(batches(archive.entries), inflate):
            yield from batch


def _inflated_batch(data: Bytes, scratch: Path, batch: Sequence[Entry]) -> list[tuple[Entry, Content]]:
    """The files of a batch with their contents; its folders are read too, since bytes may hide there."""
    inflated = [(entry, _inflated_entry(data, scratch, entry)) for entry in batch]
    return [(entry, content) for entry, content in inflated if entry.kind is Kind.FILE]


def _inflated_entry(data: Bytes, scratch: Path, entry: Entry) -> Content:
    if entry.size < LARGE:
        return b"".join(content(data, entry))
    with tempfile.TemporaryFile(dir=scratch) as file:
        file.writelines(content(data, entry))
        file.flush()
        return _mapped(file.fileno())


def read_file(archive: Archive, entry: Entry, limit: int = LARGEST) -> bytes:
    """The whole content of one regular file of an accepted archive, of at most ``limit`` bytes.

    Raises:
        Refused: There are more of them, or they are not what the archive declares.
        OSError: The archive cannot be read.
    """
    if entry.size > limit:
        reason = f"has {entry.size:,} bytes, and only {limit:,} are read"
        raise Refused(reason, "Look at what the build wrote there.", printable(entry.name))
    if archive.is_folder:
        return regular_files.read(archive.path / entry.name, limit)
    with regular_files.opened(archive.path) as file:
        return b"".join(content(Bytes(file.fileno()), entry))
