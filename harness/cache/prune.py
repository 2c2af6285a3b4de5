"""What the cache holds, how useful it is, and making it smaller.

It has parts, and each part holds items by their content. Every item can be made again, so one that was not used for
long can go: nothing here knows what is in it.
"""

from __future__ import annotations

import contextlib
import re
import stat
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cache import trees, usage
from harness.cache.folder import DRAFT, PARTS, leased, sweep
from harness.cache.locks import LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the cache, which can be made again.

    Attributes:
        paths: The files and folders that it consists of.
        used: When it was last used, in seconds since the epoch.
        files: Of each file the device, the inode and the size: trees share files.
    """

    part: str
    paths: tuple[Path, ...]
    used: float
    files: frozenset[tuple[int, int, int]]


def describe_cache(folder: Path) -> str:
    """Describe the cache: where it is, what each part of it holds, and how often that was of use."""
    items, counted = list(_items(folder)), usage.uses(folder)
    lines = [str(folder)]
    for part, name in PARTS.items():
        among = [item for item in items if item.part == part]
        uses = f"{counted.hits.get(part, 0):>8,} hits {counted.misses.get(part, 0):>6,} misses"
        lines.append(f"  {name:<19} {len(among):>5} {_bytes(among) / MB:>10,.1f} MB {uses}")
    lines.append(f"  {'together':<19} {len(items):>5} {_bytes(items) / MB:>10,.1f} MB")
    if counted.since is not None:
        lines[-1] += f" since {counted.since:%Y-%m-%d %H:%M} UTC"
    return "\n".join(lines)


def prune_cache(folder: Path, most_bytes: int | None = None, older_than: float | None = None) -> str:
    """Remove the least recently used items; without limits, all of them.

    Args:
        folder: The cache.
        most_bytes: The most that the remaining items may have together.
        older_than: Seconds since the last use from which on an item goes.

    Returns:
        What was removed, in one line.

    Raises:
        CacheUnusable: A run uses it; nothing was removed.
    """
    if not folder.is_dir():
        return "removed nothing"
    with leased(folder, alone=True):
        sweep(folder)
        items = list(_items(folder))
        everything = most_bytes is None and older_than is None
        stay, doomed = ([], items) if everything else _parted(items, most_bytes, older_than)
        for path in (path for item in doomed for path in item.paths):
            _remove(path)
        if everything:
            usage.forget(folder)
        else:
            usage.sum_up(folder)
    return f"removed {len(doomed)} of {len(items)}, {(_bytes(items) - _bytes(stay)) / MB:,.1f} MB"


def _parted(items: Sequence[Item], most_bytes: int | None, older_than: float | None) -> tuple[list[Item], list[Item]]:
    """Items to keep and to remove, the least recently used first. A file is gone once no remaining item has it."""
    owners = Counter(file for item in items for file in item.files)
    total, now = _bytes(items), time.time()
    stay, doomed = [], []
    for item in sorted(items, key=lambda item: item.used):
        old = older_than is not None and now - item.used >= older_than
        if old or (most_bytes is not None and total > most_bytes):
            doomed.append(item)
            owners.subtract(item.files)
            total -= sum(file[2] for file in item.files if not owners[file])
        else:
            stay.append(item)
    return stay, doomed


def _remove(path: Path) -> None:
    """Remove an item so that no moment shows half of it."""
    if path.is_dir() and not path.is_symlink():
        grave = path.with_name(f"{path.name}.draft-pruned")
        path.rename(grave)
        path = grave
    trees.remove(path)


def _items(folder: Path) -> Iterator[Item]:
    for part in PARTS:
        gathered: dict[str, list[Path]] = {}
        for path in _entries(folder / part):
            gathered.setdefault(_named(path.name), []).append(path)
        for name in sorted(gathered):
            with contextlib.suppress(FileNotFoundError):  # somebody is just replacing it
                yield _item(part, gathered[name])


def _entries(part: Path) -> Iterator[Path]:
    """The files and folders of a part of the cache, without locks and drafts."""
    if part.is_dir():
        for path in part.iterdir():
            own = path.name == LOCKS or path.suffix == ".lock" or path.name.startswith(".")
            if not own and not DRAFT.search(path.name):
                yield path


def _named(name: str) -> str:
    """The name that files of one item share: up to the digest of a content."""
    digest = re.match(r".*?[0-9a-f]{64}", name)
    return digest[0] if digest else name


def _item(part: str, paths: Sequence[Path]) -> Item:
    files = frozenset(
        (status.st_dev, status.st_ino, status.st_size)
        for path in paths
        for _, status in trees.walk(path)
        if not stat.S_ISDIR(status.st_mode)
    )
    return Item(part, tuple(paths), max(path.lstat().st_mtime for path in paths), files)


def _bytes(items: Sequence[Item]) -> int:
    return sum(size for _, _, size in frozenset().union(*(item.files for item in items)))
