"""A container daemon that ends, hangs or answers anything: an incomplete run, or the other engine, in bounded time."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import IMAGE
from tests.endurance.scene import FULL, Scene, ended, faults, soon, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HEADER = b"HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Type: application/json\r\n"
DOCKER = shutil.which("docker") or "docker"
VERSION = b'{"ApiVersion": "1.43", "MinAPIVersion": "1.12"}'
# What is bounded in the same way, and sooner.
SOONER = """
from harness.engines import daemon, probe_messages
daemon.PING_SECONDS, daemon.CALL_SECONDS, probe_messages.time_limit = 2, 4, lambda job, start: 20
from harness.__main__ import main
main()
"""
IMPATIENT = ("-c", SOONER)


def answer(body: bytes) -> bytes:
    return HEADER + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def says(content: bytes) -> Callable[[socket.socket, bytes], None]:
    def reply(client: socket.socket, request: bytes) -> None:
        del request
        client.sendall(content)

    return reply


def drips(client: socket.socket, request: bytes) -> None:
    """One byte a second, of a header without end."""
    del request
    for byte in HEADER * 1000:
        client.sendall(bytes([byte]))
        time.sleep(1)


def is_silent(client: socket.socket, request: bytes) -> None:
    del client, request
    time.sleep(3600)


def ends(client: socket.socket, request: bytes) -> None:
    del request
    client.shutdown(socket.SHUT_RDWR)


def after_greeting(reply: Callable[[socket.socket, bytes], None]) -> Callable[[socket.socket, bytes], None]:
    """A daemon at the first look."""

    def greet(client: socket.socket, request: bytes) -> None:
        if b"/version" in request.split(b"\r\n")[0] or b"/_ping" in request.split(b"\r\n")[0]:
            client.sendall(answer(VERSION))
        else:
            reply(client, request)

    return greet


NOISE = random.Random(3).randbytes(100_000)  # noqa: S311 - noise, not secrets
REPLIES = {
    "noise": says(NOISE),
    "a page": says(answer(b"<html>Hello</html>")),
    "half an answer": says(HEADER + b"Content-Length: 1000\r\n\r\n{"),
    "nothing": is_silent,
    "one byte a second": drips,
    "an end": ends,
}
ANSWERS = {
    **REPLIES,
    "a list": says(answer(b"[]")),
    "a number": says(answer(b"7")),
    "an object": says(answer(b"{}")),
    "a list of lists": says(answer(b"[[]]")),
}
CASES = {**REPLIES, **{f"a greeting, then {name}": after_greeting(reply) for name, reply in ANSWERS.items()}}


@contextlib.contextmanager
def serving(path: Path, reply: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """The address of something that answers."""

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while request := client.recv(65_536):
                reply(client, request)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
        server.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield f"unix://{path}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.network
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("case", CASES if times(1, 0) else ["noise", "a greeting, then an object"])
def test_what_is_no_daemon(a_scene: Scene, case: str, tmp_path: Path) -> None:
    right = a_scene.run().report
    impatient = replace(a_scene, program=IMPATIENT)
    with serving(tmp_path / "socket", CASES[case]) as address:
        began = time.monotonic()
        alone = replace(impatient, kind="container").run(DOCKER_HOST=address)
        took = time.monotonic() - began
        auto = replace(impatient, kind="auto").run(DOCKER_HOST=address)
    assert faults(alone, right, "daemon") == []
    assert alone.report["engine"]["name"] == "none"
    assert took < 60
    assert auto.report["results"] == right["results"]
    assert "the Lambda image was not used: " in str(auto.report["engine"]["caveats"])
    assert soon(a_scene.left) == []


class Daemon:
    """A dockerd of our own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.address = folder, f"unix://{folder}/socket"
        self.environ = {**os.environ, "DOCKER_HOST": self.address}
        self.start()

    def start(self) -> None:
        folder = self._folder
        for left in ("pid", "socket"):
            (folder / left).unlink(missing_ok=True)
        command = ["unshare", "--net", "dockerd", "--host", self.address, "--data-root", f"{folder}/data"]
        command += ["--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", "--bridge=none"]
        command += ["--iptables=false", "--ip6tables=false"]
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        for _ in range(600):
            done = subprocess.run([DOCKER, "info"], env=self.environ, capture_output=True, check=False)
            if not done.returncode:
                return
            time.sleep(0.1)
        pytest.fail((folder / "log").read_text()[-2000:])

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if (place := line.split()[1]).startswith(f"{self._folder}/"):
                subprocess.run(["/bin/umount", "--lazy", place], check=False)
        shutil.rmtree(self._folder)


@pytest.fixture(scope="module")
def daemon(image: str) -> Iterator[Daemon]:
    """With the image in it."""
    if FULL not in os.environ or os.geteuid() != 0:
        pytest.skip(f"a daemon of our own is started where {FULL} is set, by root")
    folder = Path("/var/tmp", f"docker-{os.getpid()}")
    folder.mkdir()
    made = Daemon(folder)
    with subprocess.Popen([DOCKER, "save", image], stdout=subprocess.PIPE) as saved:
        subprocess.run([DOCKER, "load"], stdin=saved.stdout, env=made.environ, check=True, capture_output=True)
    yield made
    made.end()


@pytest.mark.docker
@pytest.mark.timeout(6000)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_under_a_run(
    daemon: Daemon, number: signal.Signals, runtime: Path, environ: Mapping[str, str], tmp_path: Path
) -> None:
    """It ends, or hangs, at any moment."""
    moments = random.Random(5)  # noqa: S311 - moments, not secrets
    scene = Scene("container", tmp_path, runtime, {**environ, "DOCKER_HOST": daemon.address}, program=IMPATIENT)
    assert scene.environ[IMAGE]
    right = scene.right().report
    seconds = scene.seconds()
    wrong: list[object] = []
    for repetition in range(times(20, 1)):
        run = scene.start()
        time.sleep(moments.uniform(0.0, 1.1 * seconds))
        daemon.process.send_signal(number)
        seen = ended(run)
        wrong += [(repetition, one) for one in faults(seen, right, "daemon")]
        if number == signal.SIGKILL:
            daemon.process.wait()
            daemon.start()
        else:
            daemon.process.send_signal(signal.SIGCONT)
        if (after := scene.run()).report != right:
            wrong.append((repetition, "the next", after))
        wrong += [(repetition, one) for one in soon(scene.left, 5)]
    assert wrong == []
