"""A sandbox made by the kernel's own calls, where bubblewrap is not installed.

Namespaces for mounts, processes, network, IPC and the host name; of an ordinary user for users as well. They hold
the root that plays Lambda's, read-only, with the trees of the function. Process 1 makes it, opens the sockets that the
observer serves, starts the runtime as its child, and waits for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from . import kernel
from .launch import become, listening, passed
from .processes import exit_status

if TYPE_CHECKING:
    from typing import NoReturn

APART = (
    kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
)  # fmt: skip
DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
SEALED = ("sys", "sysrq-trigger", "irq", "bus", "fs")  # below /proc: by these, root could change the machine


def enter(user: int, group: int) -> None:
    """Leave this machine's namespaces; an ordinary user becomes the given one in a namespace of users.

    Raises:
        OSError: The kernel does not allow it.
    """
    if os.geteuid() == 0:
        kernel.unshare(APART)
        return
    outside_user, outside_group = os.geteuid(), os.getegid()
    kernel.unshare(APART | kernel.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {outside_user} 1"),
        ("gid_map", f"{group} {outside_group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def furnish(root: str, binds: dict[str, str], tmp_bytes: int) -> None:
    """Make a root of a folder, with other folders in it, and see nothing else from here on.

    Args:
        root: What plays Lambda's root; it has the folders that are needed.
        binds: For each path in it the folder of this machine that is shown there, read-only.
        tmp_bytes: The size of ``/tmp``.

    Raises:
        OSError: The kernel refuses.
    """
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.bind(root, root)
    for inside, outside in binds.items():
        kernel.bind(outside, root + inside)
    device = f"{root}/dev"
    kernel.mount("tmpfs", device, "tmpfs", kernel.MS_NOSUID, "mode=755,size=64k,nr_inodes=64")
    for name in DEVICES:
        with open(f"{device}/{name}", "wb"):
            pass
        kernel.bind(f"/dev/{name}", f"{device}/{name}", writable=True, devices=True)
    for name, target in LINKS.items():
        os.symlink(target, f"{device}/{name}")
    os.mkdir(f"{device}/shm", 0)  # Lambda has none
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID
    kernel.mount("", device, flags=flags)
    closed = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", f"{root}/tmp", "tmpfs", closed, f"mode=1777,size={tmp_bytes}")  # noqa: S108 - its own
    kernel.mount("proc", f"{root}/proc", "proc", closed | kernel.MS_NOEXEC)
    for name in SEALED:
        with contextlib.suppress(FileNotFoundError):
            kernel.bind(f"{root}/proc/{name}", f"{root}/proc/{name}")
    kernel.pivot(root)


def first(order: dict[str, Any], door: socket.socket) -> NoReturn:
    """Process 1 of the sandbox."""
    furnish(order["root"], order["binds"], order["tmp_bytes"])
    kernel.raise_loopback()
    program = passed(door, listening(order["sockets"]))
    door.close()
    child = os.fork()
    if child == 0:
        kernel.renounce(own_ipc=True)
        become(program)
    for descriptor in (0, 1, 2):  # the output ends when the last process that prints has ended
        os.dup2(os.open("/dev/null", os.O_RDWR), descriptor)
    os._exit(waited(child))


def waited(child: int) -> int:
    """Wait for a process, and for all others that come to this one; its exit status as a shell has it."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return exit_status(status)


def main() -> None:
    """Read the order, make the sandbox, and end as its first program does."""
    door = socket.socket(fileno=int(sys.argv[2]))
    order = json.loads(sys.argv[3])
    kernel.end_with_parent()
    enter(order["user"], order["group"])
    inside = os.fork()
    if inside == 0:
        kernel.end_with_parent()
        first(order, door)
    door.close()
    os._exit(waited(inside))
