"""Keeps a sandbox from filling the machine with processes, where this process may: as root, through control groups.

An ordinary user's sandbox is held by its resource limits instead, which the kernel does not apply to root.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The controller's own hierarchy (version 1), then the unified one (version 2).
ROOTS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))
STALE_SECONDS = 600
PREFIX = "lambda-artifact-"
JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@contextlib.contextmanager
def limited(command: Sequence[str], processes: int) -> Iterator[list[str]]:
    """The command, in a control group of its own with at most ``processes`` tasks; as it is where none can be made."""
    group = _make(processes)
    try:
        yield ["/bin/sh", "-c", JOIN, str(group), *command] if group else list(command)
    finally:
        if group:
            _remove(group)


def _make(processes: int) -> Path | None:
    if os.geteuid() != 0:
        return None
    for root in ROOTS:
        if not (root / "cgroup.procs").exists():  # a folder of hierarchies, and none itself
            continue
        _tidy(root)
        group = root / f"{PREFIX}{secrets.token_hex(8)}"
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                (group / "pids.max").write_text(str(processes), "ascii")
            except OSError:
                group.rmdir()
                continue
            return group
    return None


def _tidy(root: Path) -> None:
    """Remove the groups of runs that were killed; one in use cannot be removed, one just made is young."""
    for left in root.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.rmdir()


def _remove(group: Path) -> None:
    for _ in range(50):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.02)  # the kernel is still taking leave of the last process
        else:
            return
