"""Whether archives are as new as what they were built from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness import regular_files
from harness.artifact.entries import Kind
from harness.artifact.stamp import LARGEST, STAMP
from harness.dependencies.inputs import digest
from harness.dependencies.project import MalformedFileError
from harness.dependencies.stamps import parse_stamp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from harness.artifact.entries import Archive
    from harness.dependencies.inputs import Inputs
    from harness.dependencies.stamps import Stamp
    from harness.facts.archive import ArchiveFacts


class How(StrEnum):
    """The change of an input since an archive was built."""

    CHANGED = "has changed"
    GONE = "is gone"
    NEW = "is new"
    RUNTIME = "runtime"
    ARCHITECTURE = "architecture"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is other than it was when an archive was built.

    Attributes:
        how: What became of it.
        what: The input, by its name; of a runtime or an architecture, the one that the archive was built for.
        now: The runtime or the architecture that is declared.
        decisive: Whether the archive would be another if it were built now; of a lock, from which requirements files
            are exported that stayed the same, that is not certain.
    """

    how: How
    what: str
    now: str | None = None
    decisive: bool = True

    def __str__(self) -> str:
        """A clause: ``requirements.txt has changed``."""
        if self.now:
            return f"it was built for {self.what}, and {self.now} is declared"
        return f"{self.what} {self.how}"


def place(archive: Archive) -> str:
    """The place of an archive's stamp, for a message."""
    return f"{archive.source}{'/' if archive.is_folder else '!'}{STAMP}"


def stamped(archive: Archive, facts: ArchiveFacts) -> Stamp | None:
    """The stamp of an archive; None where it has none.

    Raises:
        MalformedFileError: What is there is none.
    """
    text = facts.texts.get(STAMP)
    if text is not None:
        return parse_stamp(text, place(archive))
    # Something of that name without a text is a folder, a link, or too large: to pass over it would be to say nothing
    # where a stamp was meant to be.
    entry = next((one for one in archive.entries if one.name == STAMP), None)
    if entry is None:
        return None
    found = f"{entry.size:,} bytes" if entry.kind is Kind.FILE else f"a {entry.kind}"
    raise MalformedFileError(f"{place(archive)}: expected a stamp of at most {LARGEST:,} bytes, found {found}")


def elsewhere(stamps: Iterable[Stamp | None], inputs: Inputs) -> frozenset[str]:
    """The inputs that some archive is built from, or may be: one that has no stamp can be built from any."""
    several = tuple(stamps)
    known = {name for stamp in several if stamp for name, _ in stamp.inputs}
    return frozenset(one.name for one in inputs.files) if None in several else frozenset(known)


def stale(stamp: Stamp, inputs: Inputs, others: Collection[str] = ()) -> tuple[Change, ...]:
    """The changes since an archive was built; none where the archive is fresh.

    Args:
        stamp: The archive's.
        inputs: What the manifest says that archives are built from, as it is now.
        others: Names of inputs that need not be in this stamp if it is one of some inputs only; see ``elsewhere``.

    Raises:
        UsageError: An input cannot be read.
    """
    return tuple(_changes(stamp, inputs, others))


def _changes(stamp: Stamp, inputs: Inputs, others: Collection[str]) -> Iterator[Change]:
    now = {one.name: one for one in inputs.files}
    for name, stamped_digest in stamp.inputs:
        one = now.get(name)
        path = one.path if one else inputs.folder / name
        if not regular_files.is_file(path):
            yield Change(How.GONE, name)
        elif digest(path) != stamped_digest:
            yield Change(How.CHANGED, name, decisive=one is None or one.decisive)
    known = {name for name, _ in stamp.inputs} | (set() if stamp.complete else set(others))
    for one in inputs.files:
        if one.name not in known:
            yield Change(How.NEW, one.name, decisive=one.decisive)
    if stamp.runtime != inputs.runtime:
        yield Change(How.RUNTIME, stamp.runtime, inputs.runtime)
    if stamp.architecture != inputs.architecture:
        yield Change(How.ARCHITECTURE, stamp.architecture, inputs.architecture)
