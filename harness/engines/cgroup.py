"""A control group for each start, where this process may make one: as root, outside of most containers.

It holds the memory of all processes together, files in memory included, and their number; a thousand of them get as
much processor time as one process of the harness, which has to end them. Where there is none, the observer looks at the
processes every now and then, and the kernel limits each by itself.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.engines.probe_messages import SLACK_PROCESSES
from harness.probe.observer import PROCESSES
from harness.probe.processes import oom_killed

if TYPE_CHECKING:
    from collections.abc import Iterable

CGROUPS = Path("/sys/fs/cgroup")
STALE_SECONDS = 600
BURYING_SECONDS = 20.0
PREFIX = "lambda-artifact-"
SLACK_BYTES = 64 * 1024 * 1024  # for the sandbox's own programs and what the kernel counts beside pages


@dataclass(frozen=True, slots=True)
class Group:
    """One group, in each hierarchy that this machine has: one of version 2, or one for each controller of version 1."""

    folders: tuple[Path, ...]

    @classmethod
    def made(cls, memory: int) -> Self | None:
        """A group whose processes together have so many bytes; None where none can be made."""
        if os.geteuid() != 0:
            return None
        name = f"{_owner()}{os.getpid()}-{secrets.token_hex(8)}"
        figures = {"memory": str(memory + SLACK_BYTES), "pids": str(PROCESSES + SLACK_PROCESSES)}
        if (CGROUPS / "cgroup.controllers").exists():
            limits = {"memory.max": figures["memory"], "memory.swap.max": "0", "pids.max": figures["pids"]}
            made = [_make(CGROUPS, name, limits, optional=("memory.swap.max",))]
        else:
            made = [
                _make(CGROUPS / "memory", name, {"memory.limit_in_bytes": figures["memory"]}),
                _make(CGROUPS / "pids", name, {"pids.max": figures["pids"]}),
                _make(CGROUPS / "cpu", name, {}),
            ]
        folders = tuple(folder for folder in made if folder)
        return cls(folders) if folders else None

    def join(self, pids: Iterable[int]) -> None:
        """Put processes into it."""
        for pid in pids:
            for folder in self.folders:
                with contextlib.suppress(OSError):  # it has ended
                    (folder / "cgroup.procs").write_text(str(pid), "ascii")

    def out_of_memory(self) -> bool:
        """Whether the kernel ended one of its processes because the memory was used up."""
        return oom_killed(map(str, self.folders))

    def close(self) -> None:
        """Remove it; all of its processes have ended."""
        deadline = time.monotonic() + BURYING_SECONDS
        for folder in self.folders:
            while True:
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:  # the kernel still buries the last process, or a million files of its
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.01)
                else:
                    break


def _make(root: Path, name: str, limits: dict[str, str], optional: tuple[str, ...] = ()) -> Path | None:
    if not (root / "cgroup.procs").exists():  # a folder of hierarchies, and none itself
        return None
    _tidy(root)
    group = root / name
    with contextlib.suppress(OSError):
        group.mkdir()
        try:
            for file, value in limits.items():
                with contextlib.suppress(OSError) if file in optional else contextlib.nullcontext():
                    (group / file).write_text(value, "ascii")
        except OSError:
            group.rmdir()
            return None
        return group
    return None


def _owner() -> str:
    """What the names of groups begin with that belong to processes of this namespace."""
    return f"{PREFIX}{Path('/proc/self/ns/pid').stat().st_ino}-"


def _tidy(root: Path) -> None:
    """Remove the groups of runs that were killed; of those in other namespaces, which cannot be seen, the old ones."""
    own = _owner()
    for left in root.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # one in use cannot be removed
            gone = left.name.startswith(own) and not Path("/proc", left.name.removeprefix(own).split("-")[0]).exists()
            if gone or time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.rmdir()
