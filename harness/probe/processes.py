"""What the kernel knows of processes, read from outside of them, and signals to them."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = os.sysconf("SC_PAGE_SIZE")
# Lines and columns of /proc/PID/net/snmp: what had no way out, and what nobody on the loopback listens for.
FAILURES = {"Ip": ("OutNoRoutes",), "Tcp": ("AttemptFails",)}
BUSY = (b"R", b"D")  # states of threads: running or ready to run, waiting for a disk


def kill(pids: Iterable[int], number: int = signal.SIGKILL) -> None:
    """Send processes a signal, as far as they are there."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def exit_status(status: int) -> int:
    """The status that ``waitpid`` found, as a shell has it."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def yield_to_others(pids: list[int]) -> None:
    """Let processes, and all that they start, have what nobody else wants of the processors."""
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def oom_killed(folders: Iterable[str]) -> bool:
    """Whether the kernel ended a process of a control group because the memory was used up."""
    for folder in folders:
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError), open(f"{folder}/{name}", encoding="ascii") as file:
                if any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in file):
                    return True
    return False


def in_memory(folders: Iterable[str]) -> int | None:
    """What the processes of a control group hold, files in memory included, in bytes."""
    for folder in folders:
        with (
            contextlib.suppress(OSError, ValueError, KeyError),
            open(f"{folder}/memory.stat", encoding="ascii") as file,
        ):
            counted = dict(line.split() for line in file)
            return int(counted["anon" if "anon" in counted else "rss"]) + int(counted["shmem"])
    return None


def descendants(root: int) -> list[list[int]]:
    """Every living process below ``root``, by generations; empty where it has ended."""
    found: list[list[int]] = []
    level = [root]
    while level:
        level = [child for pid in level for child in children(pid)]
        if level:
            found.append(level)
    return found


def children(pid: int) -> list[int]:
    """The living processes that a process has started and not buried."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as listed:
                found += map(int, listed.read().split())
    return found


def resident(pid: int) -> int:
    """The memory of a process, in bytes."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/statm", "rb") as statm:
        return int(statm.read().split()[1]) * PAGE
    return 0


def proportional(pid: int) -> int:
    """The memory of a process in bytes, in which it has its share of pages that others have, too."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup", "rb") as smaps:
        for line in smaps:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def unmapped(pids: list[int]) -> int:
    """What files without a name on any disk hold, each counted once."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids[:64]:
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("/memfd:"):
                        status = os.stat(f"/proc/{pid}/fd/{descriptor}")
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def peak(pid: int) -> int:
    """The largest resident size that a process reached, in bytes."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def waited(pid: int) -> float:
    """How long a process was ready to run and got no processor, in seconds, as far as the kernel counts it."""
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/schedstat", "rb") as schedstat:
        return int(schedstat.read().split()[1]) / 1e9
    return 0.0


def cpu(pid: int) -> int:
    """Processor time of a process and of the children that it waited for, in clock ticks."""
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat", "rb") as stat:
        # The name, in parentheses, may hold anything, parentheses too.
        fields = stat.read().rpartition(b")")[2].split()
        return sum(int(fields[place]) for place in (11, 12, 13, 14))
    return 0


def failures(pid: int) -> int | None:
    """The failures that the kernel has counted on a process's network; None where it counts none."""
    found = 0
    try:
        with open(f"/proc/{pid}/net/snmp", encoding="ascii") as file:
            lines = [line.split() for line in file]
    except (OSError, ValueError):
        return None
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        counted = dict(zip(names, values, strict=False))
        found += sum(int(counted.get(one, 0)) for one in FAILURES.get(names[0].rstrip(":"), ()))
    return found


def busy(pid: int) -> bool:
    """Whether a thread of a process runs, wants to, or waits for a disk."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/task/{thread}/stat", "rb") as stat:
                if stat.read().rpartition(b")")[2].split()[0] in BUSY:
                    return True
    return False
