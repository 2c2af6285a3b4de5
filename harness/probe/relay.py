"""Carries connections out of a container: as lines between its first process and the engine, and to nobody else.

A handler whose AWS is emulated gets a port on the loopback of the container. What it sends there goes up in lines of
the first process's output, what comes down in lines of its input goes back. Nothing is mounted and no network is there,
so it is the same in a container of a daemon on another machine.

A line holds ``link``, the connection's number, and one of

* ``open``: the function; upwards only,
* ``data``: bytes in Base64; the next may follow when this one was ``taken``, so that neither side ever holds more than
  one chunk of a connection whose other end does not read,
* ``taken``,
* ``end``: no data follows,
* ``gone``: the connection is not there any more; upwards only.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import selectors
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 65_536
MOST = 128  # connections at a time
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Link:
    """One connection of a handler's."""

    def __init__(self, relay: Relay, number: int, client: socket.socket) -> None:
        self.relay, self.number, self.client = relay, number, client
        self.data = b""  # what the handler is still to read
        self.untaken = self.silent = self.over = self.closed = False
        self.events = 0
        self.watch()

    def say(self, what: str, value: object = True) -> None:  # noqa: FBT002 - a line's value, not a switch
        """A line upwards."""
        self.relay.say("relay", {"link": self.number, what: value})

    def watch(self) -> None:
        """Have the selector look for what can be done now."""
        wanted = (WRITE if self.data else 0) | (0 if self.untaken or self.silent else READ)
        if wanted != self.events:
            if self.events:
                self.relay.selector.unregister(self.client)
            if wanted:
                self.relay.selector.register(self.client, wanted, self.turn)
            self.events = wanted

    def turn(self, events: int) -> None:
        """The handler can read, or has written."""
        if self.closed:  # by something that was looked at just before
            return
        try:
            if events & READ:
                self.sent(self.client.recv(CHUNK))
            if events & WRITE:
                self.data = self.data[self.client.send(self.data) :]
                if not self.data:
                    self.say("taken")
        except BlockingIOError:
            return
        except OSError:  # the handler was killed, or has closed it with our data unread
            self.say("gone")
            self.close()
            return
        self.settle()

    def sent(self, data: bytes) -> None:
        """What the handler wrote goes up; nothing is its end."""
        if data:
            self.untaken = True
            self.say("data", base64.b64encode(data).decode("ascii"))
        else:
            self.silent = True
            self.say("end")

    def received(self, line: dict[str, Any]) -> None:
        """A line from above."""
        if "data" in line:
            self.data += base64.b64decode(line["data"])
        self.untaken &= "taken" not in line
        self.over |= "end" in line
        self.settle()

    def settle(self) -> None:
        """Go on, or close where no more comes from above: HTTP ends with the answer."""
        if self.over and not self.data:
            self.close()
        else:
            self.watch()

    def close(self) -> None:
        """Let the handler see the end, though its keeper may hold a copy of the descriptor."""
        if self.events:
            self.relay.selector.unregister(self.client)
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)
        self.client.close()
        self.closed = True
        self.relay.links.pop(self.number, None)


class Relay:
    """All connections of the container; it lives in one thread's loop, and starts no other."""

    def __init__(self, selector: selectors.BaseSelector, say: Callable[[str, dict[str, Any]], None]) -> None:
        self.selector, self.say = selector, say
        self.links: dict[int, Link] = {}
        self.numbers = itertools.count(1)
        self.rest = b""

    def opened(self, function: str) -> str:
        """The address of a port at which the function finds its emulated AWS."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=MOST)
        listening.setblocking(False)

        def knocked(events: int) -> None:
            del events
            with contextlib.suppress(OSError):
                client, _ = listening.accept()
                self.admit(client, function)

        self.selector.register(listening, READ, knocked)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    def admit(self, client: socket.socket, function: str) -> None:
        """Begin a connection."""
        if len(self.links) >= MOST:
            client.close()
            return
        client.setblocking(False)
        number = next(self.numbers)
        link = self.links[number] = Link(self, number, client)
        link.say("open", function)

    def received(self, chunk: bytes) -> None:
        """Lines from above, whole or in part."""
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for text in lines:
            line = json.loads(text)
            if link := self.links.get(line["link"]):
                link.received(line)
