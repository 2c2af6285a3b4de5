"""The archives of one verification: each is fetched, unpacked and analysed once."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from harness.artifact.entries import Refused, Role
from harness.artifact.store import Store, needs_mask
from harness.check import Blocked
from harness.facts.archive import ArchiveFacts
from harness.facts.installed.shares import shares
from harness.facts.store import FactStore
from harness.model import ArtifactInfo, Timing
from harness.sources.aws import Aws
from harness.sources.fetch import Sources
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.artifact.bundle import Bundle
    from harness.artifact.entries import Archive
    from harness.manifest import Source
    from harness.policy import RuntimePolicy
    from harness.session.settings import Settings

TOO_LARGE = 4
"""Times Lambda's quota: what unpacks to more is not even analysed."""

ArchiveKey: TypeAlias = tuple[str, Role]
"""The place of an archive, and what it is used as."""

Version: TypeAlias = tuple[int, int]
"""Of Python: what an archive's sources mean depends on it."""


def describe(archive: Archive, facts: ArchiveFacts | None = None) -> ArtifactInfo:
    """An archive with what is known of its contents, as reports show it."""
    return ArtifactInfo(
        role=str(archive.role),
        source=archive.source,
        sha256=archive.sha256,
        code_sha256=archive.code_sha256,
        zipped_bytes=archive.zipped_bytes,
        unzipped_bytes=archive.unzipped_bytes,
        files=len(archive.files),
        content_sha256=(facts and facts.digest) or None,
        shares=shares(archive, facts.distributions) if facts else (),
    )


@contextlib.contextmanager
def timed(timings: list[Timing], name: str) -> Iterator[None]:
    """Add to the timings how long something took."""
    began = time.perf_counter()
    try:
        yield
    finally:
        timings.append(Timing(name, time.perf_counter() - began))


@dataclass
class Archives:
    """The archives of a verification, their facts, and the trees that they unpack to.

    Where handlers will be started, archives are unpacked first and analysed as trees, so that each is inflated once.

    Attributes:
        policy: Of the runtime that functions inherit.
        timings: How long each archive took.
    """

    settings: Settings
    policy: RuntimePolicy
    timings: list[Timing]
    _archives: dict[ArchiveKey, Archive] = field(default_factory=dict)
    _unavailable: dict[ArchiveKey, SourceUnavailable] = field(default_factory=dict)
    _facts: dict[tuple[ArchiveKey, Version], ArchiveFacts] = field(default_factory=dict)

    @property
    def _limit(self) -> int:
        """Bytes that Lambda lets an archive unpack to."""
        return self.policy.limits.unzipped_bytes

    @cached_property
    def sources(self) -> Sources:
        """Where archives come from."""
        return Sources(self.settings.cache, self.settings.progress, Aws(self.settings.profile))

    @cached_property
    def _store(self) -> Store:
        return Store(self.settings.cache / "trees")

    @cached_property
    def _fact_store(self) -> FactStore:
        return FactStore(self.settings.cache / "facts")

    @property
    def infos(self) -> tuple[ArtifactInfo, ...]:
        """The archives that were read, with the contents of those that were analysed."""
        facts = {key: found for (key, _), found in self._facts.items()}
        return tuple(describe(archive, facts.get(key)) for key, archive in self._archives.items())

    @property
    def read(self) -> set[str]:
        """The names of those that were read."""
        return {archive.source for archive in self._archives.values()}

    def archive(self, source: Source, role: Role) -> Archive:
        """An archive, read when it is first asked for; what cannot be had is not tried again.

        Raises:
            SourceUnavailable: It cannot be had.
        """
        key = _place(source, role)
        if key in self._unavailable:
            raise self._unavailable[key]
        if key not in self._archives:
            try:
                with timed(self.timings, f"reading {source.text}"):
                    self.settings.progress(f"reading {source.text}")
                    self._archives[key] = self._read(source, role)
            except SourceUnavailable as reason:
                self._unavailable[key] = reason
                raise
        return self._archives[key]

    def _read(self, source: Source, role: Role) -> Archive:
        """Read an archive, and unpack it where that will be needed, or analyse it."""
        archive = self.sources.archive(source, role)
        try:
            if self._is_unpacked(archive):
                self._store.tree(archive, self._limit)
            else:
                python = self.policy.python
                self._facts[_place(source, role), python] = self._analysis(archive, python)
        except Refused as refused:
            # Only its bytes show it: a checksum or a size that is not the declared one.
            return replace(archive, refusals=(refused.refusal,))
        return archive

    def facts(self, source: Source, role: Role, python: Version) -> ArchiveFacts:
        """What an archive contains, as a version of Python sees it.

        Raises:
            SourceUnavailable: It cannot be had.
        """
        archive, key = self.archive(source, role), (_place(source, role), python)
        if key not in self._facts:
            with timed(self.timings, f"analysing {source.text}"):
                self._facts[key] = self._analysis(archive, python)
        return self._facts[key]

    def _analysis(self, archive: Archive, python: Version) -> ArchiveFacts:
        if archive.refusals or archive.unzipped_bytes > TOO_LARGE * self._limit:
            return ArchiveFacts()
        tree = self._store.tree(archive, self._limit) if self._is_unpacked(archive) else None
        return self._fact_store.facts(archive, python, tree)

    def _is_unpacked(self, archive: Archive) -> bool:
        within = archive.unzipped_bytes <= self._limit
        return not self.settings.static and within and not archive.refusals

    def trees(self, bundle: Bundle) -> tuple[Path, Path | None]:
        """The folders that become ``/var/task`` and ``/opt``, with what others may not read made unreadable.

        Raises:
            Blocked: One of them is too large to be unpacked.
            Refused: One of them is not what it declares.
            OSError: The store cannot be written.
        """
        if over := [archive.source for archive in bundle.archives if archive.unzipped_bytes > self._limit]:
            raise Blocked(f"{', '.join(over)} is too large to be unpacked; unzipped-size says by how much")
        code = [bundle.code] if bundle.code else []
        task = self._store.tree(code[0], self._limit) if code else self._store.merged([])
        if not bundle.layers:
            return self._masked(task, code), None
        opt = self._store.merged([self._store.tree(layer, self._limit) for layer in bundle.layers])
        return self._masked(task, code), self._masked(opt, bundle.layers)

    def save(self) -> None:
        """Save for the next run what was read of the archives' sources.

        Raises:
            OSError: The cache cannot be written.
        """
        for (key, python), facts in self._facts.items():
            if facts.sources:
                self._fact_store.keep(self._archives[key], python, facts)

    def _masked(self, tree: Path, archives: Sequence[Archive]) -> Path:
        return self._store.masked(tree) if any(needs_mask(archive.entries) for archive in archives) else tree


def _place(source: Source, role: Role) -> ArchiveKey:
    return source.text if source.path is None else str(source.path), role
