"""Download an archive: resume it where a connection breaks off, and compare it with what AWS says."""

from __future__ import annotations

import hashlib
import time
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias, cast

from harness.artifact import file_type
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
"""That any download may take."""
SLOWEST: Final = 100 * 1024
"""Bytes a second, below which a download is given up."""
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_MB: Final = 1024 * 1024
_STEPS: Final = 10  # of the progress that is shown


class Cut(Exception):  # noqa: N818 - an event on the way, which no user sees
    """The connection broke off; the rest can be requested. May say why."""


class Replaced(Exception):  # noqa: N818 - the same
    """The object was replaced during the download."""


@dataclass(frozen=True, slots=True)
class Remote:
    """An archive that AWS has.

    Attributes:
        text: The user's name for it.
        identity: Identifies its content among all archives; nothing in it is secret.
        size: Bytes.
        sha256: In hexadecimal; None where AWS does not say.
        crc32: None where AWS does not say.
        crc64: S3's CRC64NVME; None where AWS does not say.
        opened: Opens it at an offset. Raises ``Cut`` where another attempt may succeed, ``Replaced``, and
            ``AwsUnavailable``.
    """

    text: str
    identity: str
    size: int
    sha256: str | None
    crc32: int | None
    opened: Callable[[int], AbstractContextManager[Read]]
    crc64: int | None = None


def receive(
    remote: Remote,
    file: BinaryIO,
    progress: Callable[[str], None],
    pause: Callable[[float], object],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Download an archive to an empty file, resumed where a connection breaks off, and return its SHA-256.

    The number of attempts and the time of all together are limited: a server that sends one byte a second keeps every
    single read within its limits.

    Raises:
        Replaced: The object was replaced during the download.
        AwsUnavailable: It did not arrive whole, or its size or a digest is not what AWS says.
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
        arrived.check_start()
    raise AwsUnavailable(
        f"{remote.text}: the download broke off {ATTEMPTS} times{why}, the last time after {arrived.size:,} of "
        f"{remote.size:,} bytes; none of it is stored."
    )


@contextmanager
def _opened(remote: Remote, start: int, seconds: float) -> Iterator[Read]:
    """Open an archive at an offset within so many seconds."""
    opening = remote.opened(start)
    read = within(seconds, opening.__enter__)
    with ExitStack() as stack:
        stack.push(opening.__exit__)
        yield read


def _crc64nvme() -> Callable[[bytes, int], int] | None:
    """The function that computes S3's default checksum; None without the extra ``crt``."""
    try:
        from awscrt import checksums  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return cast("Callable[[bytes, int], int]", checksums.crc64nvme)


def piecewise(raw: Any) -> Read:  # noqa: ANN401 - urllib3's response, or something that reads like it
    """A function that reads the bytes that have arrived, without waiting for a full piece."""
    read: Read = getattr(raw, "read1", raw.read)  # urllib3 has it from version 2 on
    return read


def skip(read: Read, size: int) -> None:
    """Read over bytes that arrived before, where a proxy ignored the range."""
    while size > 0 and (chunk := read(min(size, CHUNK))):
        size -= len(chunk)


class _Arrived:
    """The part of an archive that has arrived so far."""

    def __init__(self, remote: Remote, file: BinaryIO, progress: Callable[[str], None]) -> None:
        self.size = 0
        self._remote = remote
        self._file = file
        self._progress = progress
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._crc64 = 0
        self._crc64nvme = _crc64nvme() if remote.crc64 is not None else None
        self._step = -1
        self._head = b""

    def add(self, read: Read, late: Callable[[], bool]) -> None:
        """Read until the connection ends.

        Raises:
            TimeoutError: The time for the download is over.
        """
        while True:
            if late():
                raise TimeoutError
            self._show_progress()
            chunk = read(CHUNK)
            if not chunk:
                return
            self.size += len(chunk)
            self._head += chunk[: file_type.HEAD - len(self._head)]
            if self.size > self._remote.size:
                raise self._mismatch(f"more than the {self._remote.size:,} bytes that it has")
            self._file.write(chunk)
            self._sha256.update(chunk)
            self._crc32 = zlib.crc32(chunk, self._crc32)
            self._crc64 = self._crc64nvme(chunk, self._crc64) if self._crc64nvme else 0

    def check_start(self) -> None:
        """Make sure that a response that ended early can be the start of an archive.

        Raises:
            AwsUnavailable: It is something else, so another attempt would not help.
        """
        if not any(sign.startswith(self._head[: len(sign)]) for sign in _ZIP):
            raise self._mismatch(f"{self.size:,} of {self._remote.size:,} bytes")

    def sha256(self) -> str:
        """The digest, after a comparison with AWS's.

        Raises:
            AwsUnavailable: They differ.
        """
        arrived = self._sha256.hexdigest()
        remote = self._remote
        if remote.sha256 not in (None, arrived):
            raise self._mismatch(f"AWS says that its SHA-256 is {remote.sha256}, and {arrived} arrived")
        if remote.crc32 not in (None, self._crc32):
            raise self._mismatch("it does not have the CRC-32 that AWS names")
        if self._crc64nvme and remote.crc64 != self._crc64:
            raise self._mismatch("it does not have the CRC-64/NVME that AWS names")
        return arrived

    def _mismatch(self, why: str) -> AwsUnavailable:
        """The error about a response that is not the archive."""
        known = file_type.kind(self._head)
        what = known[0] if known else "another archive" if self._head.startswith(b"PK") else "no zip archive"
        return AwsUnavailable(
            f"{self._remote.text}: what arrived is {what}, and not what AWS has ({why}); none of it is stored. A proxy "
            "or another server answers in place of AWS: try without the proxy (HTTPS_PROXY, NO_PROXY), and check "
            "AWS_ENDPOINT_URL."
        )

    def _show_progress(self) -> None:
        step = self.size * _STEPS // max(self._remote.size, 1)
        if step != self._step:
            self._step = step
            self._progress(f"fetching {self._remote.text}: {self.size / _MB:.0f} of {self._remote.size / _MB:.0f} MB")
