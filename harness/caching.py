"""The user's cache folder: where it is, how large, keeping it while it is used, and emptying it."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from harness.artifact.store import Store
from harness.engines.environment import unusable_cache
from harness.facts.store import FactStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MB = 1024 * 1024
LEASE = "in-use.lock"
FULL = (errno.EDQUOT, errno.EIO, errno.ENOSPC)  # said of a file that is open, without its name
CLOSED = (errno.EACCES, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS)
UNLOCKABLE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # a file system that knows no locks


class CacheUnusable(OSError):  # noqa: N818 - a reason, which is shown as it is
    """The cache cannot be written, or not emptied now; the message says where it is and what would help."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where everything is kept that can be made again: ``LAMBDA_ARTIFACT_CACHE``, else the platform's place."""
    named = environ.get("LAMBDA_ARTIFACT_CACHE")
    return Path(named).absolute() if named else platformdirs.user_cache_path("lambda-artifact")


@contextlib.contextmanager
def using(folder: Path) -> Iterator[None]:
    """Keep what is in the cache from being pruned; many may do so at a time. Waits while it is being pruned.

    Raises:
        CacheUnusable: It cannot be written, at the beginning or by what is done meanwhile.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _leased(folder, alone=False):
            yield
    except OSError as error:
        if isinstance(error, CacheUnusable) or not _is_about(error, folder):
            raise
        raise CacheUnusable(unusable_cache(folder, error)) from error


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


def describe_cache(folder: Path) -> str:
    """Where it is and what it holds."""
    trees, size = Store(folder / "trees").usage()
    facts, facts_size = FactStore(folder / "facts").usage()
    runtimes = [path.name for path in (folder / "runtimes").glob("python*") if path.is_dir()]
    return (
        f"{folder}\n  unpacked archives  {trees:>4}  {size / MB:8.1f} MB\n"
        f"  facts of archives  {facts:>4}  {facts_size / MB:8.1f} MB\n"
        f"  runtimes           {len(runtimes):>4}  {', '.join(sorted(runtimes))}".rstrip()
    )


def prune_cache(folder: Path) -> None:
    """Remove everything in it; what is needed will be made again.

    Raises:
        CacheUnusable: A run uses it; nothing was removed.
    """
    if not folder.is_dir():
        return
    with _leased(folder, alone=True):
        Store(folder / "trees").prune()
        FactStore(folder / "facts").prune()
        for runtime in (folder / "runtimes").glob("python*"):
            if runtime.is_dir() and ".tmp" not in runtime.name:
                # Renamed first: no moment shows half a runtime, and a kill leaves a draft, which the next one removes.
                with FileLock(runtime.with_name(f"{runtime.name}.lock")):
                    grave = runtime.with_name(f"{runtime.name}.tmp-pruned")
                    shutil.rmtree(grave, ignore_errors=True)
                    runtime.rename(grave)
                    shutil.rmtree(grave, ignore_errors=True)
