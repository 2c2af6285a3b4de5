"""What a start is shut in on this machine: four rungs, of which the first that works is taken.

Each start gets a sandbox of its own, and the harness observes it from outside. The sandbox's first program opens the
sockets on which the runtime will look for Lambda's Runtime API, and passes them out; see ``harness/probe/launch.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import harness
from harness.artifact import trees as folders
from harness.engines.cgroup import Group
from harness.engines.environment import GROUP, HOME, USER, Environment
from harness.engines.programs import text
from harness.engines.protocol import Unavailable
from harness.probe import kernel
from harness.probe.observer import children, descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

STARTING_SECONDS = 30.0
ENDING_SECONDS = 10.0
SHOWN_BYTES = 4096
USERS = range(200_000, 2_000_000_000)  # of which one is taken for a start that has no namespace of processes
PROBE = Path(harness.__file__).parent


@dataclass(frozen=True, slots=True)
class Trees:
    """The folders of one run: the code, the merged layers, and the environment that plays the runtime."""

    task: Path
    opt: Path | None
    environment: Environment

    @property
    def intact(self) -> bool:
        """Whether all of them are still there."""
        return self.environment.intact and all(folder.is_dir() for folder in self.binds.values())

    @property
    def binds(self) -> dict[str, Path]:
        """Where each of the function's folders stands in Lambda."""
        return {"/var/task": self.task, **({"/opt": self.opt} if self.opt else {})}


