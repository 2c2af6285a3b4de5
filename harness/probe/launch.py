"""The first program of a sandbox: opens the sockets that the observer serves from outside, then becomes the runtime.

Run as ``python -c <this text> FD``; the descriptor is one end of a pair of sockets, the observer has the other. The
sockets are made here, where their addresses mean something, and passed out. What to become arrives as JSON:
``command``, ``environment``, ``cwd``, ``limits`` (name of a resource to its value), ``user`` and ``group`` (None where
this process is that user already). Nothing is inherited by what it becomes, but for standard output and error.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from typing import Any


def listening(count: int) -> list[socket.socket]:
    """Sockets on the loopback, on ports of the kernel's choice."""
    return [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(count)]


def passed(door: socket.socket, sockets: list[socket.socket]) -> dict[str, Any]:
    """Pass sockets and this place's ``/proc`` out, and wait for what to become.

    Raises:
        SystemExit: Nobody is outside any more.
    """
    processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    socket.send_fds(door, [b"."], [*(one.fileno() for one in sockets), processes])
    os.close(processes)
    for one in sockets:
        one.close()
    received = b""
    while part := door.recv(1 << 16):
        received += part
    if not received:
        raise SystemExit(1)
    order: dict[str, Any] = json.loads(received)
    return order


def become(order: dict[str, Any]) -> None:
    """Execute the program, as the user and within the limits that the order names.

    Raises:
        OSError: The kernel refuses.
    """
    for name, wanted in order["limits"].items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))
    if order["user"] is not None:
        os.setgroups([])
        os.setresgid(*3 * (order["group"],))
        os.setresuid(*3 * (order["user"],))
    os.chdir(order["cwd"])
    os.closerange(3, 1 << 16)
    os.execve(order["command"][0], order["command"], order["environment"])  # noqa: S606 - a program, and no shell


def main() -> None:
    """Pass the sockets out and become the runtime."""
    door = socket.socket(fileno=int(sys.argv[1]))
    order = passed(door, listening(int(sys.argv[2])))
    door.close()
    become(order)


if __name__ == "__main__":
    main()
