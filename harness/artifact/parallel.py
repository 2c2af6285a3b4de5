"""Work on an archive's entries that is done ahead, on all cores, within bounded memory.

Threads suffice: reading, inflating, checksums and writing all run without the interpreter's lock. Entries go through
them in batches, because handing over costs more than inflating a small file.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from harness.artifact.entries import Kind
from harness.artifact.inflate import content, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from harness.artifact.entries import Entry
    from harness.artifact.zip_directory import Bytes

LARGE = 4 * 1024 * 1024
"""Bytes, from which on a file's content is never held in memory: some libraries have hundreds of megabytes."""

_BATCH = 1024 * 1024
_AHEAD = 8  # batches: at most 32 MB are under way, 8 mostly
_MOST_THREADS = 8  # beyond, they wait for the interpreter's lock more than they gain

_Task = TypeVar("_Task")
_Answer = TypeVar("_Answer")


class Batch(NamedTuple):
    """Entries whose bytes lie one after another in the archive file.

    Attributes:
        entries: Several that are small together, or a single one.
        start: Where the bytes of the first begin in the file.
        end: Where the bytes of the last end.
    """

    entries: tuple[Entry, ...]
    start: int
    end: int

    @property
    def is_large(self) -> bool:
        """Whether it is a single entry that does not belong in memory."""
        return self.entries[0].size >= LARGE  # which no other entry joins


def batches(entries: Iterable[Entry]) -> Iterator[Batch]:
    """Files and folders in the order of the archive; folders because nothing may hide in one.

    Args:
        entries: The entries of an accepted archive; symlinks among them, which were read with the list, are left out.
    """
    found: list[Entry] = []
    start = end = room = 0
    for entry in entries:
        if entry.kind is Kind.SYMLINK:
            continue
        after = entry.offset + entry.zipped
        room -= entry.size
        if found and (entry.offset < end or after - start > _BATCH or room < 0):
            yield Batch(tuple(found), start, end)
            found = []
        if not found:
            start, room = entry.offset, _BATCH - entry.size
        found.append(entry)
        end = after
    if found:
        yield Batch(tuple(found), start, end)


class Inflated:
    """The contents of a batch's entries, which are read from the file at once."""

    def __init__(self, data: Bytes, batch: Batch) -> None:
        length = batch.end - batch.start
        self._data = data
        self._start = batch.start
        self._packed = data.read(batch.start, length) if length < LARGE else b""  # it comes piece by piece instead

    def content(self, entry: Entry) -> bytes:
        """All bytes of one of the entries.

        Raises:
            Refused: They are not what the archive declares.
        """
        at = entry.offset - self._start
        found = whole(entry, self._packed[at : at + entry.zipped])
        return b"".join(content(self._data, entry)) if found is None else found


def in_order(tasks: Iterable[_Task], work: Callable[[_Task], _Answer]) -> Iterator[_Answer]:
    """Do tasks on all cores, a few ahead of the one whose answer is taken, and yield the answers in their order.

    An error is raised in its place in that order, so it is the same one in each run. Once the iterator has ended or is
    closed, nothing is under way any more.
    """
    with ThreadPoolExecutor(min(_cores(), _MOST_THREADS), thread_name_prefix="ahead") as pool:
        waiting: deque[Future[_Answer]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) == _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
