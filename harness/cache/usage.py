"""Hits and misses of the cache, so that they can be counted, and items pruned by their last use.

An item is a file or a folder, ``<cache>/<part>/<name>``. Its modification time is when it was last used: access times
are off on many machines. Uses are counted in a log that lines are only appended to, each in one call: no lock is
needed, and a process that is killed loses nothing but its own last line.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LOG = "uses"
_HIT, _MISS = "hit", "miss"


@dataclass(frozen=True, slots=True)
class Uses:
    """Hits and misses.

    Attributes:
        since: When counting began; None where nothing was counted.
        hits: How often an item was there, by the cache's part.
        misses: How often it had to be made, by the same.
    """

    since: datetime | None
    hits: Mapping[str, int]
    misses: Mapping[str, int]


def used(item: Path, *, hit: bool) -> None:
    """Log the use of an item. Never fails: a read-only cache is still of use.

    Args:
        item: ``<cache>/<part>/<name>``; all files of a name are one item, and any of them will do.
        hit: Whether it was there; else it has just been made.
    """
    part = item.parent
    if hit:
        with contextlib.suppress(OSError):
            os.utime(item)
    with contextlib.suppress(OSError):
        _append(part.parent / _LOG, part.name, _HIT if hit else _MISS, int(time.time()), 1)


def uses(cache: Path) -> Uses:
    """Hits and misses, as far as the log can be read."""
    counts: dict[str, Counter[str]] = {_HIT: Counter(), _MISS: Counter()}
    since = None
    with contextlib.suppress(OSError):
        for line in (cache / _LOG).read_text("utf-8", "replace").splitlines():
            with contextlib.suppress(KeyError, ValueError, OverflowError, OSError):
                when, part, kind, number = line.split(" ")
                moment = datetime.fromtimestamp(int(when), UTC)
                counts[kind][part] += int(number)
                since = min(since or moment, moment)
    return Uses(since, dict(counts[_HIT]), dict(counts[_MISS]))


def sum_up(cache: Path) -> None:
    """Shorten the log. No other process may use the cache meanwhile.

    Raises:
        OSError: The cache cannot be written.
    """
    total = uses(cache)
    if total.since is None:
        (cache / _LOG).unlink(missing_ok=True)
        return
    began = int(total.since.timestamp())
    draft = cache / f"{_LOG}.draft"
    draft.unlink(missing_ok=True)
    for kind, counted in ((_HIT, total.hits), (_MISS, total.misses)):
        for part, number in counted.items():
            _append(draft, part, kind, began, number)
    draft.replace(cache / _LOG)


def forget(cache: Path) -> None:
    """Reset the counts.

    Raises:
        OSError: The cache cannot be written.
    """
    (cache / _LOG).unlink(missing_ok=True)


def _append(log: Path, part: str, kind: str, when: int, number: int) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, f"{when} {part} {kind} {number}\n".encode())
    finally:
        os.close(descriptor)
