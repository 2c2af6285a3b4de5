"""How a command is shut in on this machine: with bubblewrap where the kernel lets it, else in a plain process."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.engines.environment import GROUP, HOME, USER, Environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What the system's libraries read; of the rest of /etc, the code is to see nothing.
IDENTITY = ("--uid", str(USER), "--gid", str(GROUP), "--cap-drop", "ALL")
ETC = ("ld.so.cache", "ssl", "pki", "ca-certificates", "mime.types", "nsswitch.conf", "localtime", "alternatives")
TRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Trees:
    """The folders of one run: the code, the merged layers, and the environment that plays the runtime."""

    task: Path
    opt: Path | None
    environment: Environment

    @property
    def intact(self) -> bool:
        """Whether all of them are still there."""
        folders = [self.task, *([self.opt] if self.opt else [])]
        return self.environment.intact and all(folder.is_dir() for folder in folders)


class Sandbox(Protocol):
    """Where the supervisor of one handler runs."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a run in it cannot vouch for."""

    def wrap(self, trees: Trees, command: Sequence[str]) -> list[str]:
        """The command that runs ``command`` in it."""

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """For each of Lambda's paths that is not there, the path that plays it."""


SHARED_CAVEATS = ("system libraries are this machine's: one that Lambda lacks can be found here",)


@dataclass(frozen=True, slots=True)
class Plain:
    """An ordinary process of this user, in this machine's paths.

    Attributes:
        reason: Why there is no sandbox.
    """

    reason: str

    @property
    def caveats(self) -> tuple[str, ...]:
        """It keeps the code from little."""
        return (
            f"no sandbox ({self.reason}): the code ran as this user, could reach the network and write outside /tmp",
            "it ran in paths of this machine; messages show Lambda's",
            *SHARED_CAVEATS,
        )

    def wrap(self, trees: Trees, command: Sequence[str]) -> list[str]:
        """The command as it is."""
        del trees
        return list(command)

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """The folders where they lie."""
        environment = trees.environment
        return {
            "/var/task": str(trees.task),
            "/opt": str(trees.opt or environment.root / "opt"),
            "/var/lang": str(environment.lang),
            "/var/runtime": str(environment.runtime),
            HOME: f"{environment.root}{HOME}",
        }


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Real paths, read-only, no network, another user, a ``/tmp`` of its own."""

    executable: str
    tmp_bytes: int

    @property
    def caveats(self) -> tuple[str, ...]:
        """Only the system is not Lambda's."""
        return SHARED_CAVEATS

    def paths(self, trees: Trees) -> Mapping[str, str]:
        """None: every path is Lambda's."""
        del trees
        return {}

    def wrap(self, trees: Trees, command: Sequence[str]) -> list[str]:
        """The command, in a file system that plays Lambda's."""
        environment = trees.environment
        binds = {
            str(environment.interpreter.prefix): environment.interpreter.prefix,
            "/etc/passwd": environment.root / "etc" / "passwd",
            "/etc/group": environment.root / "etc" / "group",
            "/var/lang": environment.lang,
            "/var/runtime": environment.runtime,
            "/var/task": trees.task,
            "/opt": trees.opt or environment.root / "opt",
        }
        flags = ["--unshare-all", "--die-with-parent", "--as-pid-1", "--new-session", "--clearenv"]
        flags += [*IDENTITY, *system_binds()]
        for inside, here in binds.items():
            flags += ["--ro-bind", str(here), inside]
        flags += ["--proc", "/proc", "--dev", "/dev", "--dir", "/home"]
        flags += ["--perms", "0000", "--tmpfs", "/dev/shm"]  # noqa: S108 - Lambda has none
        flags += ["--perms", "1777", "--size", str(self.tmp_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - its own
        return [self.executable, *flags, "--remount-ro", "/", "--chdir", "/var/task", *command]


def system_binds() -> list[str]:
    """This machine's system libraries and programs, read-only; its links (``/lib`` to ``usr/lib``) as links."""
    binds = []
    for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        path = Path(folder)
        if path.is_symlink():
            binds += ["--symlink", str(path.readlink()), folder]
        elif path.is_dir():
            binds += ["--ro-bind", folder, folder]
    for name in ETC:
        binds += ["--ro-bind-try", *2 * (f"/etc/{name}",)]
    return binds


def sandbox(environ: Mapping[str, str], tmp_bytes: int) -> Sandbox:
    """Bubblewrap where it is installed and the kernel allows what it needs; else plain processes, and why."""
    executable = shutil.which("bwrap", path=environ.get("PATH", os.defpath))
    if executable is None:
        return Plain("bubblewrap is not installed")
    trial = [executable, "--unshare-all", *IDENTITY, *system_binds(), "--proc", "/proc", "--dev", "/dev"]
    try:
        done = subprocess.run(
            [*trial, "--as-pid-1", "/bin/sh", "-c", "exit 0"],
            capture_output=True,
            text=True,
            timeout=TRY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Plain(f"bubblewrap does not start: {error}")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        return Plain(f"the kernel does not let bubblewrap work: {said[0]}")
    return Bubblewrap(executable, tmp_bytes)
