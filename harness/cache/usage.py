"""What is kept in the cache was used, or had to be made: noted beside it, so that it can be counted and pruned.

Each kept thing is a file or a folder, ``<cache>/<part>/<name>``. Its modification time is when it was last used: access
times are off on many machines. Uses are counted in a file that lines are only appended to, each in one call: no lock is
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
    """How often what was looked for was there.

    Attributes:
        since: When counting began; None where nothing was counted.
        hits: How often it was there, by the name of the cache's part.
        misses: How often it had to be made, by the same.
    """

    since: datetime | None
    hits: Mapping[str, int]
    misses: Mapping[str, int]


def used(item: Path, *, hit: bool) -> None:
    """Note that a kept thing is used. Never fails: a cache that may only be read is still of use.

    Args:
        item: ``<cache>/<part>/<name>``; all files of a name count as one thing, and any of them will do.
        hit: Whether it was there; else it has just been made.
    """
    part = item.parent
    if hit:
        with contextlib.suppress(OSError):
            os.utime(item)
    with contextlib.suppress(OSError):
        _append(part.parent / _LOG, part.name, _HIT if hit else _MISS, int(time.time()), 1)


def uses(cache: Path) -> Uses:
    """How often what was looked for was there, as far as the log can be read."""
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
    """Make the log short. Nobody else may use the cache meanwhile.

    Raises:
        OSError: The cache cannot be written.
    """
    found = uses(cache)
    if found.since is None:
        (cache / _LOG).unlink(missing_ok=True)
        return
    began = int(found.since.timestamp())
    draft = cache / f"{_LOG}.draft"
    draft.unlink(missing_ok=True)
    for kind, counted in ((_HIT, found.hits), (_MISS, found.misses)):
        for part, number in counted.items():
            _append(draft, part, kind, began, number)
    draft.replace(cache / _LOG)


def forget(cache: Path) -> None:
    """Begin to count anew.

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
