"""Something that lies elsewhere: what is known of it, and its bytes on their way here."""

from __future__ import annotations

import hashlib
import time
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

from harness.regular_files import LARGEST_ARCHIVE
from harness.sources.aws import AwsUnavailable
from harness.sources.timeout import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

Read: TypeAlias = "Callable[[int], bytes]"
"""Reads up to so many bytes; none at the end."""

CHUNK: Final = 1024 * 1024
ATTEMPTS: Final = 6
LEAST_SECONDS: Final = 120.0
"""That whatever is fetched may take."""
SLOWEST: Final = 100 * 1024
"""Bytes a second, below which a download is given up."""
HEAD: Final = 512
"""Bytes that show what something is."""
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_KINDS: Final = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"<error", "an XML document"),
    (b"{", "a JSON document"),
    (b"version https://git-lfs", "a pointer of Git LFS"),
    (b"\x1f\x8b", "a gzip file"),
    (b"pk", "another archive"),
)
_MB: Final = 1024 * 1024
_STEPS: Final = 10  # of the progress that is told


class Cut(Exception):  # noqa: N818 - an event on the way, which no user sees
    """The connection broke off; what has arrived stays, and the rest can be asked for. May say why."""


class Replaced(Exception):  # noqa: N818 - the same
    """What was there at first is not there any more."""


@dataclass(frozen=True, slots=True)
class Remote:
    """An archive that can be had from AWS.

    Attributes:
        text: As the user named it.
        identity: Stands for its content, among all that can be named; nothing in it is secret.
        size: Bytes.
        sha256: In hexadecimal; None where AWS does not tell.
        crc32: None where AWS does not tell.
        opened: Opens it at an offset. Raises ``Cut`` where another attempt may do, ``Replaced``, and
            ``AwsUnavailable``.
    """

    text: str
    identity: str
    size: int
    sha256: str | None
    crc32: int | None
    opened: Callable[[int], AbstractContextManager[Read]]


def receive(
    remote: Remote,
    file: BinaryIO,
    progress: Callable[[str], None],
    pause: Callable[[float], object],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Write all of it to a file, and go on where a connection breaks off.

    However often it does, and however slowly bytes come, there is an end: whoever sends one byte a second keeps every
    single read within its limits.

    Args:
        remote: What to read.
        file: Where to; it is empty.
        progress: Told how far it is.
        pause: Waits so many seconds.
        clock: Has the time, in seconds.

    Returns:
        The SHA-256 of what was written, in hexadecimal. Its size, and each digest that AWS told, are right.

    Raises:
        Replaced: It is another one now.
        AwsUnavailable: It cannot be had whole, or is not what AWS says it is.
    """
    if remote.size > LARGEST_ARCHIVE:
        raise AwsUnavailable(f"{remote.text}: it has {remote.size:,} bytes; no archive for Lambda is that large.")
    why = ""
    arrived = _Arrived(remote, file, progress)
    seconds = LEAST_SECONDS + remote.size / SLOWEST
    end = clock() + seconds
    for attempt in range(ATTEMPTS):
        if attempt > 1:
            pause(float(2 ** (attempt - 2)))
        try:
            with _opened(remote, arrived.size, end - clock()) as read:
                arrived.add(read, lambda: clock() > end)
        except TimeoutError:
            raise AwsUnavailable(
                f"{remote.text}: {arrived.size:,} of {remote.size:,} bytes came within {seconds:,.0f} seconds: the "
                "connection is too slow, or something on the way holds it up."
            ) from None
        except Cut as reason:
            why = f" ({reason})" if str(reason) else ""
            continue
        if arrived.size >= remote.size:
            return arrived.sha256()
        arrived.of_an_archive()
    raise AwsUnavailable(
        f"{remote.text}: the download broke off {ATTEMPTS} times{why}, the last time after {arrived.size:,} of "
        f"{remote.size:,} bytes; none of it is stored."
    )


@contextmanager
def _opened(remote: Remote, start: int, seconds: float) -> Iterator[Read]:
    """It, opened at an offset within so many seconds."""
    opening = remote.opened(start)
    read = within(seconds, opening.__enter__)
    with ExitStack() as stack:
        stack.push(opening.__exit__)
        yield read


def piecewise(raw: Any) -> Read:  # noqa: ANN401 - urllib3's response, or something that reads like it
    """Reads what has arrived of an answer, since a piece of a certain size may be days in coming."""
    read: Read = getattr(raw, "read1", raw.read)  # urllib3 has it from version 2 on
    return read


def skip(read: Read, size: int) -> None:
    """Pass over what has arrived before: something on the way answers without regard for the range."""
    while size > 0 and (chunk := read(min(size, CHUNK))):
        size -= len(chunk)


def _kind(head: bytes) -> str:
    """What something is, by its first bytes."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((words for sign, words in _KINDS if start.startswith(sign)), "no zip archive")


class _Arrived:
    """What has arrived so far."""

    def __init__(self, remote: Remote, file: BinaryIO, progress: Callable[[str], None]) -> None:
        self.size = 0
        self._remote = remote
        self._file = file
        self._progress = progress
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._step = -1
        self._head = b""

    def add(self, read: Read, late: Callable[[], bool]) -> None:
        """Take what there is.

        Raises:
            TimeoutError: It has become late.
        """
        while True:
            if late():
                raise TimeoutError
            self._tell()
            chunk = read(CHUNK)
            if not chunk:
                return
            self.size += len(chunk)
            self._head += chunk[: HEAD - len(self._head)]
            if self.size > self._remote.size:
                raise self._other(f"more than the {self._remote.size:,} bytes that it has")
            self._file.write(chunk)
            self._sha256.update(chunk)
            self._crc32 = zlib.crc32(chunk, self._crc32)

    def of_an_archive(self) -> None:
        """Make sure that what has arrived, and ended early, can be the beginning of an archive.

        Raises:
            AwsUnavailable: It is something else, and more of it would not help.
        """
        if not any(sign.startswith(self._head[: len(sign)]) for sign in _ZIP):
            raise self._other(f"{self.size:,} of {self._remote.size:,} bytes")

    def sha256(self) -> str:
        """The digest, which is what AWS says it is.

        Raises:
            AwsUnavailable: It is another one.
        """
        found = self._sha256.hexdigest()
        remote = self._remote
        if remote.sha256 not in (None, found):
            raise self._other(f"AWS says that its SHA-256 is {remote.sha256}, and {found} arrived")
        if remote.crc32 not in (None, self._crc32):
            raise self._other("it does not have the CRC-32 that AWS names")
        return found

    def _other(self, why: str) -> AwsUnavailable:
        """About what is not what was asked for."""
        return AwsUnavailable(
            f"{self._remote.text}: what arrived is {_kind(self._head)}, and not what AWS has ({why}); none of it is "
            "stored. Something on the way answers in AWS's place: try without the proxy (HTTPS_PROXY, NO_PROXY), and "
            "look what AWS_ENDPOINT_URL names."
        )

    def _tell(self) -> None:
        step = self.size * _STEPS // max(self._remote.size, 1)
        if step != self._step:
            self._step = step
            self._progress(f"fetching {self._remote.text}: {self.size / _MB:.0f} of {self._remote.size / _MB:.0f} MB")
