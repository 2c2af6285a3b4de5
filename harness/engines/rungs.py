"""The kinds of sandbox of this machine, four rungs of which the first that works is taken."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
from harness.cache import trees as folders
from harness.engines.probe_messages import GROUP, HOME, USER, text
from harness.probe import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.engines.root import Root

PACKAGE = Path(harness.__file__).parent
USERS = range(200_000, 2_000_000_000)  # of which one is taken for a start that has no namespace of processes
SIGNALS_ABI = 6  # of Landlock, from which on it keeps signals in
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}  # minor numbers
NO_NAMESPACES = (
    "no namespaces could be made here: functions could reach the network, they saw no /proc, and /tmp had no limit"
)
IN_PLACE = "it ran in paths of this machine, with its programs and libraries; messages show Lambda's paths"


@dataclass(frozen=True, slots=True)
class Trees:
    """The folders of one run: the code, the merged layers, and the root that plays the runtime."""

    task: Path
    opt: Path | None
    root: Root

    @property
    def intact(self) -> bool:
        """Whether all of them are still there."""
        return self.root.intact and all(folder.is_dir() for folder in self.binds.values())

    @property
    def binds(self) -> dict[str, Path]:
        """For each of Lambda's paths, the function's folder there."""
        return {"/var/task": self.task, **({"/opt": self.opt} if self.opt else {})}

    @property
    def in_place(self) -> dict[str, str]:
        """For each of Lambda's paths, the folder of this machine that plays it."""
        root = str(self.root.path)
        return {
            "/var/task": str(self.task),
            "/opt": str(self.opt) if self.opt else f"{root}/opt",
            "/var/lang": f"{root}/var/lang",
            "/var/runtime": f"{root}/var/runtime",
            HOME: f"{root}/home/nobody",
        }


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
        inherit: Descriptors that the program needs in addition to the door.
        alone: Whether nobody else is on its network; where somebody is, connections of other users are refused.
    """

    command: Callable[[int], list[str]]
    generation: int
    user: tuple[int, int] | None
    guarded: bool = False
    scratch: Path | None = None
    inherit: tuple[int, ...] = ()
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Rung:
    """One kind of sandbox.

    Attributes:
        name: What reports call it.
        enclosure: From the trees, the number of sockets and the bytes of ``/tmp`` to how a sandbox is started; raises
            :class:`NotHere`.
        caveats: What a run in it does not show; ``{reason}`` stands for why no better rung was taken.
        in_place: Whether functions run in this machine's paths instead of Lambda's.
        own_network: Whether it has a network of its own, in which there is nothing.
    """

    name: str
    enclosure: Callable[[Trees, int, int], Enclosure]
    caveats: tuple[str, ...] = ()
    in_place: bool = False
    own_network: bool = True


def rungs(environ: Mapping[str, str], cache: Path) -> tuple[Rung, ...]:
    """All rungs, the best first.

    Args:
        environ: The user's environment, to find bubblewrap in.
        cache: The user's cache folder, on the file system of the trees, in which other roots are made.
    """
    landlock = kernel.Landlock().abi
    return (
        Rung("bubblewrap", partial(_bubblewrap, environ.get("PATH", os.defpath))),
        Rung("namespaces", _namespaces),
        Rung("chroot", partial(_chroot, cache / "roots"), (NO_NAMESPACES,), own_network=False),
        Rung(
            "landlock" if landlock else "none",
            _landlock,
            (_no_sandbox(landlock), IN_PLACE),
            in_place=True,
            own_network=False,
        ),
    )


def _no_sandbox(landlock: int) -> str:
    could = ["reach the network", "leave files in /tmp"]
    could += [] if landlock else ["read and write this user's files"]
    could += [] if landlock >= SIGNALS_ABI else ["signal this user's processes"]
    return f"no sandbox ({{reason}}): the code ran as this user and could {', '.join(could)}"


def _bubblewrap(path: str, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
    """bubblewrap, where it is installed."""
    executable = shutil.which("bwrap", path=path)
    if executable is None:
        raise NotHere("bubblewrap is not installed")
    flags = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--die-with-parent"]
    flags += ["--new-session", "--clearenv", "--setenv", "LD_LIBRARY_PATH", "/var/lang/lib", "--cap-drop", "ALL"]
    as_root = os.geteuid() == 0
    if as_root:
        flags += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        flags += ["--unshare-user", "--uid", str(USER), "--gid", str(GROUP)]
    for inside, here in {"/": trees.root.path, **trees.binds}.items():
        flags += ["--ro-bind", str(here), inside]
    flags += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev", "--remount-ro", "/dev"]
    flags += ["--perms", "0000", "--size", "4096", "--tmpfs", "/dev/shm"]  # noqa: S108 - Lambda has none
    flags += ["--remount-ro", "/dev/shm"]  # noqa: S108 - an ordinary user could open what is the user's own
    flags += ["--perms", "1777", "--size", str(tmp_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - its own
    flags += ["--remount-ro", "/", "--chdir", "/"]
    seccomp = _pipe(kernel.filter_program(own_ipc=True))
    flags += ["--seccomp", str(seccomp)] if seccomp else []
    program = [f"/var/lang/bin/{trees.root.python}", "-I", "-S", "-B", "-c", text("launch")]
    return Enclosure(
        lambda door: [executable, *flags, *program, str(door), str(sockets)],
        generation=2,
        user=(USER, GROUP) if as_root else None,
        inherit=(seccomp,) if seccomp else (),
    )


def _namespaces(trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
    """The same by the kernel's own calls: nothing has to be installed."""
    order = {
        "root": str(trees.root.path),
        "binds": {inside: str(here) for inside, here in trees.binds.items()},
        "tmp_bytes": tmp_bytes,
        "user": USER,
        "group": GROUP,
        "sockets": sockets,
    }
    return Enclosure(_program("namespaces", order), 2, (USER, GROUP) if os.geteuid() == 0 else None)


