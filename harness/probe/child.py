"""One process tree, watched: its output to a bound, its memory, its end."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = os.sysconf("SC_PAGE_SIZE")
HEAD_BYTES, TAIL_BYTES = 16_384, 65_536
LOOK_SECONDS = 0.05
ATTEMPTS = 10  # at killing one process after the other; what multiplies faster is a fork bomb
MANY = 128  # processes, in a sandbox
PROCESSES = 1024  # Lambda's quota for processes and threads (developer guide, gettingstarted-limits)


class Child:
    """A process of the handler's, and all that descends from it.

    The process that makes one must be a subreaper (or process 1), so that no descendant escapes by detaching itself.
    """

    def __init__(  # noqa: PLR0913 - what a process is started with, and how it is watched
        self,
        command: list[str],
        environment: dict[str, str],
        cwd: str,
        *,
        alone: bool,
        nice: int,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self._bomb = self._many = False
        self._alone = alone  # in a namespace of processes of the sandbox's own
        self.started = time.monotonic()
        self._head, self._tail, self._lost = b"", b"", 0
        self._looked = 0.0
        _volunteer(1000)  # what a handler may cost, the kernel is to take from the handler
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        _volunteer(500)
        self._nice(nice)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, settled: Callable[[], bool], changed: threading.Condition, deadline: float, memory: int) -> str:
        """Wait for ``settled``.

        Returns:
            ``settled``, or what came first: ``exit``, ``timeout``, ``memory`` or ``processes``.
        """
        while True:
            ended = self._process.poll() is not None
            with changed:
                # Looked at after the process: what it posted before it ended is here by now.
                if settled():
                    return "settled"
                if not ended:
                    changed.wait(0.01)
            if ended:
                return "exit"
            now = time.monotonic()
            if now > deadline:
                return "timeout"
            if self._alone and self._multiplies():
                return "processes"
            if now - self._looked > LOOK_SECONDS and (limit := self._exceeded(memory)):
                return limit

    def _multiplies(self) -> bool:
        """Whether there are more processes than Lambda allows; ends them before there are too many to be ended."""
        count = sum(map(str.isdigit, os.listdir("/proc")))
        if count > MANY and not self._many:
            self._nice(19)
        self._many, self._bomb = count > MANY, count > PROCESSES
        if self._bomb:
            self._kill()
        return self._bomb

    def _nice(self, value: int) -> None:
        """Let the keeper go first: it would wait its turn behind all of a fork bomb while that becomes more."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, self._process.pid, value)

    def _exceeded(self, memory: int) -> str | None:
        """Which limit is exceeded now, if one is."""
        self._looked = time.monotonic()
        if self._many:  # a fork bomb would be through before their memory is added up
            return None
        used, count = usage(os.getpid(), memory)
        if used > memory:
            return "memory"
        return "processes" if count > PROCESSES else None

    def wait(self, seconds: float) -> int | None:
        """The exit status (negative: the signal that ended it), or None where it is still running."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """Kill the whole tree, whatever it did to hide, and read what is left of its output."""
        for attempt in itertools.count():
            self._bomb |= self._alone and attempt > ATTEMPTS
            self._kill()
            self._process.wait()  # first, so that subprocess keeps the exit status of its own
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:  # no child is left, so nothing that descends from one is either
                break
            time.sleep(0.002)
        self._reader.join(1.0)

    def _kill(self) -> None:
        if self._bomb:
            os.kill(-1, signal.SIGKILL)  # the one call that a fork bomb cannot outrun
            return
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def output(self) -> str:
        """What it printed: the beginning and the end, and how much is missing between."""
        gap = f"\n… {self._lost:,} bytes left out …\n".encode() if self._lost else b""
        return (self._head + gap + self._tail).decode("utf-8", "replace")

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        while chunk := os.read(stream.fileno(), 65_536):
            room = HEAD_BYTES - len(self._head)
            self._head += chunk[:room]
            self._tail += chunk[room:]
            if (excess := len(self._tail) - TAIL_BYTES) > 0:
                self._tail = self._tail[excess:]
                self._lost += excess


def _volunteer(score: int) -> None:
    """How gladly this process, and what it starts from here on, would be killed when memory is short."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(score))


def peak_bytes() -> int:
    """The largest resident size that any child of this process reached."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def descendants(root: int, spared: frozenset[int] = frozenset()) -> list[int]:
    """Every living process below ``root``, but for the spared ones and what is below them.

    All from one look: what was born between two would be below nobody that is spared.
    """
    children: dict[int, list[int]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as stat:
            # The name, in parentheses, may hold anything, parentheses too.
            state, parent = stat.read().rpartition(b")")[2].split()[:2]
            if state != b"Z" or int(parent) == root:
                children.setdefault(int(parent), []).append(int(pid))
    found: list[int] = []
    level = [child for child in children.get(root, []) if child not in spared]
    while level:
        found += level
        level = [grandchild for pid in level for grandchild in children.get(pid, [])]
    return found


def usage(root: int, memory: int) -> tuple[int, int]:
    """The memory that the processes below ``root`` hold, in bytes, and their number.

    Pages that processes share after a fork count once for each of them in the cheap sum; the dear one, which shares
    them out, is taken only where the cheap one is over ``memory``.
    """
    pids = descendants(root)
    if len(pids) == 1:
        return _resident(pids[0], 0), 1
    used = sum(_resident(pid, 1) for pid in pids)
    return (sum(_proportional(pid) for pid in pids) if used > memory else used), len(pids)


def _resident(pid: int, shared: int) -> int:
    """The resident size of a process; with ``shared``, without the pages of files and shared memory."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/statm", "rb") as statm:
        pages = [int(figure) for figure in statm.read().split()]
        return (pages[1] - shared * pages[2]) * PAGE
    return 0


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup", "rb") as smaps:
        for line in smaps:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def dumped(text: str) -> dict[str, Any]:
    """What faulthandler wrote, as the tracer's own report: it lists frames innermost first."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        if line.startswith('  File "') and ", line " in line and "<frozen " not in line:
            file, _, rest = line[8:].rpartition('", line ')
            found.insert(0, {"file": file, "line": int(rest.split()[0]), "module": None})
    return {"frames": found, "causes": [], "error": None, "missing": None, "started": True}
