"""Files that a user or a repository names: opens only regular ones, without waiting, up to a limit.

A pipe without a writer, a device without an end and a file that somebody mistook for another must end in a sentence,
not in a program that waits or fills memory.

What is asked of a repository's files goes through here, so that it can be recorded: a verdict depends on it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from io import BufferedReader

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


@dataclass(slots=True)
class Record:
    """What was asked of files.

    Attributes:
        apart: Paths about which, and about what is below them, nothing is recorded.
        answers: By the question's name and its subject, which is an absolute path in most cases.
    """

    apart: tuple[str, ...] = ()
    answers: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, question: str, subject: str, answer: str | None) -> None:
        """Add a question, which is answered here where the answer is not known yet."""
        if (question, subject) not in self.answers and not any(
            subject == path or subject.startswith(f"{path}/") for path in self.apart
        ):
            self.answers[question, subject] = QUESTIONS[question](subject) if answer is None else answer


_RECORD: Final[ContextVar[Record | None]] = ContextVar("record", default=None)


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
    recorded("content", path)
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


def is_file(path: Path) -> bool:
    """Whether there is a regular file; links are followed."""
    recorded("kind", path)
    return path.is_file()


def is_folder(path: Path) -> bool:
    """Whether there is a folder; links are followed."""
    recorded("kind", path)
    return path.is_dir()


def exists(path: Path) -> bool:
    """Whether there is something; links are followed."""
    recorded("kind", path)
    return path.exists()


def size(path: Path) -> int:
    """The bytes of a file.

    Raises:
        OSError: It is not there.
    """
    recorded("size", path)
    return path.stat().st_size


def resolved(path: Path) -> Path:
    """A path without links."""
    recorded("target", path)
    return path.resolve()


def found(folder: Path, pattern: str) -> list[Path]:
    """What matches a pattern below a folder, sorted.

    Raises:
        OSError, ValueError, NotImplementedError, IndexError: As ``Path.glob``.
    """
    recorded("pattern", f"{folder}\0{pattern}")
    return sorted(folder.glob(pattern))


def listed(folder: Path | str) -> list[os.DirEntry[str]]:
    """What is in a folder, by name.

    Raises:
        OSError: It cannot be read.
    """
    recorded("listing", folder)
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda one: one.name)


def walked(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """The folders below a folder, as ``os.walk`` has them: each with the names of its folders and files."""
    for here, folders, files in os.walk(folder):
        recorded("listing", here)
        yield here, folders, files


@contextmanager
def recording(*apart: Path) -> Iterator[Record]:
    """Record the questions that are asked in this context, except those about some paths and what is below them."""
    record = Record(tuple(map(os.path.abspath, apart)))
    token = _RECORD.set(record)
    try:
        yield record
    finally:
        _RECORD.reset(token)


def recorded(question: str, subject: Path | str, answer: str | None = None) -> None:
    """Add a question to the record, where there is one.

    Args:
        question: Its name.
        subject: A path, which others may follow after a zero.
        answer: Where it is known already.
    """
    if (record := _RECORD.get()) is not None:
        path, *rest = str(subject).split("\0")
        record.add(question, "\0".join((os.path.abspath(path), *rest)), answer)  # noqa: PTH100 - it follows no link


def _content(path: str) -> str:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            _check(os.fstat(file.fileno()), path, LARGEST_ARCHIVE)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"error {error.errno}"


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _status(path: str) -> str:
    with suppress(OSError, ValueError):
        return str(stat.S_IFMT(os.stat(path).st_mode))  # noqa: PTH116 - a text
    return ""


def _size(path: str) -> str:
    with suppress(OSError, ValueError):
        return str(os.stat(path).st_size)  # noqa: PTH116 - a text
    return ""


def _pattern(subject: str) -> str:
    folder, _, pattern = subject.partition("\0")
    with suppress(OSError, ValueError, NotImplementedError, IndexError):
        return _digest(sorted(str(path.relative_to(folder)) for path in Path(folder).glob(pattern)))
    return ""


def _listing(folder: str) -> str:
    with suppress(OSError), os.scandir(folder) as entries:
        return _digest(sorted(f"{one.name}\0{one.is_dir()}\0{one.is_symlink()}" for one in entries))
    return ""


def _digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


QUESTIONS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "content": _content,
        "kind": _status,
        "size": _size,
        "target": os.path.realpath,
        "pattern": _pattern,
        "listing": _listing,
    }
)
"""What can be asked about files, and what answers it: texts that are equal where the answers are."""


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
