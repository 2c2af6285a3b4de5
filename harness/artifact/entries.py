"""The values of an archive: its entries, the archive itself, and the reasons why it is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REBUILD = "Build the archive again with one ordinary tool (`zip -r`, Python's zipfile) and leave the file unchanged."
"""The remedy for whatever an ordinary tool would not have written."""

_SHOWN = 20
_LONGEST_SHOWN = 160


class Role(StrEnum):
    """The use that Lambda makes of an archive."""

    CODE = "code"
    LAYER = "layer"


class Kind(StrEnum):
    """The kind of file that an entry becomes when it is unpacked."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of an archive.

    Attributes:
        name: Relative POSIX path without a trailing slash.
        mode: Permission bits, set-user-ID and its kin included; 0644 or 0755 where the archive states none.
        size: Bytes once unpacked, as declared.
        zipped: Bytes inside the archive.
        modified: Seconds since the epoch; a zip's local time is read as UTC.
        target: Where a symlink points; None for everything else.
        offset: Where the entry's bytes begin in the archive file.
        method: The zip compression method of those bytes.
        crc: CRC-32 of the unpacked bytes, as declared.
    """

    name: str
    kind: Kind = Kind.FILE
    mode: int = 0o644
    size: int = 0
    zipped: int = 0
    modified: float = 0.0
    target: str | None = None
    offset: int = 0
    method: int = 0
    crc: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an archive is not accepted.

    Attributes:
        entry: The entry's printable name; None where the whole archive is refused.
        reason: A clause that can follow the entry's name.
        remedy: What to do about it.
    """

    entry: str | None
    reason: str
    remedy: str


class Refused(Exception):  # noqa: N818 - a verdict about the archive, not an error of this program
    """An archive, or one entry of it, is not accepted."""

    def __init__(self, reason: str, remedy: str = REBUILD, entry: str | None = None) -> None:
        super().__init__(f"{entry}: {reason}" if entry else reason)
        self.refusal = Refusal(entry, reason, remedy)


@dataclass(slots=True)
class Refusals:
    """The first refusals of an archive and the number of the others, since a hostile archive has thousands."""

    _first: list[Refusal] = field(default_factory=list)
    _more: int = 0

    def add(self, entry: str | None, reason: str, remedy: str = REBUILD) -> None:
        """Add one refusal; ``entry`` is made printable."""
        if len(self._first) < _SHOWN:
            self._first.append(Refusal(entry if entry is None else printable(entry), reason, remedy))
        else:
            self._more += 1

    def found(self) -> tuple[Refusal, ...]:
        """The first refusals, and how many more there are."""
        if not self._more:
            return tuple(self._first)
        return (*self._first, Refusal(None, f"and {self._more:,} more", "Fix those above first."))


@dataclass(frozen=True, slots=True)
class Archive:
    """One code or layer archive, read but not unpacked.

    Attributes:
        source: The archive as the user named it.
        path: Where it is on this machine.
        sha256: Hexadecimal digest of the file's bytes; of its listing and contents where it is a folder.
        code_sha256: The same digest in base64, as Lambda prints it; None for a folder, which Lambda never sees.
        zipped_bytes: Size of the archive file; None for a folder.
        entries: In the archive's order, without those that could not be read.
        refusals: The reasons why it is not accepted; empty when it is.
        is_folder: Whether it is an unpacked folder rather than a zip file.
    """

    role: Role
    source: str
    path: Path
    sha256: str
    code_sha256: str | None = None
    zipped_bytes: int | None = None
    entries: tuple[Entry, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    is_folder: bool = False

    @property
    def files(self) -> tuple[Entry, ...]:
        """Its regular files."""
        return tuple(entry for entry in self.entries if entry.kind is Kind.FILE)

    @property
    def folders(self) -> frozenset[str]:
        """Its folders, stated or implied by what is in them; the root is the empty name."""
        folders = {entry.name for entry in self.entries if entry.kind is Kind.DIRECTORY}
        for entry in self.entries:
            parent = entry.name.rpartition("/")[0]
            while parent not in folders:
                folders.add(parent)
                parent = parent.rpartition("/")[0]
        return frozenset(folders)

    @property
    def unzipped_bytes(self) -> int:
        """Sum of the declared sizes of its files."""
        return sum(entry.size for entry in self.entries if entry.kind is Kind.FILE)


def printable(name: str) -> str:
    """The name with control characters escaped, shortened where it is too long for a message."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name[: _LONGEST_SHOWN + 1])
    return shown if len(name) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
