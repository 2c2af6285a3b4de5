"""The user's cache folder: where it is, what it holds, keeping it while it is used, and making it smaller.

It has parts, and each part holds things by their content. Whatever is kept can be made again, so a thing that was not
used for long can go, whoever made it: nothing here knows what is in one.
"""

from __future__ import annotations

import contextlib
import errno
import re
import stat
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cache import trees, usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MB = 1024 * 1024
PARTS = {
    "trees": "unpacked archives",
    "facts": "facts of archives",
    "bytecode": "compiled modules",
    "answers": "answers of runtimes",
    "downloads": "fetched archives",
    "runtimes": "runtimes",
}
LOCKS = "locks"
ROOTS = "roots"  # of functions that run now
DRAFT = re.compile(r"\.draft|\.tmp")
LEASE = "in-use.lock"
FULL = (errno.EDQUOT, errno.EIO, errno.ENOSPC)  # said of a file that is open, without its name
CLOSED = (errno.EACCES, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS)
UNLOCKABLE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # a file system that knows no locks


class CacheUnusable(OSError):  # noqa: N818 - a reason, which is shown as it is
    """The cache cannot be written, or not emptied now; the message says where it is and what would help."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where everything is kept that can be made again: ``LAMBDA_ARTIFACT_CACHE``, else the platform's place."""
    if named := environ.get("LAMBDA_ARTIFACT_CACHE"):
        return Path(named).absolute()
    import platformdirs  # noqa: PLC0415 - where it is needed

    return platformdirs.user_cache_path("lambda-artifact")


