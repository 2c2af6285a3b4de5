"""Lambda's Runtime API for one function, on a listening socket that is handed in.

It hands out events and records what the runtime client posts. The paths and headers are those of the AWS Lambda
developer guide, page runtimes-api. Every request comes from code that is under test: lines, headers, bodies and the
number of connections are bounded.
"""

# More than 300 lines: it is shipped as one file, as the observer is.

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Bytes: TypeAlias = "bytes | bytearray"

PREFIX = "/2018-06-01/runtime/"
REPORT = "/lambda-artifact/import"
"""Where the runtime's bootstrap reports how the import of the handler's module went; see ``bootstrap_patch.py``."""
BEGUN = "/lambda-artifact/importing"
"""Where it reports that this import begins."""
CALLED = "/lambda-artifact/call"
"""Where it reports a call to another machine."""
IMPORTED = "/lambda-artifact/imports"
"""Where an extra start reports when its imports began and ended."""

CLIENT = "aws-lambda-python/"
"""How AWS's runtime client introduces itself (``User-Agent``)."""

# What the service accepts as a synchronous response: 6 MB and a little (developer guide, gettingstarted-limits).
RESPONSE_BYTES = 6_291_556
BODY_BYTES = RESPONSE_BYTES + 65_536
"""A body is read up to this size: the observer has to outlive a handler that answers with gigabytes."""

CONNECTIONS = 3  # at a time; the runtime client has one, and a second one for an error
MOST_CALLS = 32
JSON_BYTES = 1_048_576  # of JSON that is read: its objects take twenty times as much memory
LINE_BYTES = 1024  # of the header of a chunk
REGION, ACCOUNT = "us-east-1", "123456789012"
PING = "lambda-artifact"
"""A client context that is no JSON. The runtime client refuses it before it calls the handler, so that its refusal
shows that the import is over and the client in its loop, and nothing of the user's is executed for it."""


class RuntimeApi:
    """What the runtime client asked and posted; ``changed`` is notified at every step.

    Attributes:
        ready_at: When it first asked for an event, which is when init had succeeded (``time.monotonic``).
        settled_at: When it had shown that it is AWS's client and in its loop; for another client, when that was given
            up.
        ping: The number of the event that it refuses, once it has it.
        init_error: What it posted to ``init/error``.
        importing: Whether the bootstrap has reported that the import begins.
        imported: What the bootstrap reported of the import; see ``bootstrap_patch.py``. Anybody can report anything.
        calls: What it reported of calls to other machines, each with the number of the ``event`` that it was made at,
            or None for init. Anybody can report these, too.
        imports: What it reported of the times of imports. The same goes for them.
        answers: One entry for each event that was answered, in order.
        handed_out: When the event under way was handed out; None while there is none.
        waiting: Whether the client has asked for an event, and there is none left.
    """

    def __init__(
        self,
        listening: socket.socket,
        function: str,
        events: list[str],
        timeout: float,
        admits: Callable[[socket.socket], bool] = lambda _: True,
    ) -> None:
        self.changed = threading.Condition()
        self.ready_at: float | None = None
        self.settled_at: float | None = None
        self.genuine = False
        self.ping = ""
        self.init_error: dict[str, Any] | None = None
        self.importing = False
        self.imported: dict[str, Any] | None = None
        self.calls: list[dict[str, Any]] = []
        self.imports: dict[str, Any] | None = None
        self.answers: list[dict[str, Any]] = []
        self.handed_out: float | None = None
        self.waiting = False
        self._listening, self._admits = listening, admits
        self._function = function
        self._events = events
        self._timeout = timeout
        self._next = 0
        self._invocation = ""
        self._closed = False
        self._connections: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let waiting requests go, and stop answering."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
            connections = tuple(self._connections)
        for one in (self._listening, *connections):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            known = self._admits(connection)
            with self.changed:
                admitted = known and not self._closed and len(self._connections) < CONNECTIONS
                if admitted:
                    self._connections.add(connection)
            if admitted:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        # What a client does to its connection, or sends, ends that connection at most.
        try:
            with contextlib.suppress(OSError, ValueError), connection:
                Handler(connection, self)
        finally:
            with self.changed:
                self._connections.discard(connection)

    def next_event(self, agent: str) -> tuple[dict[str, str], bytes] | None:
        """The headers and the body of the next event; waits where there is none, None once closed.

        AWS's client is handed the ping first, then the events. Any other client gets the events at once.
        """
        with self.changed:
            if self._closed:
                return None
            if self.ready_at is None:
                self.ready_at = time.monotonic()
                self.genuine = agent.startswith(CLIENT)
                if self.genuine:
                    headers = self._headers(PING)
                    self.ping = headers["Lambda-Runtime-Aws-Request-Id"]
                    self.changed.notify_all()
                    return headers, b"null"
            if self.ping and self.settled_at is None:  # a second one asks while the client still refuses the ping
                self.changed.wait_for(lambda: self._closed or self.settled_at is not None)
            if self._next >= len(self._events) or self._closed:
                self.waiting = True
                self.changed.notify_all()
                self.changed.wait_for(lambda: self._closed)
                return None
            payload = self._events[self._next]
            self._next += 1
            headers = self._headers(None)
            self.handed_out = time.monotonic()
            self.changed.notify_all()
        return headers, payload.encode()

    def _headers(self, context: str | None) -> dict[str, str]:
        request = f"{secrets.token_hex(4)}-0000-4000-8000-{secrets.token_hex(6)}"
        self._invocation = f"{PREFIX}invocation/{request}"
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self._timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self._function}",
            "Content-Type": "application/json",
        }
        if context is None:
            # The SDK passes it on, so that the emulated AWS knows the event that a request belongs to.
            return {**headers, "Lambda-Runtime-Trace-Id": f"Root=1-00000000-{self._next:024x};Sampled=0"}
        return {**headers, "Lambda-Runtime-Client-Context": context}

    def posted(self, path: str, error_type: str | None, body: Bytes, length: int) -> int:
        """Record what was posted; the HTTP status to answer with."""
        with self.changed:
            status = 202
            answers = f"{self._invocation}/response", f"{self._invocation}/error"
            if path == PREFIX + "init/error":
                self.init_error = self.init_error or _error_of(error_type, body)
            elif path == BEGUN:
                self.importing = True
            elif path == REPORT:
                self.imported = self.imported or _object(body)
            elif path == IMPORTED:
                self.imports = self.imports or _object(body)
            elif path == CALLED:
                self._called(_object(body))
            elif self.ping and self.settled_at is None and path == answers[1]:
                self.settled_at = time.monotonic()
            elif self.handed_out is not None and path in answers:
                answer: dict[str, Any] = {"seconds": time.monotonic() - self.handed_out}
                if path == answers[1]:
                    answer["error"] = _error_of(error_type, body)
                elif length > RESPONSE_BYTES:
                    status = 413
                    answer["error"] = {
                        "type": "Function.ResponseSizeTooLarge",
                        "message": f"Response payload size ({length} bytes) exceeded maximum allowed payload size "
                        f"({RESPONSE_BYTES} bytes).",
                        "stack": [],
                    }
                else:
                    answer["body"] = body.decode("utf-8", "replace")
                self.answers.append(answer)
                self.handed_out = None
            else:
                status = 404
            self.changed.notify_all()
            return status

    def _called(self, call: dict[str, Any] | None) -> None:
        event = None if self.handed_out is None else len(self.answers)
        if call is not None and sum(one["event"] == event for one in self.calls) < MOST_CALLS:
            self.calls.append({**call, "event": event})


