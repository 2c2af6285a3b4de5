"""The digest of what an archive unpacks to: the same however it was zipped, and after AWS Signer has signed it."""

from __future__ import annotations

import hashlib
import mmap
import re
from typing import TYPE_CHECKING

from harness.artifact.contents import files
from harness.artifact.entries import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.contents import Content
    from harness.artifact.entries import Archive, Entry

SIGNATURE = re.compile(r"META_INF/aws_signer_signature_v\d+\.\d+\.SF")
"""The file that AWS Signer adds to a zip; as seen in public signed archives, AWS does not document it."""

_CHUNK = 4 * 1024 * 1024
_READABLE, _EXECUTABLE = 0o004, 0o111


class ContentDigest:
    """The digest of an archive whose files are added one after another."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    def add(self, entry: Entry, content: Content) -> None:
        """Add one file."""
        self._digests[entry.name] = _digest_of(content)

    def of(self, archive: Archive) -> str:
        """SHA-256, in hexadecimal, over kind, permissions, name and content of each entry in the order of the names.

        Of permissions those count that a function notices: whether it may read a file, and whether that is a program.

        Folders are implied by what is in them. A signature of AWS Signer does not count: nothing runs it.
        """
        whole = hashlib.sha256()
        for entry in sorted(archive.entries, key=lambda entry: entry.name):
            if entry.kind is Kind.DIRECTORY or is_signature(entry):
                continue
            content = self._digests.get(entry.name) or entry.target or ""
            line = "\0".join((entry.kind, _permissions(entry), entry.name, content))
            whole.update(line.encode("utf-8", "surrogateescape") + b"\n")
        return whole.hexdigest()


def content_digest(archive: Archive, scratch: Path) -> str:
    """The digest of an archive's content.

    Args:
        archive: An accepted archive.
        scratch: A folder for files that are gone afterwards.

    Raises:
        Refused: The bytes are not what the archive declares.
        OSError: Something cannot be read or written.
    """
    digest = ContentDigest()
    for entry, content in files(archive, scratch):
        digest.add(entry, content)
    return digest.of(archive)


def is_signature(entry: Entry) -> bool:
    """Whether an entry is what AWS Signer adds."""
    return entry.kind is Kind.FILE and bool(SIGNATURE.fullmatch(entry.name))


def _permissions(entry: Entry) -> str:
    return ("r" if entry.mode & _READABLE else "-") + ("x" if entry.mode & _EXECUTABLE else "-")


def _digest_of(content: Content) -> str:
    """SHA-256, in hexadecimal; what is too large for memory is not left there page by page."""
    if not isinstance(content, mmap.mmap):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    for start in range(0, len(content), _CHUNK):
        digest.update(content[start : start + _CHUNK])
        content.madvise(mmap.MADV_DONTNEED, start, min(_CHUNK, len(content) - start))
    return digest.hexdigest()