def _chroot(scratch: Path, trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
    """Root without namespaces, as in most containers of CI: another root and another user for each start."""
    del tmp_bytes
    if os.geteuid() != 0:
        raise NotHere("another root takes root's rights")
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    user = _unused_user()
    try:
        _furnish(folder / "root", trees, user)
    except OSError as error:
        folders.remove(folder)
        raise NotHere(f"no other root could be made: {error}") from error
    order = {"chroot": str(folder / "root"), "own_user": user, "sockets": sockets}
    return Enclosure(_program("guard", order), 1, (user, user), guarded=True, scratch=folder, alone=False)


def _furnish(root: Path, trees: Trees, user: int) -> None:
    """Lay out the root; the files are the cache's own, which belong to root and are read-only for this user."""
    cache = root.parent.parent.parent
    folders.overlay([folders.Source(trees.root.path, linked=True)], root)
    for inside, here in trees.binds.items():
        place = Path(f"{root}{inside}")
        place.rmdir()
        folders.overlay([folders.Source(here, linked=here.is_relative_to(cache))], place)
    (root / "tmp").chmod(0o1777)
    for name, minor in DEVICES.items():
        os.mknod(root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        (root / "dev" / name).chmod(0o666)
    for name in ("passwd", "group"):
        content = (root / "etc" / name).read_text("utf-8").replace(f":{USER}:", f":{user}:")
        (root / "etc" / name).unlink()
        (root / "etc" / name).write_text(content.replace(f":{GROUP}:", f":{user}:"), "utf-8")
        (root / "etc" / name).chmod(0o444)


def _landlock(trees: Trees, sockets: int, tmp_bytes: int) -> Enclosure:
    """An ordinary user whom the kernel gives neither: Landlock where it has it, in this machine's paths."""
    del tmp_bytes
    if os.geteuid() == 0:
        raise NotHere("root runs nothing without another root around it")
    readable = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/dev", "/sys"]
    readable += [str(trees.root.path), *map(str, trees.binds.values())]
    readable += [str(Path(path).resolve()) for path in readable]
    writable = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/tmp"]  # noqa: S108 - Lambda's
    order = {"chroot": None, "own_user": None, "sockets": sockets, "readable": readable, "writable": writable}
    return Enclosure(_program("guard", order), 1, None, guarded=True)


def _unused_user() -> int:
    """A user that owns no process of this machine, and that this user namespace can name."""
    taken = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - names, thousands of them
        with contextlib.suppress(OSError):
            taken.add(Path("/proc", pid).stat().st_uid)
    limit = 65_536
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/self/uid_map").read_text("ascii").splitlines()
        limit = max(int(line.split()[0]) + int(line.split()[2]) for line in lines)
    users = range(min(USERS.start, limit // 2), min(USERS.stop, limit))
    while (user := random.SystemRandom().choice(users)) in taken:
        pass
    return user


def _program(module: str, order: Mapping[str, Any]) -> Callable[[int], list[str]]:
    """The command of a program of the probe's, in this process's own Python."""
    script = f"import sys; sys.path.append(sys.argv[1]); from probe.{module} import main; main()"
    return lambda door: [sys.executable, "-I", "-S", "-c", script, str(PACKAGE), str(door), json.dumps(order)]


def _pipe(content: bytes) -> int | None:
    """A descriptor from which a little content can be read."""
    if not content:
        return None
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    return read
