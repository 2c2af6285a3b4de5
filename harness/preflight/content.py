"""Compare archives by their files, whatever their bytes: builds that are not reproducible differ in bytes alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness.artifact.entries import Kind, Role
from harness.manifest import Source, SourceKind
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.artifact.entries import Archive
    from harness.preflight.account import Layer, LayerRef, PublishedLayer
    from harness.preflight.deployment import Pair
    from harness.sources.fetch import Sources

_NEAR: Final = 100
"""Dates and order do not change an archive's size, and bytecode little: what differs by more than 1/100 is another."""


def alike(one: Archive, other: Archive) -> bool:
    """Whether they unpack to the same files, bytecode aside, which holds dates."""
    return not one.refusals and not other.refusals and _content(one) == _content(other)


def _content(archive: Archive) -> frozenset[tuple[str, Kind, int, int, int, str | None]]:
    return frozenset(
        (entry.name, entry.kind, entry.mode, entry.size, entry.crc, entry.target)
        for entry in archive.entries
        if entry.kind is not Kind.DIRECTORY and not entry.name.endswith(".pyc")
    )


def with_same_content(layers: Sequence[Layer], pairs: Sequence[Pair], sources: Sources) -> Iterator[Layer]:
    """The layers, each with what has the same files as an archive that is to become it; fetches two of each at most."""
    for layer in layers:
        archives = {
            archive.source: archive.archive
            for pair in pairs
            for archive, arn in zip(pair.planned.layers, pair.layers, strict=True)
            if arn == layer.arn and archive.archive and not layer.having(archive.code_sha256)
        }
        carried = {one for pair in pairs if pair.deployed for one in pair.deployed.latest.layers}
        worth = [one for one in layer.versions if one is layer.versions[0] or one.carried in carried][:2]
        yield replace(
            layer,
            same=tuple(
                (source, found)
                for source, archive in archives.items()
                if (found := _same(archive, worth, sources)) is not None
            ),
        )


def _same(archive: Archive, worth: Sequence[PublishedLayer], sources: Sources) -> LayerRef | None:
    for one in worth:
        size, its = archive.zipped_bytes, one.size
        if not size or not its or abs(size - its) * _NEAR > size:
            continue
        arn = one.carried.arn
        try:
            published = sources.archive(Source(arn, None, SourceKind.REMOTE), Role.LAYER)
        except SourceUnavailable:  # its digest is known, and differs: this is only a closer look
            continue
        if alike(archive, published):
            return one.carried
    return None
