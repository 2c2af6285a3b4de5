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
    """Accepts connections on a socket, and carries each to a connection of its own."""

    def __init__(self, listening: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listening, self._connect = listening, connect
        self._open: set[socket.socket] = set()
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
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):  # the services have ended; the handler sees a connection that ends
            if len(self._open) >= 2 * MOST:
                return
            with self._connect() as service:
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