@contextlib.contextmanager
def using(folder: Path) -> Iterator[None]:
    """Keep what is in the cache from being pruned; many may do so at a time. Waits while it is being pruned.

    Who is alone removes first what runs left that were killed.

    Raises:
        CacheUnusable: It cannot be written, at the beginning or by what is done meanwhile.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError), _leased(folder, alone=True):
            _sweep(folder)
        with _leased(folder, alone=False):
            yield
    except OSError as error:
        if isinstance(error, CacheUnusable) or not _is_about(error, folder):
            raise
        raise CacheUnusable(unusable_cache(folder, error)) from error


def broken_cache(cache: Path) -> str:
    """What to do where something in the cache is not what was put there."""
    return f"Something in the cache {cache} was changed: empty it with `lambda-artifact cache prune`, and run again."


def unusable_cache(cache: Path, error: OSError) -> str:
    """What to do where the cache cannot be written."""
    return (
        f"the cache {cache} cannot be used ({error.strerror or error}): make room there, or name another folder in "
        "LAMBDA_ARTIFACT_CACHE"
    )


def _is_about(error: OSError, folder: Path) -> bool:
    named = error.filename2 or error.filename
    if named is None:
        return error.errno in FULL
    return error.errno in (*FULL, *CLOSED) and Path(str(named)).absolute().is_relative_to(folder)


@contextlib.contextmanager
def _leased(folder: Path, *, alone: bool) -> Iterator[None]:
    """A lock on the whole cache, which the kernel takes back from a process that is killed.

    Raises:
        CacheUnusable: Somebody else has it, and it is wanted alone.
    """
    if sys.platform == "win32":  # where a file that is open cannot be removed anyway
        yield
        return
    import fcntl  # noqa: PLC0415 - not everywhere

    lease = folder / LEASE
    with contextlib.suppress(OSError):
        lease.touch()
    if not lease.is_file():  # a cache that may only be read, or is full: what is to be written will tell
        yield
        return
    with lease.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            raise CacheUnusable(
                f"the cache {folder} is in use by another run: nothing was removed; try again once it has ended"
            ) from None
        except OSError as error:
            if error.errno not in UNLOCKABLE:
                raise
        yield


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that is kept, and can be made again.

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
    """Where it is, what each part of it holds, and how often what was looked for was there."""
    things, counted = list(_things(folder)), usage.uses(folder)
    lines = [str(folder)]
    for part, name in PARTS.items():
        among = [thing for thing in things if thing.part == part]
        uses = f"{counted.hits.get(part, 0):>8,} hits {counted.misses.get(part, 0):>6,} misses"
        lines.append(f"  {name:<19} {len(among):>5} {_bytes(among) / MB:>10,.1f} MB {uses}")
    lines.append(f"  {'together':<19} {len(things):>5} {_bytes(things) / MB:>10,.1f} MB")
    if counted.since is not None:
        lines[-1] += f" since {counted.since:%Y-%m-%d %H:%M} UTC"
    return "\n".join(lines)


def prune_cache(folder: Path, most_bytes: int | None = None, older_than: float | None = None) -> str:
    """Remove what was least recently used; what is needed will be made again.

    Args:
        folder: The cache.
        most_bytes: What all that stays may have together.
        older_than: Seconds since the last use, from which on a thing goes.

    Where neither is given, everything goes.

    Returns:
        What was removed, in one line.

    Raises:
        CacheUnusable: A run uses it; nothing was removed.
    """
    if not folder.is_dir():
        return "removed nothing"
    with _leased(folder, alone=True):
        _sweep(folder)
        things = list(_things(folder))
        everything = most_bytes is None and older_than is None
        stay, doomed = ([], things) if everything else _parted(things, most_bytes, older_than)
        for path in (path for thing in doomed for path in thing.paths):
            _remove(path)
        if everything:
            usage.forget(folder)
        else:
            usage.sum_up(folder)
    return f"removed {len(doomed)} of {len(things)}, {(_bytes(things) - _bytes(stay)) / MB:,.1f} MB"


def _sweep(folder: Path) -> None:
    """Remove what processes half-made that were killed: nobody else makes anything now."""
    places = [folder, *(folder / part for part in PARTS), *(folder / "trees").glob("*/")]
    drafts = [path for place in places if place.is_dir() for path in place.iterdir() if DRAFT.search(path.name)]
    for left in (*drafts, *(folder / ROOTS).glob("*")):
        trees.remove(left)


def _parted(
    things: Sequence[Thing], most_bytes: int | None, older_than: float | None
) -> tuple[list[Thing], list[Thing]]:
    """What stays and what goes, the least recently used first. A file is gone once nothing that stays has it."""
    owners = Counter(file for thing in things for file in thing.files)
    total, now = _bytes(things), time.time()
    stay, doomed = [], []
    for thing in sorted(things, key=lambda thing: thing.used):
        old = older_than is not None and now - thing.used >= older_than
        if old or (most_bytes is not None and total > most_bytes):
            doomed.append(thing)
            owners.subtract(thing.files)
            total -= sum(file[2] for file in thing.files if not owners[file])
        else:
            stay.append(thing)
    return stay, doomed


def _remove(path: Path) -> None:
    """Remove a thing so that no moment shows half of it."""
    if path.is_dir() and not path.is_symlink():
        grave = path.with_name(f"{path.name}.draft-pruned")
        path.rename(grave)
        path = grave
    trees.remove(path)


def _things(folder: Path) -> Iterator[Thing]:
    for part in PARTS:
        gathered: dict[str, list[Path]] = {}
        for path in _entries(folder / part):
            gathered.setdefault(_named(path.name), []).append(path)
        for name in sorted(gathered):
            with contextlib.suppress(FileNotFoundError):  # somebody is just replacing it
                yield _thing(part, gathered[name])


def _entries(part: Path) -> Iterator[Path]:
    """What is in a part of the cache, without its locks and what is being made."""
    if part.is_dir():
        for path in part.iterdir():
            own = path.name == LOCKS or path.suffix == ".lock" or path.name.startswith(".")
            if not own and not DRAFT.search(path.name):
                yield path


def _named(name: str) -> str:
    """What files that belong together have in common: their names up to the digest of a content."""
    found = re.match(r".*?[0-9a-f]{64}", name)
    return found[0] if found else name


def _thing(part: str, paths: Sequence[Path]) -> Thing:
    files = frozenset(
        (status.st_dev, status.st_ino, status.st_size)
        for path in paths
        for _, status in trees.walk(path)
        if not stat.S_ISDIR(status.st_mode)
    )
    return Thing(part, tuple(paths), max(path.lstat().st_mtime for path in paths), files)


def _bytes(things: Sequence[Thing]) -> int:
    return sum(size for _, _, size in frozenset().union(*(thing.files for thing in things)))
