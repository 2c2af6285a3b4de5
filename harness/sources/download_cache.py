"""What was fetched, kept by its digest, shared between processes, and never half of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import filelock

from harness.cache.usage import used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

FOLDER: Final = "downloads"
"""Its name in the cache."""

_KNOWN = ".known"  # hidden: it is no archive, and not counted among them
_LOCKS = "locks"
_DRAFT = ".draft-"
_HEX = frozenset("0123456789abcdef")
_DIGITS = 64


class Downloads:
    """Archives below one folder, each named by its SHA-256, and what is known to have which.

    An archive is written to a draft and renamed once it is whole, so a process that is killed leaves a draft, which
    the next one to fetch the same removes. A lock keeps several from fetching it at a time. Who uses an archive reads
    all of it anyway, compares, and drops it where the bytes are not those of its name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def kept(self, identity: str, sha256: str | None) -> tuple[Path, str] | None:
        """The archive and its digest, if it is here; what AWS tells of the digest is enough to find it."""
        digest = sha256 or self._known(identity)
        if digest is None or not (path := self._path(digest)).is_file():
            return None
        used(path, hit=True)
        return path, digest

    def fetch(self, identity: str, sha256: str | None, fill: Callable[[BinaryIO], str]) -> tuple[Path, str]:
        """The archive and its digest, fetched unless it is here.

        Args:
            identity: Stands for the content.
            sha256: Its digest, if it is known before.
            fill: Writes the content into a file and returns its digest; what it raises leaves nothing behind.

        Raises:
            OSError: The folder cannot be written.
        """
        name = hashlib.sha256(identity.encode()).hexdigest()
        with self._lock(name):
            if (found := self.kept(identity, sha256)) is not None:  # another process has fetched it meanwhile
                return found
            for draft in self._folder.glob(f"{_DRAFT}{name}-*"):
                draft.unlink(missing_ok=True)
            with self._draft(name) as (file, draft):
                digest = fill(file)
                file.flush()
                os.fsync(file.fileno())
                draft.replace(self._path(digest))
            self._note(name, digest)
            used(self._path(digest), hit=False)
            return self._path(digest), digest

    def drop(self, path: Path) -> None:
        """Remove an archive that is not what its name says."""
        path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.zip"

    def _known(self, identity: str) -> str | None:
        path = self._folder / _KNOWN / hashlib.sha256(identity.encode()).hexdigest()
        try:
            text = path.read_text("ascii")
        except (OSError, ValueError):
            return None
        return text if len(text) == _DIGITS and _HEX.issuperset(text) else None

    def _note(self, name: str, digest: str) -> None:
        folder = self._folder / _KNOWN
        folder.mkdir(exist_ok=True)
        with self._draft(name) as (file, draft):
            file.write(digest.encode())
            file.flush()
            draft.replace(folder / name)

    @contextmanager
    def _draft(self, name: str) -> Iterator[tuple[BinaryIO, Path]]:
        """A file that is gone afterwards, unless it was renamed."""
        number, text = tempfile.mkstemp(prefix=f"{_DRAFT}{name}-", dir=self._folder)
        draft = self._folder / text
        try:
            with os.fdopen(number, "wb") as file:
                yield file, draft
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        # Lock files stay: removing one would let two processes hold "the" lock, one of them on a file without a name.
        locks = self._folder / _LOCKS
        locks.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(locks / name):
            yield
