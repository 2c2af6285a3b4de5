"""The kinds of sandbox of this machine, four rungs of which the first that works is taken."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cache import trees as folders
from harness.engines.enclosure import Enclosure, NotHere, Rung, Trees, pipe, program
from harness.engines.environment import GROUP, HOME, USER
from harness.engines.programs import text
from harness.probe import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

USERS = range(200_000, 2_000_000_000)  # of which one is taken for a start that has no namespace of processes


def rungs(environ: Mapping[str, str], cache: Path) -> tuple[Rung, ...]:
    """All rungs, the best first."""
    return Bubblewrap(environ), Namespaces(), Chroot(cache / "roots"), Landlocked()


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
        seccomp = pipe(kernel.filter_program(own_ipc=True))
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
        return Enclosure(program("namespaces", order), 2, user)


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
        return Enclosure(program("guard", order), 1, (user, user), guarded=True, scratch=folder, alone=False)

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
        return Enclosure(program("guard", order), 1, None, guarded=True)


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
