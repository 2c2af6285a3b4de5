"""The contents of an archive's files, one after another, each read once."""

from __future__ import annotations

import mmap
import tempfile
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from harness.artifact.content import content
from harness.artifact.entries import Kind
from harness.artifact.zipend import Bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.artifact.entries import Archive, Entry

Content: TypeAlias = bytes | mmap.mmap

_LARGE = 4 * 1024 * 1024
"""From this size on, bytes, a file is mapped rather than held in memory: some libraries have hundreds of megabytes."""


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
