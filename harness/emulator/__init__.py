"""Emulated AWS for handlers: S3, SQS, DynamoDB and what else they call, by moto, seeded from files, alive for one run.

The services are in a process of their own, which listens nowhere: each connection is a pair of sockets, of which it is
handed one. It ends with this process, however that ends, because its input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.manifest.seeds import Seed

NEEDED = ("moto", "flask", "flask_cors")
CAVEAT = "AWS was emulated by moto, which asks for no permission and has no quota"
REMEDY = "pip install 'lambda-artifact-harness[emulator]'"
SERVER = Path(__file__).with_name("server.py")
ENDING_SECONDS = 5
SHOWN = 8192  # bytes of its last output


class Unusable(Exception):  # noqa: N818 - not an error: a reason, which becomes a skip
    """The services cannot be had here; the message is one sentence that says why and what would help."""


def lacking() -> str | None:
    """Why no services can be had here: what they are made of is not installed; None where it is."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    return f"the emulated AWS that `aws-seed` asks for needs {missing[0]}: {REMEDY}" if missing else None


class Request(NamedTuple):
    """A kind of request that a function has made.

    Attributes:
        service: As it is signed for: ``s3``.
        operation: As it names it; empty where its method and its path do.
        event: The number of the event, from 1, that it was made at; 0 at init, and where the client does not say.
        method: Of HTTP.
        depth: 1 where its path names a bucket, 2 where it names a key in it.
        keys: Of its query, and the header that names what S3 copies.
    """

    service: str
    operation: str
    event: int
    method: str
    depth: int
    keys: list[str]


class Emulator:
    """The services of some functions.

    Args:
        seeds: Which seed each function has.
        ends: Ends the process that plays them.
        log: The descriptor of the file to which that process writes what it is asked.

    Attributes:
        asked: The functions that have called one of them.
    """

    def __init__(self, seeds: Mapping[str, Seed], ends: contextlib.ExitStack, log: int) -> None:
        self._seeds, self._ends = seeds, ends
        self._lock = threading.Lock()
        self.asked: set[str] = set()
        self._runs: dict[str, str] = {}
        self._log = log
        self._control: socket.socket | None = None

    def start(self) -> socket.socket:
        """The control socket of the process, which starts unless it runs.

        Raises:
            Unusable: It does not start, or refuses what a seed says.
        """
        if self._control is None:
            self._control = self._ends.enter_context(_running(self._seeds, self._log))
        return self._control

    def serve(self, function: str, run: str, connection: socket.socket) -> None:
        """Hand a connection to a function's services, as they are for one of its runs; the caller closes its own.

        Raises:
            OSError: They are gone, or do not start.
        """
        self.asked.add(function)
        self._runs[run] = function
        order = json.dumps([os.fspath(self._seeds[function].path), run]).encode()
        with self._lock:
            try:
                control = self.start()
            except Unusable as reason:
                raise ConnectionRefusedError(str(reason)) from None
            socket.send_fds(control, [order], [connection.fileno()])
            if not control.recv(1):
                raise ConnectionResetError("the emulated AWS has ended")

    def requests(self, function: str) -> Iterator[Request]:
        """What a function has asked until now, each kind of request once for each event."""
        for line in os.pread(self._log, os.fstat(self._log).st_size, 0).splitlines():
            run, *request = json.loads(line)
            if self._runs.get(run) == function:
                yield Request(*request)


@contextlib.contextmanager
def emulator(seeds: Mapping[str, Seed], progress: Callable[[str], None]) -> Iterator[Emulator]:
    """The services of functions, seeded; gone afterwards, with all that they hold.

    They are ready, unless every seed is implied by a template: then they start when the first function calls one.

    Raises:
        Unusable: They cannot be had, or refuse what a seed says.
    """
    if reason := lacking():
        raise Unusable(reason)
    with tempfile.TemporaryFile() as log, contextlib.ExitStack() as ends:
        outside = Emulator(seeds, ends, log.fileno())
        if not all(seed.implied for seed in seeds.values()):
            progress("starting the emulated AWS")
            outside.start()
        yield outside


@contextlib.contextmanager
def _running(seeds: Mapping[str, Seed], log: int) -> Iterator[socket.socket]:
    """The control socket of the process, for as long as it runs.

    Raises:
        Unusable: It does not start, or refuses what a seed says.
    """
    control, theirs = socket.socketpair()
    with control, tempfile.TemporaryFile() as errors:
        with theirs:
            process = _process(theirs, errors.fileno(), log)
        try:
            refused = _seeded(control, seeds)
            if refused is None:  # it ended
                process.wait(ENDING_SECONDS)
                errors.seek(0)
                lines = errors.read()[-SHOWN:].decode("utf-8", "replace").strip().splitlines()
                last = lines[-1] if lines else f"exit status {process.returncode}"
                raise Unusable(f"the emulated AWS does not start: {last}. Is all of it there? {REMEDY}")
            if refused:
                raise Unusable(refused)
            yield control
        finally:
            with contextlib.suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)  # it ends with its input, and all that it started with theirs
            try:
                process.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _process(control: socket.socket, errors: int, log: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", os.fspath(SERVER), str(control.fileno()), str(log)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=_variables(),
        pass_fds=(control.fileno(), log),
        start_new_session=True,
    )


def _seeded(control: socket.socket, seeds: Mapping[str, Seed]) -> str | None:
    """Why a seed is refused: nothing where everything is in its place, None where the process ended."""
    with contextlib.suppress(ConnectionError):
        # Functions of one seed have it put there once: what they do to it then is each run's own.
        contents = {os.fspath(seed.path): seed for seed in seeds.values()}
        control.sendall(msgspec.json.encode(contents, enc_hook=lambda path: os.fspath(path.absolute())) + b"\n")
        with control.makefile("rb") as answers:
            refusal = answers.readline()
        return str(json.loads(refusal)) if refusal.endswith(b"\n") else None
    return None


def _variables() -> dict[str, str]:
    """What the process is started with: where this one finds its modules, and nothing of the user's AWS."""
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": tempfile.gettempdir(),
        "HOME": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nobody",
        "AWS_DEFAULT_REGION": "us-east-1",
        # Objects stay in its memory, which has a limit, and never go to this machine's disk, which has none.
        "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(1 << 40),
    }
