"""One start, shut in, as the harness sees it from outside.

Each start gets a sandbox of its own. The sandbox's first program opens the sockets on which the runtime will look for
Lambda's Runtime API, and passes them out; see ``harness/probe/launch.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cache import trees as folders
from harness.engines.cgroup import Group
from harness.engines.protocol import Unavailable
from harness.engines.rungs import NotHere
from harness.probe.observer import Tree
from harness.probe.processes import children, descendants, kill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.engines.rungs import Enclosure, Rung, Trees

STARTING_SECONDS = 120.0  # long, since another function's processes may take all of the machine meanwhile
ENDING_SECONDS = 10.0
SHOWN_BYTES = 4096


class Sandbox(Tree):
    """One start, shut in; for what its observer asks, see :class:`Tree`.

    Attributes:
        sockets: What the first program passed out: the Runtime API's, and the emulated AWS's where that is wanted.
        output: The descriptor from which what it prints can be read.
        user: Whom the runtime's process becomes; None where it is that user already.
    """

    def __init__(self, enclosure: Enclosure, sockets: int, group: Group | None) -> None:
        """Start the first program, and wait for its sockets.

        Raises:
            NotHere: It did not get that far; its last words are in the message.
        """
        self.user = enclosure.user
        self._enclosure, self._group = enclosure, group
        self._ended = threading.Lock()
        self._proc: int | None = None
        self.sockets: list[socket.socket] = []
        self._door, theirs = socket.socketpair()
        self.output, write = os.pipe()
        with theirs:
            self._process = subprocess.Popen(
                enclosure.command(theirs.fileno()),
                stdin=subprocess.PIPE if enclosure.guarded else subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                env={},
                start_new_session=True,
                pass_fds=(theirs.fileno(), *enclosure.inherit),
            )
        for descriptor in (write, *enclosure.inherit):
            os.close(descriptor)
        self.sockets = self._passed(sockets)

    def _passed(self, sockets: int) -> list[socket.socket]:
        self._door.settimeout(STARTING_SECONDS)
        descriptors: list[int] = []
        late = ""
        try:
            _, descriptors, _, _ = socket.recv_fds(self._door, 1, sockets + 1)
        except TimeoutError:
            late = f"it did not start within {STARTING_SECONDS:.0f} seconds"
        except OSError:
            pass
        if len(descriptors) != sockets + 1:
            self.end()
            words = self._last_words()
            raise NotHere(late or words)
        self._proc = descriptors.pop()
        return [socket.socket(fileno=descriptor) for descriptor in descriptors]

    def _last_words(self) -> str:
        ready, _, _ = select.select([self.output], [], [], 0)
        printed = os.read(self.output, SHOWN_BYTES) if ready else b""
        os.close(self.output)
        lines = printed.decode("utf-8", "replace").strip().splitlines() or [f"exit status {self._process.returncode}"]
        return lines[-1]

    def address(self, number: int) -> str:
        """Host and port of one of the sockets, as the sandbox sees it."""
        return "{}:{}".format(*self.sockets[number].getsockname())

    def admits(self, connection: socket.socket) -> bool:
        """Whether a connection to one of the sockets comes from this sandbox."""
        return self._enclosure.alone or (self.user is not None and _owner(connection) == self.user[0])

    def go(self, order: Mapping[str, Any]) -> None:
        """Let the first program become what the order says.

        Raises:
            Unavailable: It has ended meanwhile.
        """
        if self._group:
            self._group.join([self._process.pid, *(pid for level in self._generations() for pid in level)])
        try:
            self._door.sendall(json.dumps(order).encode())
            self._door.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Unavailable(f"a sandbox ended before the function was started: {error}.") from error

    def poll(self) -> int | None:
        """The exit status of the runtime (negative: the signal that ended it); None while it runs."""
        status = self._process.poll()
        if status is not None and status > 128:  # noqa: PLR2004 - as a shell says that a signal ended something
            return 128 - status
        return status

    def pids(self) -> list[int]:
        """The function's own processes, the runtime's first."""
        levels = self._generations()[self._enclosure.generation - 1 :]
        return [pid for level in levels for pid in level]

    def crowd(self) -> int:
        """How many processes there are; see ``observer.Tree``."""
        if self._proc is None or not self._enclosure.alone:
            return 0
        return sum(map(str.isdigit, os.listdir(self._proc)))  # noqa: PTH208 - a descriptor

    def _generations(self) -> list[list[int]]:
        """All processes below the first program; none where that is buried, and its number may be another's."""
        return descendants(self._process.pid) if self._process.returncode is None else []

    def first(self) -> list[int]:
        """The runtime's process, where there is one; found without a look at the others."""
        level = [self._process.pid] if self._process.returncode is None else []
        for _ in range(self._enclosure.generation):
            level = children(level[0])[:1] if level else []
        return level

    def out_of_memory(self) -> bool:
        """Whether the kernel ended a process because the memory of all was used up."""
        return bool(self._group and self._group.out_of_memory())

    def end(self) -> None:
        """End everything in it; called again, it does nothing."""
        with self._ended:
            self._door.close()
            if self._process.stdin:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
                try:
                    self._process.wait(ENDING_SECONDS)
                except subprocess.TimeoutExpired:  # the guard was stopped by what it guards
                    while processes := [pid for level in self._generations() for pid in level]:
                        kill(processes)
                    self._process.kill()
            else:
                self._end_namespace()
            self._process.wait()
            if self._proc is not None:
                os.close(self._proc)
                self._proc = None
            if self._group:
                self._group.close()
                self._group = None
            for listening in self.sockets[1:]:  # the first is the Runtime API's, which closes it
                with contextlib.suppress(OSError):
                    listening.shutdown(socket.SHUT_RDWR)
                listening.close()
            if self._enclosure.scratch:
                with contextlib.suppress(OSError):
                    folders.remove(self._enclosure.scratch)

    def _end_namespace(self) -> None:
        """End process 1 of the namespace: the kernel ends all others before that is over."""
        if self._process.returncode is None:
            kill(children(self._process.pid))  # and not a look at all, of which there may be a thousand
        try:
            self._process.wait(ENDING_SECONDS if self.sockets else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _owner(connection: socket.socket) -> int | None:
    """The user whose socket on this machine is the other end of a connection."""
    with contextlib.suppress(OSError):
        ends = [_as_listed(connection.getpeername()), _as_listed(connection.getsockname())]
        with Path("/proc/net/tcp").open(encoding="ascii") as listed:
            for line in listed:
                fields = line.split()
                if fields[1:3] == ends:
                    return int(fields[7])
    return None


def _as_listed(address: tuple[str, int]) -> str:
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"


class Ladder:
    """The rungs of this machine: the first one that works is used for all starts.

    Args:
        rungs: In the order in which they are tried.
    """

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self._rungs = tuple(rungs)
        self._lock = threading.Lock()
        self._works: Rung | None = None
        self._reasons: dict[str, str] = {}

    @property
    def name(self) -> str | None:
        """What reports call the rung that is used; None before the first start."""
        return self._works.name if self._works else None

    @property
    def caveats(self) -> tuple[str, ...]:
        """What runs in it do not show."""
        reason = "; ".join(self._reasons.values()) or "nothing else was wanted"
        return tuple(caveat.format(reason=reason) for caveat in self._works.caveats) if self._works else ()

    @contextlib.contextmanager
    def sandbox(self, trees: Trees, sockets: int, tmp_bytes: int, memory: int) -> Iterator[tuple[Rung, Sandbox]]:
        """A sandbox whose first program waits for what to become; gone afterwards.

        Raises:
            NotHere: None can be had here.
        """
        rung, made = self._made(trees, sockets, tmp_bytes, memory)
        try:
            yield rung, made
        finally:
            made.end()

    def _made(self, trees: Trees, sockets: int, tmp_bytes: int, memory: int) -> tuple[Rung, Sandbox]:
        with contextlib.nullcontext() if self._works else self._lock:
            for rung in [self._works] if self._works else self._rungs:
                try:
                    made = Sandbox(rung.enclosure(trees, sockets, tmp_bytes), sockets, Group.made(memory + tmp_bytes))
                except NotHere as reason:
                    self._reasons[rung.name] = str(reason)
                    continue
                self._works = rung
                return rung, made
        raise NotHere("; ".join(f"{name}: {reason}" for name, reason in self._reasons.items()))
