"""Lambda's Runtime API for one function, on a loopback port.

It hands out events and keeps what the runtime client posts. The paths and headers are those of the AWS Lambda
developer guide, page runtimes-api.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/2018-06-01/runtime/"
# What the service accepts as a synchronous response: 6 MB and a little (developer guide, gettingstarted-limits).
RESPONSE_BYTES = 6_291_556
# A body is read to this size and no further: the probe has to outlive a handler that answers with gigabytes.
BODY_BYTES = 16 * 1024 * 1024
REGION, ACCOUNT = "us-east-1", "123456789012"


class RuntimeApi:
    """What the runtime client asked and said; ``changed`` is notified at every step.

    Attributes:
        ready_at: When it first asked for an event, which is when init had succeeded (``time.monotonic``).
        init_error: What it posted to ``init/error``.
        answers: One entry for each event that was answered, in order.
        handed_out: When the event under way was handed out; None while there is none.
        idle: Whether it asked for an event after the last one.
    """

    def __init__(self, function: str, events: list[str], timeout: float) -> None:
        self.changed = threading.Condition()
        self.ready_at: float | None = None
        self.init_error: dict[str, Any] | None = None
        self.answers: list[dict[str, Any]] = []
        self.handed_out: float | None = None
        self.idle = False
        self._function = function
        self._events = events
        self._timeout = timeout
        self._next = 0
        self._invocation = ""
        self._closed = False
        self._server = Server(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        """The value of ``AWS_LAMBDA_RUNTIME_API``."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Let waiting requests go, and stop answering."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def next_event(self) -> tuple[dict[str, str], bytes] | None:
        """The headers and the body of the next event; waits where there is none, None once closed."""
        with self.changed:
            if self.ready_at is None:
                self.ready_at = time.monotonic()
            if self._next == len(self._events):
                self.idle = True
                self.changed.notify_all()
                self.changed.wait_for(lambda: self._closed)
                return None
            payload = self._events[self._next]
            self._next += 1
            request = f"00000000-0000-4000-8000-{self._next:012d}"
            self._invocation = f"{PREFIX}invocation/{request}"
            self.handed_out = time.monotonic()
            self.changed.notify_all()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self._timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self._function}",
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
            "Content-Type": "application/json",
        }
        return headers, payload.encode()

    def posted(self, path: str, error_type: str | None, body: bytes, length: int) -> int:
        """Keep what was posted; the HTTP status to answer with."""
        with self.changed:
            status = 202
            if path == PREFIX + "init/error":
                self.init_error = _error_of(error_type, body)
            elif self.handed_out is not None and path in (f"{self._invocation}/response", f"{self._invocation}/error"):
                answer: dict[str, Any] = {"seconds": time.monotonic() - self.handed_out}
                if path.endswith("/error"):
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


def _error_of(error_type: str | None, body: bytes) -> dict[str, Any]:
    """The runtime client's own words; a body that is not its JSON is shown as it came."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return {"type": error_type or "Unknown", "message": body[:4096].decode("utf-8", "replace"), "stack": []}
    stack = said.get("stackTrace")
    return {
        "type": str(said.get("errorType") or error_type or "Unknown"),
        "message": str(said.get("errorMessage") or ""),
        "stack": [str(line) for line in stack] if isinstance(stack, list) else [],
    }


class Server(ThreadingHTTPServer):
    """A server that knows whose API it is."""

    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.api = api

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed while it was answered is no news."""


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the server's API."""

    protocol_version = "HTTP/1.1"  # the runtime client keeps its connection
    server: Server

    def do_GET(self) -> None:
        """Hand out the next event."""
        if self.path != PREFIX + "invocation/next":
            self.answer(404, {}, b"")
            return
        event = self.server.api.next_event()
        if event is None:
            self.close_connection = True
        else:
            self.answer(200, *event)

    def do_POST(self) -> None:
        """Take an answer or an error."""
        body, length = self.body()
        status = self.server.api.posted(self.path, self.headers.get("Lambda-Runtime-Function-Error-Type"), body, length)
        self.answer(status, {}, b'{"status":"OK"}')

    def body(self) -> tuple[bytes, int]:
        """The posted bytes, to a bound, and how many there were."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.chunks()
        length = max(0, int(self.headers.get("Content-Length") or 0))  # below it, a read goes on without a bound
        body = self.rfile.read(min(length, BODY_BYTES))
        if length > len(body):
            self.close_connection = True
        return body, length

    def chunks(self) -> tuple[bytes, int]:
        """The same, of a body that comes in chunks."""
        body, length = b"", 0
        while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
            length += size
            if length > BODY_BYTES:
                self.close_connection = True
                return body, length
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
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
        """Say nothing: standard error belongs to the supervisor."""
