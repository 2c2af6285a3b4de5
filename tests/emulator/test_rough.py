"""Handlers that are rough with their connections harm neither their own services nor their neighbours'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.engines.protocol import Exited
from tests.emulator.rehearsing import Rehearsal
from tests.engines.bench import start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine
    from harness.manifest.seeds import Seed

SEED = """
[[buckets]]
name = "desk"
objects = [{ key = "large", file = "large" }, { key = "small", text = "small" }]
"""
ROUGH = """
import os, socket, struct, time
from urllib.parse import urlsplit
import boto3

s3 = boto3.client("s3")
at = urlsplit(os.environ["AWS_ENDPOINT_URL"])
ASK = b"GET /desk/large HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n"


def knock(said=b""):
    opened = socket.create_connection((at.hostname, at.port), 5)
    opened.sendall(said)
    return opened


def handler(event, context):
    return {"end": end, "idle": idle, "unread": unread, "reset": reset, "noise": noise, "slow": slow}[event]()


def small():
    return s3.get_object(Bucket="desk", Key="small")["Body"].read().decode()


def idle():
    held = [knock() for _ in range(100)]
    return small()


def unread():
    held = [knock(ASK) for _ in range(20)]
    time.sleep(0.5)
    return small()


def reset():
    for _ in range(20):
        opened = knock(ASK)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        opened.close()
    return small()


def noise():
    short = b"POST / HTTP/1.1\\r\\nContent-Length: 9999\\r\\n\\r\\nshort"
    for noise in (b"\\0" * 1000, b"GET / HTTP/9.9\\r\\n\\r\\n", short):
        with knock(noise) as opened:
            opened.shutdown(socket.SHUT_WR)
            opened.settimeout(10)
            while opened.recv(65536):
                pass
    return small()


def slow():
    size, body = 0, s3.get_object(Bucket="desk", Key="large")["Body"]
    while chunk := body.read(1 << 20):
        size += len(chunk)
        time.sleep(0.02)
    return size


def end():
    held = [knock(ASK) for _ in range(5)]
    os.kill(os.getpid(), 9)
"""


def test_it(an_engine: Engine, task: Callable[..., Path], sown: Callable[[str], Seed], tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 16_000_000)
    rehearsal = Rehearsal(an_engine, task({"rough.py": ROUGH}), sown(SEED))

    answers = rehearsal.answers("rough.handler", "idle", "unread", "reset", "noise", "slow")

    assert answers == ["small", "small", "small", "small", 16_000_000]


def test_one_that_is_killed_beside_one_that_is_not(
    an_engine: Engine, task: Callable[..., Path], sown: Callable[[str], Seed], tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(b"x" * 4_000_000)
    rehearsal = Rehearsal(an_engine, task({"rude.py": ROUGH, "calm.py": ROUGH}), sown(SEED))
    rude, calm = rehearsal.run(start("rude.handler", ['"end"']), start("calm.handler", ['"slow"', '"idle"']))

    assert isinstance(rude.answers[0], Exited)
    assert [answer.body for answer in calm.answers if hasattr(answer, "body")] == ["4000000", '"small"']
