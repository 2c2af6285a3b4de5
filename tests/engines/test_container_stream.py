"""The stream to a container of a daemon on another machine: read by one thread, written by others, over TLS."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.engines.container_stream import ContainerStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES, SIZE = 800, 1_000_000


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """Both ends of a TLS connection."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "daemon")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "daemon.pem"
    path.write_bytes(private + certificate)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cadata=certificate.decode())
    client.check_hostname = False
    ours, theirs = socket.socketpair()
    accepted: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: accepted.append(server.wrap_socket(theirs, server_side=True)))
    thread.start()
    with client.wrap_socket(ours) as one:
        thread.join()
        with accepted[0] as other:
            yield one, other


def framed(**line: object) -> bytes:
    """A line of the first process, as a daemon sends it."""
    content = json.dumps(line).encode() + b"\n"
    return bytes([1, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


@pytest.fixture(params=["plain", "TLS"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    if request.param == "TLS":
        yield request.getfixturevalue("connected")
        return
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_both_directions_at_once(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends

    def answer() -> None:
        for number in range(LINES):
            theirs.sendall(framed(type="noise", number=number, text="x" * 5000))
        received = 0
        while received < 4 * SIZE:
            received += len(theirs.recv(65_536))
        theirs.sendall(framed(type="result", received=received))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with ContainerStream(ours, 60) as stream:
        for _ in range(4):
            stream.send(b"y" * SIZE)
        result = stream.message("result")

    assert result == {"type": "result", "received": 4 * SIZE}


def test_silence_has_an_end(ends: tuple[socket.socket, socket.socket]) -> None:
    with ContainerStream(ends[0], 0.05) as stream:
        assert stream.message("ready") is None


def test_a_connection_that_nothing_is_behind_ends(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(framed(type="relay", link=1, open="app") + framed(type="relay", link=1, data="R0VU"))
    theirs.sendall(framed(type="relay", link=2, data="R0VU"))  # one that was never opened
    with ContainerStream(ours, 0.5) as stream:
        assert stream.message("result") is None
    assert theirs.recv(65_536) == b'{"link": 1, "gone": true}\n'
