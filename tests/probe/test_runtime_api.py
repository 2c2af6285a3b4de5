"""The Runtime API as the runtime client meets it: over HTTP, on a loopback port."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from harness.probe.runtime_api import BODY_BYTES, CLIENT, JSON_BYTES, PREFIX, RESPONSE_BYTES, RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Iterator

NEXT = f"{PREFIX}invocation/next"
INIT_ERROR = f"{PREFIX}init/error"
EVENTS = ['{"n": 1}', '"zwei ü"']


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def api(listening: socket.socket) -> Iterator[RuntimeApi]:
    made = RuntimeApi(listening, "a-function", EVENTS, 3.0)
    yield made
    made.close()


@pytest.fixture
def client(api: RuntimeApi, listening: socket.socket) -> Iterator[http.client.HTTPConnection]:
    """One connection for everything, as the runtime client keeps it."""
    del api  # it answers
    host, port = listening.getsockname()
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=30)) as connection:
        yield connection


def asked(client: http.client.HTTPConnection) -> tuple[http.client.HTTPMessage, str]:
    """The next event: headers and body."""
    client.request("GET", NEXT)
    response = client.getresponse()
    assert response.status == 200
    return response.headers, response.read().decode()


def post(client: http.client.HTTPConnection, path: str, body: object, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request("POST", path, body, given, encode_chunked=given.get("Transfer-Encoding") == "chunked")  # type: ignore[arg-type]  # whatever http.client takes
    response = client.getresponse()
    response.read()
    return response.status


def answer_path(headers: http.client.HTTPMessage, kind: str = "response") -> str:
    return f"{PREFIX}invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/{kind}"


def test_events_are_handed_out_and_answered_in_order(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    assert api.ready_at is None
    ids: set[str] = set()
    for number, event in enumerate(EVENTS):
        headers, body = asked(client)
        assert api.ready_at is not None
        assert api.handed_out is not None
        assert body == event
        assert headers["Lambda-Runtime-Invoked-Function-Arn"].endswith(":function:a-function")
        assert headers["Lambda-Runtime-Deadline-Ms"].isdigit()
        ids.add(headers["Lambda-Runtime-Aws-Request-Id"])
        assert post(client, answer_path(headers), f'{{"said": {number}}}'.encode()) == 202
        assert api.handed_out is None
    assert [answer["body"] for answer in api.answers] == ['{"said": 0}', '{"said": 1}']
    assert len(ids) == 2
    assert api.init_error is None


ERROR = {"errorType": "KeyError", "errorMessage": "'k'", "stackTrace": ["  File …\n", "  more\n"]}
BODIES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "the runtime client's": (
        json.dumps(ERROR).encode(),
        {"type": "KeyError", "message": "'k'", "stack": ["  File …\n", "  more\n"]},
    ),
    "an object with less": (b"{}", {"type": "From.Header", "message": "", "stack": []}),
    "of other types": (
        b'{"errorType": 3, "errorMessage": null, "stackTrace": "one"}',
        {"type": "3", "message": "", "stack": []},
    ),
    "not an object": (b"[1]", {"type": "From.Header", "message": "[1]", "stack": []}),
    "not JSON": (b"<oops>", {"type": "From.Header", "message": "<oops>", "stack": []}),
    "not text": (b"\xff{", {"type": "From.Header", "message": "\ufffd{", "stack": []}),
    "empty": (b"", {"type": "From.Header", "message": "", "stack": []}),
    "too deep": (b"[" * 200_000, {"type": "From.Header", "message": "[" * 4096, "stack": []}),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_errors(api: RuntimeApi, client: http.client.HTTPConnection, body: bytes, expected: dict[str, Any]) -> None:
    kind = {"Lambda_Runtime_Function_Error_Type": "From.Header"}
    assert post(client, INIT_ERROR, body, **kind) == 202
    assert api.init_error == expected
    headers, _ = asked(client)
    assert post(client, answer_path(headers, "error"), body, **kind) == 202
    assert [answer["error"] for answer in api.answers] == [expected]


def test_an_error_without_a_type(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    assert post(client, INIT_ERROR, b"{}") == 202
    assert api.init_error == {"type": "Unknown", "message": "", "stack": []}


def test_a_body_in_chunks(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    headers, _ = asked(client)
    parts = iter([b'"in ', "zwei ü".encode(), b' parts"'])
    assert post(client, answer_path(headers), parts, Transfer_Encoding="chunked") == 202
    assert [answer["body"] for answer in api.answers] == ['"in zwei ü parts"']
    asked(client)  # the connection is still good


def too_large(size: int) -> dict[str, Any]:
    return {
        "type": "Function.ResponseSizeTooLarge",
        "message": f"Response payload size ({size} bytes) exceeded maximum allowed payload size (6291556 bytes).",
        "stack": [],
    }


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunks"])
def test_a_response_is_6_mb_and_no_more(api: RuntimeApi, client: http.client.HTTPConnection, chunked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    for size in (RESPONSE_BYTES, RESPONSE_BYTES + 1):
        headers, _ = asked(client)
        body = b"x" * size
        if chunked:
            pieces = (body[at : at + 1_000_000] for at in range(0, size, 1_000_000))
            status = post(client, answer_path(headers), pieces, Transfer_Encoding="chunked")
        else:
            status = post(client, answer_path(headers), body)
        assert status == (202 if size == RESPONSE_BYTES else 413)
    fits, does_not = api.answers
    assert len(fits["body"]) == RESPONSE_BYTES
    assert does_not["error"] == too_large(RESPONSE_BYTES + 1)


def test_of_gigabytes_only_a_bound_is_read(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    headers, _ = asked(client)
    client.putrequest("POST", answer_path(headers))
    client.putheader("Content-Length", str(10**12))
    client.endheaders()
    client.send(bytes(BODY_BYTES))
    response = client.getresponse()
    assert (response.status, response.will_close) == (413, False)
    assert [answer["error"] for answer in api.answers] == [too_large(10**12)]


@pytest.mark.parametrize("framing", [("Content-Length", "-1"), ("Transfer-Encoding", "chunked")])
def test_a_length_below_nothing_is_nothing(
    api: RuntimeApi, client: http.client.HTTPConnection, framing: tuple[str, str]
) -> None:
    headers, _ = asked(client)
    client.putrequest("POST", answer_path(headers))
    client.putheader(*framing)
    client.endheaders(b"-5\r\n\r\n" if framing[1] == "chunked" else None)
    assert client.getresponse().status == 202
    assert [answer["body"] for answer in api.answers] == [""]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", f"{PREFIX}invocation/later"),
        ("GET", "/2015-01-01/runtime/invocation/next"),
        ("POST", f"{PREFIX}init/success"),
        ("POST", f"{PREFIX}invocation/another-request/response"),
        ("POST", f"{PREFIX}invocation/another-request/error"),
        ("POST", "/response"),
    ],
)
def test_what_there_is_not(api: RuntimeApi, client: http.client.HTTPConnection, method: str, path: str) -> None:
    asked(client)
    client.request(method, path, b"{}" if method == "POST" else None)
    response = client.getresponse()
    response.read()
    assert response.status == 404
    assert (api.answers, api.init_error) == ([], None)
    assert api.handed_out is not None


def test_an_event_is_answered_once(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    headers, _ = asked(client)
    assert [post(client, answer_path(headers), body) for body in (b"1", b"2")] == [202, 404]
    assert [answer["body"] for answer in api.answers] == ["1"]


def test_after_the_last_event_it_waits_until_it_is_closed(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    for _ in EVENTS:
        headers, _body = asked(client)
        post(client, answer_path(headers), b"1")
    ended = threading.Event()

    def wait() -> None:
        client.request("GET", NEXT)
        with contextlib.suppress(http.client.RemoteDisconnected):
            client.getresponse()
        ended.set()

    waiting = threading.Thread(target=wait)
    with api.changed:
        waiting.start()
        assert api.changed.wait(30)  # it has asked
    assert not ended.is_set()
    api.close()
    waiting.join(30)
    assert ended.is_set()


def test_awss_client_shows_that_it_is_in_its_loop_before_it_is_handed_an_event(
    api: RuntimeApi, client: http.client.HTTPConnection
) -> None:
    client.request("GET", NEXT, headers={"User-Agent": f"{CLIENT}3.12-4.2.2"})
    response = client.getresponse()
    ping = response.headers
    assert response.read() == b"null"
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(ping["Lambda-Runtime-Client-Context"])
    assert (api.genuine, api.settled_at, api.handed_out) == (True, None, None)

    assert post(client, answer_path(ping), b"1") == 404  # whatever answers it is no client of AWS's
    assert post(client, answer_path(ping, "error"), b"{}") == 202

    assert api.settled_at is not None
    headers, body = asked(client)
    assert body == EVENTS[0]
    assert "Lambda-Runtime-Client-Context" not in headers
    assert api.answers == []


def test_who_is_not_admitted_meets_a_closed_door(listening: socket.socket) -> None:
    refused: list[int] = []

    def admits(connection: socket.socket) -> bool:
        refused.append(connection.getpeername()[1])
        return False

    api = RuntimeApi(listening, "a-function", EVENTS, 3.0, admits)
    with socket.create_connection(listening.getsockname(), 30) as connection:
        assert connection.recv(1) == b""
        assert refused == [connection.getsockname()[1]]
    api.close()


def test_of_an_error_a_megabyte_is_read(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    body = json.dumps({"errorType": "X", "errorMessage": "m" * JSON_BYTES}).encode()
    assert post(client, INIT_ERROR, body, Lambda_Runtime_Function_Error_Type="From.Header") == 202
    assert api.init_error is not None
    assert (api.init_error["type"], len(api.init_error["message"])) == ("From.Header", 4096)


def test_half_a_character_is_replaced(api: RuntimeApi, client: http.client.HTTPConnection) -> None:
    assert (
        post(client, INIT_ERROR, rb'{"errorType": "\ud800", "errorMessage": "\udfff", "stackTrace": ["\ud801"]}') == 202
    )
    assert api.init_error == {"type": "?", "message": "?", "stack": ["?"]}