class NotHere(Exception):  # noqa: N818 - not an error: a reason, and the next rung is tried
    """This machine does not allow a sandbox of this kind; the message is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """How to start one sandbox.

    Attributes:
        command: The program to start, to which the descriptor of the door is added.
        generation: How far below that program the function's own processes are.
        user: Whom the runtime's process becomes; None where it is that user already.
        guarded: Whether the program ends what it started when its standard input closes.
        scratch: A folder to remove afterwards.
        inherit: Descriptors that the program needs beside the door.
        alone: Whether nobody else is on its network; where somebody is, connections of other users are refused.
    """

    command: Callable[[int], list[str]]
    generation: int
    user: tuple[int, int] | None
    guarded: bool = False
    scratch: Path | None = None
    inherit: tuple[int, ...] = ()
    alone: bool = True


class Rung(Protocol):
    """One kind of sandbox."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a run in it does not show."""

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """For each of Lambda's paths that is not there, the path that plays it."""

    def enclosure(self, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
        """How to start a sandbox.

        Raises:
            NotHere: It cannot be had here.
        """


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """bubblewrap, where it is installed."""

    environ: Mapping[str, str]
    name: str = "bubblewrap"
    caveats: tuple[str, ...] = ()

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """None: every path is Lambda's."""
        del trees
        return {}

    def enclosure(self, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
        """See :class:`Rung`."""
        executable = shutil.which("bwrap", path=self.environ.get("PATH", os.defpath))
        if executable is None:
            raise NotHere("bubblewrap is not installed")
        flags = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--die-with-parent"]
        flags += ["--new-session", "--clearenv", "--setenv", "LD_LIBRARY_PATH", "/var/lang/lib", "--cap-drop", "ALL"]
        as_root = os.geteuid() == 0
        if as_root:
            flags += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            flags += ["--unshare-user", "--uid", str(USER), "--gid", str(GROUP)]
        for inside, here in {"/": trees.environment.root, **trees.binds}.items():
            flags += ["--ro-bind", str(here), inside]
        flags += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev", "--remount-ro", "/dev"]
        flags += ["--perms", "0000", "--size", "4096", "--tmpfs", "/dev/shm"]  # noqa: S108 - Lambda has none
        flags += ["--remount-ro", "/dev/shm"]  # noqa: S108 - an ordinary user could open what is the user's own
        flags += ["--perms", "1777", "--size", str(tmp_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - its own
        flags += ["--remount-ro", "/", "--chdir", "/"]
        python = f"/var/lang/bin/{trees.environment.python}"
        seccomp = _pipe(kernel.filter_program(own_ipc=True))
        filtered = [] if seccomp is None else ["--seccomp", str(seccomp)]

        def command(door: int) -> list[str]:
            program = [python, "-I", "-S", "-B", "-c", text("launch"), str(door), str(sockets)]
            return [executable, *flags, *filtered, *program]

        user = (USER, GROUP) if as_root else None
        return Enclosure(command, 2, user, inherit=() if seccomp is None else (seccomp,))


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The same by the kernel's own calls: nothing has to be installed."""

    name: str = "namespaces"
    caveats: tuple[str, ...] = ()

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """None: every path is Lambda's."""
        del trees
        return {}

    def enclosure(self, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
        """See :class:`Rung`."""
        order = {
            "root": str(trees.environment.root),
            "binds": {inside: str(here) for inside, here in trees.binds.items()},
            "tmp_bytes": tmp_bytes,
            "user": USER,
            "group": GROUP,
            "sockets": sockets,
        }
        user = (USER, GROUP) if os.geteuid() == 0 else None
        return Enclosure(_program("namespaces", order), 2, user)


@dataclass(frozen=True, slots=True)
class Chroot:
    """Root without namespaces, as in most containers of CI: another root and another user for each start.

    Attributes:
        scratch: A folder on the file system of the trees, in which the roots are made.
    """

    scratch: Path
    name: str = "chroot"
    caveats: tuple[str, ...] = (
        "no namespaces could be made here: functions could reach the network, they saw no /proc, and /tmp had no limit",
    )

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """None: every path is Lambda's."""
        del trees
        return {}

    def enclosure(self, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
        """See :class:`Rung`."""
        del tmp_bytes
        if os.geteuid() != 0:
            raise NotHere("another root takes root's rights")
        self.scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        user = _unused_user()
        try:
            self._furnish(folder / "root", trees, user)
        except OSError as error:
            folders.remove(folder)
            raise NotHere(f"no other root could be made: {error}") from error
        order = {"chroot": str(folder / "root"), "own_user": user, "sockets": sockets}
        return Enclosure(_program("guard", order), 1, (user, user), guarded=True, scratch=folder, alone=False)

    def _furnish(self, root: Path, trees: Trees, user: int) -> None:
        """Lay out the root; the files are the cache's own, which belong to root and are read-only for this user."""
        folders.overlay([folders.Source(trees.environment.root, linked=True)], root)
        for inside, here in trees.binds.items():
            place = Path(f"{root}{inside}")
            place.rmdir()
            folders.overlay([folders.Source(here, linked=here.is_relative_to(self.scratch.parent))], place)
        (root / "tmp").chmod(0o1777)
        for name, numbers in {
            "null": (1, 3),
            "zero": (1, 5),
            "full": (1, 7),
            "random": (1, 8),
            "urandom": (1, 9),
        }.items():
            os.mknod(root / "dev" / name, 0o666 | 0o020000, os.makedev(*numbers))
            (root / "dev" / name).chmod(0o666)
        for name in ("passwd", "group"):
            content = (root / "etc" / name).read_text("utf-8").replace(f":{USER}:", f":{user}:")
            (root / "etc" / name).unlink()
            (root / "etc" / name).write_text(content.replace(f":{GROUP}:", f":{user}:"), "utf-8")
            (root / "etc" / name).chmod(0o444)


@dataclass(frozen=True, slots=True)
class Landlocked:
    """An ordinary user whom the kernel gives neither: Landlock where it has it, in this machine's paths."""

    reason: str = ""
    name: str = "landlock" if kernel.Landlock().abi else "none"

    @property
    def caveats(self) -> tuple[str, ...]:
        """It keeps the code from little."""
        abi = kernel.Landlock().abi
        walls = ["this user's other files" if abi else "", "signal this user's processes" if abi >= 6 else ""]  # noqa: PLR2004 - ABI
        open_to = [
            "reach the network",
            "leave files in /tmp",
            *([] if walls[0] else ["read and write this user's files"]),
            *([] if walls[1] else ["signal this user's processes"]),
        ]
        return (
            f"no sandbox ({self.reason}): the code ran as this user and could {', '.join(open_to)}",
            "it ran in paths of this machine, with its programs and libraries; messages show Lambda's paths",
        )

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """The folders where they lie."""
        root = str(trees.environment.root)
        return {
            "/var/task": str(trees.task),
            "/opt": str(trees.opt) if trees.opt else f"{root}/opt",
            "/var/lang": f"{root}/var/lang",
            "/var/runtime": f"{root}/var/runtime",
            HOME: f"{root}/home/nobody",
        }

    def enclosure(self, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
        """See :class:`Rung`."""
        del tmp_bytes
        if os.geteuid() == 0:
            raise NotHere("root runs nothing without another root around it")
        readable = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/dev", "/sys"]
        readable += [str(trees.environment.root), *map(str, trees.binds.values())]
        readable += [str(Path(path).resolve()) for path in readable]
        writable = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/tmp"]  # noqa: S108 - Lambda's
        order = {"chroot": None, "own_user": None, "sockets": sockets, "readable": readable, "writable": writable}
        return Enclosure(_program("guard", order), 1, None, guarded=True)


def _program(module: str, order: Mapping[str, Any]) -> Callable[[int], list[str]]:
    """The command of a program of the probe's, in this process's own Python."""
    script = f"import sys; sys.path.append(sys.argv[1]); from probe.{module} import main; main()"

    def command(door: int) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", script, str(PROBE), str(door), json.dumps(order)]

    return command


def _pipe(content: bytes) -> int | None:
    """A descriptor from which a little content can be read."""
    if not content:
        return None
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    return read


def _unused_user() -> int:
    """A user that owns no process of this machine."""
    taken = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - names, thousands of them
        with contextlib.suppress(OSError):
            taken.add(Path("/proc", pid).stat().st_uid)
    limit = _mapped_users()
    while (user := random.SystemRandom().choice(range(min(USERS.start, limit // 2), min(USERS.stop, limit)))) in taken:
        pass
    return user


def _mapped_users() -> int:
    """One more than the highest user that this user namespace can name."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/self/uid_map").read_text("ascii").splitlines()
        return max(int(line.split()[0]) + int(line.split()[2]) for line in lines)
    return 65_536


class Sandbox:
    """One start, shut in, as the harness sees it from outside; see ``harness/probe/observer.py`` for what it is asked.

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
        with contextlib.suppress(OSError):
            _, descriptors, _, _ = socket.recv_fds(self._door, 1, sockets + 1)
        if len(descriptors) != sockets + 1:
            self.end()
            raise NotHere(self._last_words())
        self._proc = descriptors.pop()
        return [socket.socket(fileno=descriptor) for descriptor in descriptors]

    def _last_words(self) -> str:
        ready, _, _ = select.select([self.output], [], [], 0)
        printed = os.read(self.output, SHOWN_BYTES) if ready else b""
        os.close(self.output)
        lines = printed.decode("utf-8", "replace").strip().splitlines() or [f"exit status {self._process.returncode}"]
        return lines[-1]

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

    def dump(self, number: int) -> None:
        """Send the runtime's process a signal."""
        _kill(self.first(), number)

    def first(self) -> list[int]:
        """The runtime's process, where there is one; found without a look at the others."""
        level = [self._process.pid] if self._process.returncode is None else []
        for _ in range(self._enclosure.generation):
            level = children(level[0])[:1] if level else []
        return level

    def out_of_memory(self) -> bool:
        """Whether the kernel ended a process because the memory of all was used up."""
        return bool(self._group and self._group.out_of_memory())

    def memory(self) -> int | None:
        """None: they are looked at one by one."""

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
                        _kill(processes)
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
            if self._enclosure.scratch:
                with contextlib.suppress(OSError):
                    folders.remove(self._enclosure.scratch)

    def _end_namespace(self) -> None:
        """End process 1 of the namespace: the kernel ends all others before that is over."""
        if self._process.returncode is None:
            _kill(children(self._process.pid))  # and not a look at all, of which there may be a thousand
        try:
            self._process.wait(ENDING_SECONDS if self.sockets else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _kill(pids: Iterable[int], number: int = signal.SIGKILL) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


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

    Attributes:
        rungs: In the order in which they are tried.
    """

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self.rungs = tuple(rungs)
        self._lock = threading.Lock()
        self._works: Rung | None = None
        self._reasons: dict[str, str] = {}

    @property
    def rung(self) -> Rung | None:
        """The one that is used; None before the first start."""
        if isinstance(self._works, Landlocked):
            return Landlocked("; ".join(self._reasons.values()) or "nothing else was wanted")
        return self._works

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
            for rung in [self._works] if self._works else self.rungs:
                try:
                    enclosure = rung.enclosure(trees, sockets, tmp_bytes)
                    made = Sandbox(enclosure, sockets, Group.made(memory + tmp_bytes))
                except NotHere as reason:
                    self._reasons[rung.name] = str(reason)
                    continue
                self._works = rung
                return rung, made
        raise NotHere("; ".join(f"{name}: {reason}" for name, reason in self._reasons.items()))


def rungs(environ: Mapping[str, str], cache: Path) -> tuple[Rung, ...]:
    """All rungs, the best first."""
    return Bubblewrap(environ), Namespaces(), Chroot(cache / "roots"), Landlocked()


def as_signal(status: int) -> str:
    """The name of the signal that a negative exit status stands for."""
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