def _object(body: Bytes) -> dict[str, Any] | None:
    if len(body) > JSON_BYTES:
        return None
    try:
        # JSON can name half of a character, which no report can hold.
        whole = json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace")
        found = json.loads(whole)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _error_of(error_type: str | None, body: Bytes) -> dict[str, Any]:
    """The runtime client's own words; a body that is not its JSON is shown as it came."""
    found = _object(body)
    if found is None:
        return {"type": error_type or "Unknown", "message": body[:4096].decode("utf-8", "replace"), "stack": []}
    stack = found.get("stackTrace")
    return {
        "type": str(found.get("errorType") or error_type or "Unknown"),
        "message": str(found.get("errorMessage") or ""),
        "stack": [str(line) for line in stack] if isinstance(stack, list) else [],
    }


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP on one connection of a function's Runtime API."""

    protocol_version = "HTTP/1.1"  # the runtime client keeps its connection open

    def __init__(self, connection: socket.socket, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(connection, ("127.0.0.1", 0), None)  # type: ignore[arg-type]  # it has no server

    def do_GET(self) -> None:
        """Hand out the next event."""
        if self.path != PREFIX + "invocation/next":
            self.answer(404, {}, b"")
            return
        event = self.api.next_event(self.headers.get("User-Agent", ""))
        if event is None:
            self.close_connection = True
        else:
            self.answer(200, *event)

    def do_POST(self) -> None:
        """Take an answer or an error."""
        body, length = self.body()
        status = self.api.posted(self.path, self.headers.get("Lambda-Runtime-Function-Error-Type"), body, length)
        self.answer(status, {}, b'{"status":"OK"}')

    def body(self) -> tuple[Bytes, int]:
        """The posted bytes, up to the bound, and how many there were."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.chunks()
        length = max(0, int(self.headers.get("Content-Length") or 0))  # below it, a read goes on without a bound
        body = self.rfile.read(min(length, BODY_BYTES))
        if length > len(body):
            self.close_connection = True
        return body, length

    def chunks(self) -> tuple[Bytes, int]:
        """The same, of a body that comes in chunks.

        Raises:
            ValueError: A chunk has no size, or one that is no number.
        """
        body, length = bytearray(), 0
        while (size := int(self.rfile.readline(LINE_BYTES).split(b";")[0], 16)) > 0:
            length += size
            if length > BODY_BYTES:
                self.close_connection = True
                return body, length
            body += self.rfile.read(size)
            self.rfile.readline(LINE_BYTES)
        self.rfile.readline(LINE_BYTES)
        if length < 0:
            raise ValueError
        return body, length

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send a response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it overrides
        """Write nothing: standard error is not the handler's."""
