"""Work on an archive's entries on all cores, in order and within bounded memory.

Threads suffice: reading, inflating, checksums and writing all run without the interpreter's lock. Entries are handed to
them in batches, because handing over costs more than inflating a small file.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from harness.artifact.entries import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from harness.artifact.entries import Entry

LARGE = 4 * 1024 * 1024
"""Bytes, from which on a file's content is never held in memory: some libraries have hundreds of megabytes."""

_BATCH = 1024 * 1024
_AHEAD = 8  # batches: at most 32 MB are in memory, 8 mostly
_MOST_THREADS = 8  # beyond, they wait for the interpreter's lock more than they gain

_Task = TypeVar("_Task")
_Answer = TypeVar("_Answer")


def batches(entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
    """Files and folders (bytes may hide in both) in batches of up to a megabyte; what is larger is alone in its batch.

    Symbolic links are left out: their targets were read with the central directory.
    """
    batch: list[Entry] = []
    room = _BATCH
    for entry in entries:
        if entry.kind is Kind.SYMLINK:
            continue
        size = max(entry.size, entry.zipped)
        if batch and size > room:
            yield batch
            batch, room = [], _BATCH
        batch.append(entry)
        room -= size
    if batch:
        yield batch


def in_order(tasks: Iterable[_Task], work: Callable[[_Task], _Answer]) -> Iterator[_Answer]:
    """Do tasks on all cores, a few ahead of the one whose answer is taken, and yield the answers in their order.

    An error is raised in its place in that order, so it is the same one in each run. When the iterator ends or is
    closed, no task is running any more.
    """
    with ThreadPoolExecutor(min(_cores(), _MOST_THREADS), thread_name_prefix="archive") as pool:
        waiting: deque[Future[_Answer]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) == _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
