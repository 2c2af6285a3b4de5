"""The archives that are named, each read once, and the trees that they make."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.artifact.store import Store, needs_mask
from harness.model import ArtifactInfo
from harness.sources.aws import Aws
from harness.sources.fetch import Sources
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.artifact.bundle import Bundle
    from harness.artifact.entries import Archive, Role
    from harness.manifest import Source


def key_of(source: Source, role: Role) -> tuple[str, Role]:
    """What stands for an archive: where it is, and what its listing is held against."""
    return source.text if source.path is None else str(source.path), role


def describe(archive: Archive) -> ArtifactInfo:
    """An archive as reports tell of it."""
    return ArtifactInfo(
        role=str(archive.role),
        source=archive.source,
        sha256=archive.sha256,
        code_sha256=archive.code_sha256,
        zipped_bytes=archive.zipped_bytes,
        unzipped_bytes=archive.unzipped_bytes,
        files=len(archive.files),
    )


class Archives:
    """Everything that can be named as code or as a layer, below one cache.

    Attributes:
        sources: Where archives come from.
        store: Where they are unpacked.
    """

    def __init__(self, cache: Path, progress: Callable[[str], None], profile: str | None = None) -> None:
        self.sources = Sources(cache, progress, Aws(profile))
        self.store = Store(cache / "trees")
        self._progress = progress
        self._read: dict[tuple[str, Role], Archive | SourceUnavailable] = {}

    def read(self, source: Source, role: Role) -> Archive:
        """An archive, read when it is first asked for. What cannot be had is not tried again.

        Raises:
            SourceUnavailable: It cannot be had.
        """
        key = key_of(source, role)
        if key not in self._read:
            self._progress(f"reading {source.text}")
            try:
                self._read[key] = self.sources.archive(source, role)
            except SourceUnavailable as unavailable:
                self._read[key] = unavailable
        if isinstance(found := self._read[key], SourceUnavailable):
            raise found
        return found

    def trees(self, bundle: Bundle, limit: int) -> tuple[Path, Path | None]:
        """The folders that stand at ``/var/task`` and ``/opt``, with what others may not read made unreadable.

        Args:
            bundle: Accepted archives.
            limit: The most bytes that one may unpack to.

        Raises:
            Refused: One of them is not what it declares.
            OSError: The store cannot be written.
        """
        tree = partial(self.store.tree, limit=limit)
        code = tree(bundle.code) if bundle.code else self.store.merged([])
        opt = self.store.merged([tree(layer) for layer in bundle.layers]) if bundle.layers else None
        return self._seen(code, [bundle.code] if bundle.code else []), opt and self._seen(opt, bundle.layers)

    def _seen(self, tree: Path, archives: Sequence[Archive]) -> Path:
        hidden = any(needs_mask(archive.entries) for archive in archives)
        return self.store.masked(tree) if hidden else tree
