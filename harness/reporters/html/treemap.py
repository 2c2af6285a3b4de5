"""What fills the archives of a function, as rectangles whose areas are bytes, against Lambda's quota."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import squarify

from harness.model import Share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import ArtifactInfo
    from harness.reporters.document import Document

WIDTH: Final = 100.0  # percent of the page's
HEIGHT: Final = 440.0  # pixels
_ASPECT: Final = 10.0  # pixels that one percent of the width is, on a wide page
_SMALLEST: Final = 0.004  # of the whole; smaller shares are one rectangle
_MOST_MAPS: Final = 12
_LABELLED: Final = (5.0, 18.0)  # percent and pixels below which a label does not fit


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle.

    Attributes:
        x: In percent, as its ``width``.
        y: In pixels, as its ``height``.
        archive: The number of its archive; None: it is free.
        has_label: Whether there is room for one.
    """

    x: float
    y: float
    width: float
    height: float
    share: Share
    archive: int | None = None

    @property
    def has_label(self) -> bool:
        """Whether there is room for its name."""
        return self.width >= _LABELLED[0] and self.height >= _LABELLED[1]


@dataclass(frozen=True, slots=True)
class Map:
    """What fills the archives that some functions share.

    Attributes:
        functions: Their names.
        used: Bytes of all archives.
        limit: Bytes that they may have.
    """

    functions: tuple[str, ...]
    archives: tuple[ArtifactInfo, ...]
    used: int
    limit: int
    boxes: tuple[Box, ...]


def maps(document: Document) -> Iterator[Map]:
    """A map for each set of archives that functions share, the fullest first."""
    known = {artifact.source: artifact for _, artifact in document.archives if artifact.shares}
    sets: dict[tuple[str, ...], list[str]] = {}
    for function in document.functions:
        sets.setdefault(function.archives, []).append(function.name)
    if not document.functions:
        sets[tuple(known)] = []
    found = [
        (tuple(known[source] for source in sources), names)
        for sources, names in sets.items()
        if sources and all(source in known for source in sources)
    ]
    found.sort(key=lambda one: -_used(one[0]))
    return (_map(archives, tuple(names), document.unzipped_limit) for archives, names in found[:_MOST_MAPS])


def _used(archives: Sequence[ArtifactInfo]) -> int:
    return sum(one.unzipped_bytes for one in archives)


def _map(archives: tuple[ArtifactInfo, ...], functions: tuple[str, ...], limit: int) -> Map:
    used = _used(archives)
    whole = max(used, limit)
    free = Share("free", limit - used, 0)
    groups: list[tuple[int | None, Share]] = [
        (number, Share(archive.source, archive.unzipped_bytes, archive.files))
        for number, archive in enumerate(archives)
        if archive.unzipped_bytes
    ]
    groups += [(None, free)] if free.size > 0 else []
    boxes = list[Box]()
    for number, group in _laid_out(groups, Box(0, 0, WIDTH, HEIGHT, free)):
        if number is None:
            boxes.append(group)
        else:
            parts = [(number, share) for share in _visible(archives[number], whole) if share.size]
            boxes += [box for _, box in _laid_out(parts, group)]
    return Map(functions, archives, used, limit, tuple(boxes))


def _visible(archive: ArtifactInfo, whole: int) -> tuple[Share, ...]:
    """The shares of an archive, the smallest of them as one."""
    shown = [share for share in archive.shares if share.size >= whole * _SMALLEST]
    if rest := archive.shares[len(shown) :]:
        size, files = sum(share.size for share in rest), sum(share.files for share in rest)
        shown.append(rest[0] if len(rest) == 1 else Share(f"{len(rest)} smaller", size, files))
    return tuple(sorted(shown, key=lambda share: -share.size))


def _laid_out(parts: Sequence[tuple[int | None, Share]], within: Box) -> Iterator[tuple[int | None, Box]]:
    """A rectangle for each part, all of them together the given one."""
    parts = sorted(parts, key=lambda part: -part[1].size)
    wide, high = within.width * _ASPECT, within.height
    sizes = squarify.normalize_sizes([share.size for _, share in parts], wide, high)
    for (number, share), one in zip(parts, squarify.squarify(sizes, 0, 0, wide, high), strict=True):
        x, width = within.x + one["x"] / _ASPECT, one["dx"] / _ASPECT
        yield number, Box(x, within.y + one["y"], width, one["dy"], share, number)
