"""Open files that a user or a repository names: only regular ones, without waiting, up to a limit.

A pipe without a writer, a device without an end and a file that somebody mistook for another must end in a sentence,
not in a program that waits or fills memory.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a text that is read whole: manifest, lock, event, report. The longest locks have about five million."""

LARGEST_ARCHIVE: Final = 4 * 250 * 1024 * 1024
"""Bytes; no archive that Lambda takes comes near it, and what is mistaken for one need not be read."""

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_CHUNK: Final = 1024 * 1024


def kind(status: os.stat_result) -> str | None:
    """The kind of a file that is not regular: ``a named pipe``; None for a regular file."""
    return None if stat.S_ISREG(status.st_mode) else _KINDS.get(stat.S_IFMT(status.st_mode), "something unknown")


def descriptor(path: Path | str, limit: int | None = None) -> int:
    """Open a regular file for reading; the caller closes it.

    Args:
        path: The file; links are followed.
        limit: The most bytes that it may have.

    Raises:
        OSError: There is none, it may not be read, it is something else, or it is larger. Its ``strerror`` can follow
            "cannot be read:".
    """
    # O_NONBLOCK: a pipe that nobody writes to opens at once, and is refused below.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _check(os.fstat(number), path, limit)
    except BaseException:
        os.close(number)
        raise
    return number


@contextmanager
def opened(path: Path | str, limit: int | None = None) -> Iterator[BufferedReader]:
    """A regular file, open for reading; see :func:`descriptor`."""
    with open(descriptor(path, limit), "rb") as file:
        yield file


def read(path: Path | str, limit: int = LARGEST) -> bytes:
    """All bytes of a regular file; see :func:`descriptor`.

    Raises:
        OSError: As there; also where it grows past the limit, as some files of the kernel do, whose size is 0.
    """
    number = descriptor(path, limit)
    try:
        pieces, size = [], 0
        while piece := os.read(number, min(_CHUNK, limit + 1 - size)):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise _too_large(path, limit)
    finally:
        os.close(number)
    return b"".join(pieces)


def write(path: Path, text: str) -> None:
    """Write a text to a regular file, which is made where there is none.

    Raises:
        OSError: The path is something else, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        number = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise OSError(errno.EINVAL, "it is a named pipe or a socket, where a file is expected", str(path)) from None
        raise
    with open(number, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        _check(os.fstat(number), path, None)
        file.truncate()
        file.write(text)


def _check(status: os.stat_result, path: Path | str, limit: int | None) -> None:
    if found := kind(status):
        code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(code, f"it is {found}, where a file is expected", str(path))
    if limit is not None and status.st_size > limit:
        raise _too_large(path, limit)


def _too_large(path: Path | str, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
