"""Carries the connections of handlers whose AWS is emulated from a container's lines to the services, and back.

The other half is ``harness/probe/relay.py``, which has the lines' meaning. Nothing that is done on behalf of a
connection holds up the reading of the container's lines.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import select
import socket
import threading
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from harness.engines.protocol import Outside

CHUNK = 65_536
CLOSING_SECONDS = 5.0


class Stream(Protocol):
    """A connection to a container."""

    def recv(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes; nothing at the end."""

    def sendall(self, data: bytes | memoryview, /) -> None:
        """Write."""

    def shutdown(self, how: int, /) -> None:
        """End it, whoever reads or writes."""


class OneAtATime:
    """A TLS connection that is read and written by several threads, which OpenSSL's are not made for.

    None of them waits within a call to it: one that waited to write would keep the one from reading for whom the other
    side waits.
    """

    def __init__(self, stream: ssl.SSLSocket) -> None:
        from ssl import SSLWantReadError, SSLWantWriteError  # noqa: PLC0415 - who gets here has loaded it

        self._stream, self._seconds = stream, stream.gettimeout()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._later = (SSLWantReadError, SSLWantWriteError)
        stream.setblocking(False)

    def recv(self, size: int, /) -> bytes:
        """Read what is there; waits for something.

        Raises:
            TimeoutError: Nothing came for as long as the connection may be silent.
        """
        while True:
            with self._lock, contextlib.suppress(*self._later):
                return self._stream.recv(size)
            self._wait([self._stream], [])

    def sendall(self, data: bytes | memoryview, /) -> None:
        """Write.

        Raises:
            TimeoutError: Nothing was taken for as long as the connection may be silent.
        """
        with self._writing:
            view = memoryview(data)
            while view:
                sent = 0
                with self._lock, contextlib.suppress(*self._later):
                    sent = self._stream.send(view)
                view = view[sent:]
                if not sent:
                    self._wait([], [self._stream])

    def shutdown(self, how: int, /) -> None:
        """End it; whoever waits for it to be ready is told that there is nothing more."""
        self._stream.shutdown(how)

    def _wait(self, reading: list[ssl.SSLSocket], writing: list[ssl.SSLSocket]) -> None:
        if not any(select.select(reading, writing, [], self._seconds)):
            raise TimeoutError("timed out")


def shared(stream: socket.socket) -> Stream:
    """The connection, as several threads may use it."""
    return OneAtATime(cast("ssl.SSLSocket", stream)) if hasattr(stream, "pending") else stream


class Relay:
    """The connections of one container; closes them all when it is left.

    Args:
        outside: What opens a connection to the services of a function; None where it has none.
        run: Names this run of the function's among all others.
        send: Writes to the standard input of the container's first process.
    """

    def __init__(self, outside: Outside | None, run: str, send: Callable[[bytes], None]) -> None:
        self._outside, self._run, self._send = outside, run, send
        self._sending = threading.Lock()
        self._links: dict[int, _Link] = {}

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all connections."""
        links = list(self._links.values())
        for link in links:
            link.end()
        for link in links:
            link.join()

    def received(self, line: dict[str, Any]) -> None:
        """Take a line of the container's; returns at once."""
        number: int = line["link"]
        if "open" in line:
            function = line["open"]
            self._links[number] = _Link(self, number, lambda: self._connect(function))
        elif number in self._links:
            self._links[number].received(line)

    def _connect(self, function: str) -> socket.socket:
        if self._outside is None:
            raise ConnectionRefusedError("no services were declared")
        return self._outside.connect(function, self._run)

    def forget(self, number: int) -> None:
        """A connection is closed."""
        self._links.pop(number, None)

    def say(self, number: int, what: str, value: object = True) -> None:  # noqa: FBT002 - a line's value, not a switch
        """A line for the container.

        Raises:
            OSError: It is gone.
        """
        line = json.dumps({"link": number, what: value}).encode() + b"\n"
        with self._sending:
            self._send(line)


class _Link:
    """One connection: a thread that carries requests, and a second one that carries answers."""

    def __init__(self, relay: Relay, number: int, connect: Callable[[], socket.socket]) -> None:
        self._relay, self._number, self._connect = relay, number, connect
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._taken = threading.Semaphore(0)
        self._over = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def received(self, line: dict[str, Any]) -> None:
        """Take a line of the container's about this connection."""
        if "data" in line:
            self._requests.put(base64.b64decode(line["data"]))
        elif "taken" in line:
            self._taken.release()
        elif "end" in line:
            self._requests.put(b"")
        else:
            self.end()

    def end(self) -> None:
        """Close it, whatever is under way."""
        self._over.set()
        self._requests.put(None)
        self._taken.release()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait until it is closed."""
        self._thread.join(CLOSING_SECONDS)

    def _carry(self) -> None:
        try:
            opened = self._connect()
        except OSError:  # the services are gone; the handler sees a connection that ends
            with contextlib.suppress(OSError, ValueError):
                self._relay.say(self._number, "end")
            return
        with opened:
            self._socket = opened
            answers = threading.Thread(target=self._answers, args=(opened,), daemon=True)
            answers.start()
            with contextlib.suppress(OSError, ValueError):  # ValueError: a pipe that was closed
                while not self._over.is_set() and (data := self._requests.get()) is not None:
                    if data:
                        opened.sendall(data)
                        self._relay.say(self._number, "taken")
                    else:
                        opened.shutdown(socket.SHUT_WR)
            self.end()
            answers.join()
        self._relay.forget(self._number)

    def _answers(self, opened: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while not self._over.is_set() and (data := opened.recv(CHUNK)):
                self._relay.say(self._number, "data", base64.b64encode(data).decode("ascii"))
                self._taken.acquire()
            self._relay.say(self._number, "end")
        self._requests.put(None)
