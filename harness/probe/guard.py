"""What there is where the kernel gives no namespaces: another root and user for root, Landlock for an ordinary user.

The guard starts the runtime and stays outside of what it is shut in. It ends with all that it started as soon as the
harness closes the pipe that it waits on. As root, the runtime belongs to a user of its own, so nothing of it can signal
or read the guard, and everything of that user is ended. Else the guard adopts what loses its parent, and ends that.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from . import kernel
from .launch import become, listening, passed
from .processes import descendants, exit_status, kill

LOOK_SECONDS = 0.02  # between two looks whether the runtime has ended


def main() -> None:
    """Read the order, start the runtime in it, and end with it."""
    door = socket.socket(fileno=int(sys.argv[2]))
    order = json.loads(sys.argv[3])
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    program = passed(door, listening(order["sockets"]))
    child = os.fork()
    if child == 0:
        door.close()
        shut_in(order)
        become(program)
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    status = waited(child)
    end(order["own_user"])
    os._exit(status)


def shut_in(order: dict[str, Any]) -> None:
    """Do what can be done here, for ever.

    Raises:
        OSError: The kernel refuses what it allowed before.
    """
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if order["chroot"]:
        os.chroot(order["chroot"])
    elif (landlock := kernel.Landlock()).abi:
        landlock.restrict(order["readable"], order["writable"])
    kernel.renounce(own_ipc=False)


def waited(child: int) -> int:
    """Wait for the runtime, or for the harness to close standard input; the exit status as a shell has it."""
    while not select.select([0], [], [], LOOK_SECONDS)[0] or os.read(0, 1):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return exit_status(status)
    return 128 + signal.SIGKILL


def end(own_user: int | None) -> None:
    """End everything that was started."""
    for _ in range(2000):
        if own_user is not None:
            end_all_of(own_user)
        for generation in descendants(os.getpid()):
            kill(generation)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:  # no child is left, so nothing that descends from one is either
            return
        time.sleep(0.005)


def end_all_of(user: int) -> None:
    """End all processes of a user: a process of that user asks for it, which nothing of that user can outrun."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        os._exit(0)
    with contextlib.suppress(OSError):
        os.waitpid(child, 0)
