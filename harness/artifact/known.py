"""What was read of archives, by where they are: one that nobody touched since is not read again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from harness.artifact import sealed
from harness.artifact.entries import Entry, Refusal  # noqa: TC001 - msgspec reads the annotations
from harness.kept import used

if TYPE_CHECKING:
    from pathlib import Path

    from harness.artifact.entries import Role

_SCHEMA = 1
"""Raised with every change of what is kept or of the rules by which it was found."""

_RACY = 2_000_000_000
"""Nanoseconds: the coarsest clock of a file system. Within them a second change may leave the same times."""

_MOST_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class State:
    """What the file system says of a file; all of it stays the same only where nobody changed the file."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> State:
        """The state in a file's status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)

    def is_settled(self, moment: int) -> bool:
        """Whether any change after a moment, in nanoseconds since the epoch, would leave another state."""
        return max(self.mtime_ns, self.ctime_ns) + _RACY < moment


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of an archive file: all that does not depend on how the user named it."""

    state: State
    sha256: bytes
    entries: tuple[Entry, ...]
    refusals: tuple[Refusal, ...]


class Known:
    """Records below one folder, a sealed file per archive and role.

    They hold nothing that cannot be read again, so what is damaged, or cannot be written, is as if it were not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, path: Path, role: Role, state: State) -> Seen | None:
        """What is known of a file that has this state now; None where that is nothing."""
        packed = sealed.load(self._record(path, role))
        try:
            seen = msgspec.msgpack.decode(packed, type=Seen) if packed else None
        except msgspec.MsgspecError:
            return None
        found = seen if seen and seen.state == state else None
        used(self._record(path, role), hit=found is not None)
        return found

    def keep(self, path: Path, role: Role, seen: Seen, moment: int) -> None:
        """Keep what was read, unless the file may have changed without a trace.

        Args:
            path: Where the archive is.
            role: What its listing was held against.
            seen: What was read.
            moment: Nanoseconds since the epoch at which the reading began.
        """
        if not seen.state.is_settled(moment):
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            sealed.save(self._record(path, role), msgspec.msgpack.encode(seen))
            self._trim()

    def _record(self, path: Path, role: Role) -> Path:
        # Links are not resolved: that would take a look at each folder, and the state is that of the file behind them.
        place = hashlib.blake2b(os.fsencode(os.path.abspath(path)), digest_size=20)  # noqa: PTH100 - for this reason
        return self._folder / f"{_SCHEMA}-{role}-{place.hexdigest()}.msgpack"

    def _trim(self) -> None:
        """Forget the oldest records, and what killed processes left, where there is too much."""
        kept = [(one, one.stat()) for one in self._folder.iterdir()]
        surplus = sum(status.st_size for _, status in kept) - _MOST_BYTES
        for one, status in sorted(kept, key=lambda pair: pair[1].st_mtime_ns):
            if surplus <= 0:
                break
            one.unlink(missing_ok=True)
            surplus -= status.st_size

    def usage(self) -> tuple[int, int]:
        """How many archives are known, and how many bytes that takes."""
        kept = list(self._folder.glob("*.msgpack"))
        return len(kept), sum(path.stat().st_size for path in kept)

    def prune(self) -> None:
        """Forget all.

        Raises:
            OSError: Some records belong to somebody else.
        """
        if self._folder.is_dir():
            for one in self._folder.iterdir():
                one.unlink(missing_ok=True)
