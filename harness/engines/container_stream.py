"""The connection to a container's first process: lines down, a framed stream of lines up, and connections in them."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, Self

from harness.probe.relay import Link, Relay

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 64 * 1024 * 1024  # bytes of a frame or a line: more than all that an observer may answer
CHUNK = 65_536
HEADER, STDOUT = 8, 1  # bytes before each frame, and what the first of them is for standard output
WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


class ContainerStream:
    """A connection, of which one thread reads and writes; nothing done for one of its links holds up the reading.

    Args:
        stream: The daemon's connection to the container, TLS or not.
        seconds: How long its work may take: a machine that vanished ends nothing.
        serve: Hands a connection to the emulated services of a function; None where it has none.
    """

    def __init__(
        self, stream: socket.socket, seconds: float, serve: Callable[[str, socket.socket], None] | None = None
    ) -> None:
        stream.setblocking(False)
        self._stream, self._serve = stream, serve
        self._deadline = time.monotonic() + seconds
        self._selector = selectors.DefaultSelector()
        self._selector.register(stream, selectors.EVENT_READ)
        self._relay = Relay(self._selector, lambda _, line: self.send(json.dumps(line).encode() + b"\n"))
        self._unsent, self._framed, self._printed = b"", b"", b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for link in tuple(self._relay.links.values()):
            link.close()
        self._selector.close()

    def send(self, data: bytes) -> None:
        """Write, as soon as there is room for it."""
        self._unsent += data
        self._selector.modify(self._stream, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def shut(self) -> None:
        """End the connection to the container, which then ends, too; from any thread.

        Not by killing the container: to one that is gone, the daemon goes on taking what we send, for minutes; and a
        daemon that hangs would not do it.
        """
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)

    def message(self, kind: str) -> dict[str, Any] | None:
        """The next line of a kind, with links carried on meanwhile; None where the container ended without one."""
        while True:
            *lines, self._printed = self._printed.split(b"\n")
            for number, line in enumerate(lines):
                message: dict[str, Any] = json.loads(line)
                if message["type"] == kind:
                    self._printed = b"\n".join([*lines[number + 1 :], self._printed])
                    return message
                if message["type"] == "relay":
                    self._relayed(message)
            if len(self._printed) > LONGEST:
                raise ValueError(f"a line of more than {LONGEST:,} bytes")
            if not (printed := self.printed()):
                return None
            self._printed += printed

    def _relayed(self, message: dict[str, Any]) -> None:
        if "open" in message:
            ours, theirs = socket.socketpair()
            link = Link(self._relay, message["link"], ours)
            with theirs:
                try:
                    if self._serve is None:
                        raise ConnectionRefusedError("no services were declared")
                    self._serve(message["open"], theirs)
                except OSError:  # they are gone; the handler sees a connection that ends
                    link.gone()
        else:
            self._relay.received(message)

    def printed(self) -> bytes:
        """What the container wrote to its standard output next, out of the daemon's framed stream; nothing at the end.

        Raises:
            ValueError: A frame is longer than any that is expected.
        """
        while True:
            end = HEADER + int.from_bytes(self._framed[4:HEADER], "big")
            if end > LONGEST:
                raise ValueError(f"a frame of {end:,} bytes")
            if HEADER <= len(self._framed) >= end:
                kind, content = self._framed[0], self._framed[HEADER:end]
                self._framed = self._framed[end:]
                if kind == STDOUT and content:
                    return content
            elif received := self._received():
                self._framed += received
            else:
                return b""

    def _received(self) -> bytes:
        """What comes next; waits for it, and carries on what is under way on links."""
        while True:
            with contextlib.suppress(*WAITS):
                return self._stream.recv(CHUNK)
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                return b""
            for key, events in self._selector.select(remaining):
                if key.data:
                    key.data(events)
                elif events & selectors.EVENT_WRITE:
                    self._write()

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[self._stream.send(self._unsent) :]
        except WAITS:
            return
        if not self._unsent:
            self._selector.modify(self._stream, selectors.EVENT_READ)
