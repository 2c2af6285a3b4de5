"""Downloaded archives by digest, shared between processes."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from typing import TYPE_CHECKING, Final

from harness.cache import sealed
from harness.cache.locks import lock
from harness.cache.usage import used

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

FOLDER: Final = "downloads"
"""Its name in the cache."""

_DIGESTS = ".known"  # hidden, so that it is not counted as an archive
_DRAFT = ".draft-"


class Downloads:
    """Archives below one folder, each named by its SHA-256, and the digests of identities that were downloaded before.

    An archive is written to a draft and renamed once it is whole, so a process that is killed leaves a draft, which the
    next one to download the same removes. A lock keeps several from downloading it at a time. The reader of an archive
    compares its digest, and drops it where it is not that of its name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def find(self, identity: str, sha256: str | None) -> tuple[Path, str] | None:
        """The archive and its digest, if it is here; AWS's digest, where it is known, is enough to find it."""
        digest = sha256 or self._digest_of(identity)
        if digest is None or not (path := self._path(digest)).is_file():
            return None
        used(path, hit=True)
        return path, digest

    def fetch(self, identity: str, sha256: str | None, fill: Callable[[BinaryIO], str]) -> tuple[Path, str]:
        """The archive and its digest, downloaded unless it is here.

        Args:
            identity: Identifies the content.
            sha256: Its digest, if AWS says it.
            fill: Writes the content into a file and returns its digest; after an error, the cache is unchanged.

        Raises:
            OSError: The folder cannot be written.
        """
        name = hashlib.sha256(identity.encode()).hexdigest()
        with lock(self._folder, name):
            if (found := self.find(identity, sha256)) is not None:  # downloaded by another process meanwhile
                return found
            for draft in self._folder.glob(f"{_DRAFT}{name}-*"):
                draft.unlink(missing_ok=True)
            digest = self._write(name, fill)
            digests = self._folder / _DIGESTS
            digests.mkdir(exist_ok=True)
            sealed.replace_file(digests / name, digest.encode())
            used(self._path(digest), hit=False)
            return self._path(digest), digest

    def drop(self, path: Path) -> None:
        """Remove an archive whose digest is not that of its name."""
        path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.zip"

    def _digest_of(self, identity: str) -> str | None:
        path = self._folder / _DIGESTS / hashlib.sha256(identity.encode()).hexdigest()
        try:
            text = path.read_text("ascii")
        except (OSError, ValueError):
            return None
        return text if re.fullmatch("[0-9a-f]{64}", text) else None

    def _write(self, name: str, fill: Callable[[BinaryIO], str]) -> str:
        descriptor, draft = tempfile.mkstemp(prefix=f"{_DRAFT}{name}-", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                digest = fill(file)
                file.flush()
                os.fsync(file.fileno())
            (self._folder / draft).replace(self._path(digest))
        finally:
            (self._folder / draft).unlink(missing_ok=True)
        return digest
