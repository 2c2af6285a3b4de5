"""Connects what a function opens to its emulated AWS: the socket is the sandbox's, the other side is here."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 65_536
MOST = 128  # connections at a time


class Bridge:
    """Accepts connections on a socket, and carries each to a connection of its own.

    Args:
        listening: The socket.
        connect: Opens the connection that another is carried to.
        admits: Whether a connection may be carried.
    """

    def __init__(
        self,
        listening: socket.socket,
        connect: Callable[[], socket.socket],
        admits: Callable[[socket.socket], bool],
    ) -> None:
        self._listening, self._connect, self._admits = listening, connect, admits
        self._open: set[socket.socket] = set()
        self._room = threading.BoundedSemaphore(MOST)
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End all connections, and accept no more."""
        with self._lock:
            self._closed = True
            connections = (self._listening, *self._open)
        for one in connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                if self._admits(client) and self._room.acquire(blocking=False):
                    threading.Thread(target=self._carry, args=(client,), daemon=True).start()
                else:
                    client.close()

    def _carry(self, client: socket.socket) -> None:
        try:
            with client, contextlib.suppress(OSError), self._connect() as service:  # or the services have ended
                self._both_ways(client, service)
        finally:
            self._room.release()

    def _both_ways(self, client: socket.socket, service: socket.socket) -> None:
        with self._lock:
            if self._closed:
                return
            self._open |= {client, service}
        try:
            back = threading.Thread(target=_copy, args=(service, client), daemon=True)
            back.start()
            _copy(client, service)
            back.join()
        finally:
            with self._lock:
                self._open -= {client, service}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
