"""The user's cache folder: where it is, its parts, and the lease that protects it while it is used."""

from __future__ import annotations

import contextlib
import errno
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cache import trees

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARTS = {
    "trees": "unpacked archives",
    "facts": "facts of archives",
    "bytecode": "compiled modules",
    "answers": "answers of runtimes",
    "downloads": "fetched archives",
    "runtimes": "runtimes",
}
ROOTS = "roots"  # of functions that run now
DRAFT = re.compile(r"\.draft|\.tmp")
LEASE = "in-use.lock"
FULL = (errno.EDQUOT, errno.EIO, errno.ENOSPC)  # said of a file that is open, without its name
CLOSED = (errno.EACCES, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS)
UNLOCKABLE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # a file system that knows no locks


class CacheUnusable(OSError):  # noqa: N818 - a reason, which is shown as it is
    """The cache cannot be written, or not emptied now; the message says where it is and what would help."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The cache folder: ``LAMBDA_ARTIFACT_CACHE``, else the platform's."""
    if named := environ.get("LAMBDA_ARTIFACT_CACHE"):
        return Path(named).absolute()
    import platformdirs  # noqa: PLC0415 - where it is needed

    return platformdirs.user_cache_path("lambda-artifact")


@contextlib.contextmanager
def using(folder: Path) -> Iterator[None]:
    """Protect the cache from being pruned; several processes may do so at a time. Waits while it is being pruned.

    A process that is alone first removes what killed runs left behind.

    Raises:
        CacheUnusable: It cannot be written, at the beginning or by what is done meanwhile.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError), leased(folder, alone=True):
            sweep(folder)
        with leased(folder, alone=False):
            yield
    except OSError as error:
        if isinstance(error, CacheUnusable) or not _is_about(error, folder):
            raise
        raise CacheUnusable(unusable_cache(folder, error)) from error


def broken_cache(cache: Path) -> str:
    """The remedy where something in the cache was changed."""
    return f"Something in the cache {cache} was changed: empty it with `lambda-artifact cache prune`, and run again."


def unusable_cache(cache: Path, error: OSError) -> str:
    """The remedy where the cache cannot be written."""
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
def leased(folder: Path, *, alone: bool) -> Iterator[None]:
    """A lock on the whole cache, which the kernel takes back from a process that is killed.

    Raises:
        CacheUnusable: Another process has it, and it is wanted alone.
    """
    if sys.platform == "win32":  # where a file that is open cannot be removed anyway
        yield
        return
    import fcntl  # noqa: PLC0415 - not everywhere

    lease = folder / LEASE
    with contextlib.suppress(OSError):
        lease.touch()
    if not lease.is_file():  # a cache that is read-only or full: a later write says so
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


def sweep(folder: Path) -> None:
    """Remove the drafts of killed processes: no other process is using the cache now."""
    places = [folder, *(folder / part for part in PARTS), *(folder / "trees").glob("*/")]
    drafts = [path for place in places if place.is_dir() for path in place.iterdir() if DRAFT.search(path.name)]
    for left in (*drafts, *(folder / ROOTS).glob("*")):
        trees.remove(left)
