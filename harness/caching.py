"""The user's cache folder: where it is, how large, and emptying it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from harness.artifact.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

MB = 1024 * 1024


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where everything is kept that can be made again: ``LAMBDA_ARTIFACT_CACHE``, else the platform's place."""
    named = environ.get("LAMBDA_ARTIFACT_CACHE")
    return Path(named).absolute() if named else platformdirs.user_cache_path("lambda-artifact")


def describe_cache(folder: Path) -> str:
    """Where it is and what it holds."""
    trees, size = Store(folder / "trees").usage()
    runtimes = [path.name for path in (folder / "runtimes").glob("python*") if path.is_dir()]
    return (
        f"{folder}\n  unpacked archives  {trees:>4}  {size / MB:8.1f} MB\n"
        f"  runtimes           {len(runtimes):>4}  {', '.join(sorted(runtimes))}".rstrip()
    )


def prune_cache(folder: Path) -> None:
    """Remove everything in it; what is needed will be made again."""
    Store(folder / "trees").prune()
    for runtime in (folder / "runtimes").glob("python*"):
        if runtime.is_dir() and ".tmp" not in runtime.name:
            # Renamed first: no moment shows half a runtime, and a kill leaves a draft, which the next one removes.
            with FileLock(runtime.with_name(f"{runtime.name}.lock")):
                grave = runtime.with_name(f"{runtime.name}.tmp-pruned")
                shutil.rmtree(grave, ignore_errors=True)
                runtime.rename(grave)
                shutil.rmtree(grave, ignore_errors=True)
