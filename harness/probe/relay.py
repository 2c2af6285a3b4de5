"""Carries connections over lines: from a handler in a container to the emulated AWS of the harness, and back.

A handler whose AWS is emulated gets a port on the loopback of the container. What it sends there goes up in lines of
the first process's output, what comes down in lines of its input goes back. Nothing is mounted and no network is there,
so it is the same in a container of a daemon on another machine. Both ends are made of the same links.

A line holds ``link``, the connection's number, and one of

* ``open``: the function; upwards only,
* ``data``: bytes in Base64; the next may follow when this one was ``taken``, so that neither side ever holds more than
  one chunk of a connection whose other end does not read,
* ``taken``,
* ``end``: no data follows,
* ``gone``: the connection is not there any more.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import selectors
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 65_536
MOST = 128  # connections at a time
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Link:
    """One connection: what is read here is written there."""

    def __init__(self, relay: Relay, number: int, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.relay, self.number, self.connection = relay, number, connection
        self.data = b""  # to be written here
        self.untaken = self.read_all = self.ending = self.ended = False
        self.events = 0
        relay.links[number] = self
        self.watch()

    def say(self, what: str, value: object = True) -> None:  # noqa: FBT002 - a line's value, not a switch
        """Write a line for the other end."""
        self.relay.say("relay", {"link": self.number, what: value})

    def watch(self) -> None:
        """Have the selector look for what can be done now; close where nothing is left to do."""
        if self.ending and not self.data and not self.ended:
            self.ended = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_WR)
        if self.ended and self.read_all:
            self.close()
            return
        wanted = (WRITE if self.data else 0) | (0 if self.untaken or self.read_all else READ)
        if wanted != self.events:
            if self.events:
                self.relay.selector.unregister(self.connection)
            if wanted:
                self.relay.selector.register(self.connection, wanted, self.ready)
            self.events = wanted

    def ready(self, events: int) -> None:
        """Read or write."""
        if self.number not in self.relay.links:  # closed by something that was looked at just before
            return
        try:
            if events & READ:
                self.read(self.connection.recv(CHUNK))
            if events & WRITE:
                self.data = self.data[self.connection.send(self.data) :]
                if not self.data:
                    self.say("taken")
        except BlockingIOError:
            return
        except OSError:  # the handler was killed, or has closed it with our data unread
            self.gone()
            return
        self.watch()

    def read(self, data: bytes) -> None:
        """Send on what was read; nothing is the end."""
        if data:
            self.untaken = True
            self.say("data", base64.b64encode(data).decode("ascii"))
        else:
            self.read_all = True
            self.say("end")

    def received(self, line: dict[str, Any]) -> None:
        """Take a line of the other end."""
        if "gone" in line:
            self.close()
            return
        if "data" in line:
            self.data += base64.b64decode(line["data"])
        self.untaken &= "taken" not in line
        self.ending |= "end" in line
        self.watch()

    def gone(self) -> None:
        """Close, and let the other end know."""
        self.say("gone")
        self.close()

    def close(self) -> None:
        """Show the end, though another process may hold a copy of the descriptor."""
        if self.events:
            self.relay.selector.unregister(self.connection)
        self.relay.links.pop(self.number, None)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class Relay:
    """All connections of a container, in one thread's loop."""

    def __init__(self, selector: selectors.BaseSelector, say: Callable[[str, dict[str, Any]], None]) -> None:
        self.selector, self.say = selector, say
        self.links: dict[int, Link] = {}
        self.numbers = itertools.count(1)

    def opened(self, function: str) -> str:
        """The address of a port at which the function finds its emulated AWS."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=MOST)
        listening.setblocking(False)

        def accept(events: int) -> None:
            del events
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                if len(self.links) < MOST:
                    Link(self, next(self.numbers), connection).say("open", function)
                else:
                    connection.close()

        self.selector.register(listening, READ, accept)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    def received(self, line: dict[str, Any]) -> None:
        """Take a line of the other end."""
        if link := self.links.get(line["link"]):
            link.received(line)
