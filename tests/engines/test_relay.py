"""The stream to a container of a daemon on another machine: read by one thread, written by others, over TLS."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.engines.relay import OneAtATime, Relay, shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = 200
LINE = b"x" * 5000


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


def test_both_directions_at_once(connected: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    ours, theirs = connected
    ours.settimeout(30)
    stream = shared(ours)
    assert isinstance(stream, OneAtATime)
    heard = bytearray()

    def echo() -> None:
        with contextlib.suppress(OSError):
            while chunk := theirs.recv(65_536):
                theirs.sendall(chunk)

    def listen() -> None:
        while len(heard) < 4 * LINES * len(LINE):
            heard.extend(stream.recv(65_536))

    def talk() -> None:
        for _ in range(LINES):
            stream.sendall(LINE)

    talking = [threading.Thread(target=talk) for _ in range(4)]
    threads = [threading.Thread(target=listen), threading.Thread(target=echo, daemon=True), *talking]
    for thread in threads:
        thread.start()
    threads[0].join(60)

    assert len(heard) == 4 * LINES * len(LINE)


def test_silence_has_an_end(connected: tuple[ssl.SSLSocket, ssl.SSLSocket]) -> None:
    connected[0].settimeout(0.05)

    with pytest.raises(TimeoutError):
        shared(connected[0]).recv(1)


def test_a_plain_connection_is_what_it_was() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert shared(ours) is ours


def test_a_connection_that_nothing_is_behind_ends() -> None:
    said: list[bytes] = []
    with Relay(None, "token", said.append) as relay:
        relay.received({"link": 1, "open": "app"})
        relay.received({"link": 1, "data": "R0VU"})
        relay.received({"link": 2, "data": "R0VU"})  # one that was never opened

    assert said == [b'{"link": 1, "end": true}\n']
