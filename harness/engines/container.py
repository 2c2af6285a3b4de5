"""The engine that starts handlers in the Lambda image, through Docker or Podman: each in a container of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.engines.baking import baked
from harness.engines.bytecode import Compiled, Compiling, answers
from harness.engines.daemon import CALL_SECONDS, Daemon, connect, ensure_image, first_line, owner, sweep, text_in
from harness.engines.hooking import BOOTSTRAP, hooked_file
from harness.engines.observations import observation
from harness.engines.once import Once
from harness.engines.programs import text
from harness.engines.protocol import Answers, Job, Observation, Progress, Start, Unavailable
from harness.engines.relay import Relay, Stream, shared
from harness.engines.shipping import BEGIN, LONGEST, Answer, packed, program
from harness.engines.starting import rule_out_the_runtime, time_limit
from harness.model import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.policy import RuntimePolicy

CAVEATS = ("the public image is not the managed runtime: a system library that it holds may be absent there",)
OBSERVER_MB = 192  # what the first process may use beside the handler
OBSERVER_PROCESSES = 32
COMPILER_MB = 2048


@dataclass(frozen=True, slots=True)
class Ready:
    """What jobs of one runtime are started with.

    Attributes:
        reference: What the image is called, and
        image: its id.
        digest: What a registry calls it.
        bootstrap: The image's own with our patch before it; None where it has none.
    """

    daemon: Daemon
    reference: str
    image: str
    digest: str
    bootstrap: Path | None


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """Starts handlers in the Lambda image.

    Attributes:
        environ: The user's environment, to find the daemon with; no handler sees it.
        cache: Where unpacked archives and patched bootstraps are.
        image: The image that the user names; None for Lambda's own.
        compiles: Whether bytecode is put beside the sources.
    """

    environ: Mapping[str, str]
    cache: Path
    image: str | None = None
    compiles: bool = True
    _ready: Once[Ready] = field(default_factory=Once, init=False, compare=False, repr=False)

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool:
        """Connect, tidy up after runs that are no more, pull the image where it is not there; False where it fails."""
        try:
            with _explained():
                self._prepared(policy, architecture, progress)
        except Unavailable:
            return False
        return True

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler in a container without network, as many at a time as there are cores.

        Raises:
            Unavailable: No daemon answers, the image is not to be had, or the daemon gave up.
        """
        began = time.perf_counter()
        try:
            with _explained(job, self.image or job.policy.image):
                ready = self._prepared(job.policy, job.architecture, progress)
                prepared = time.perf_counter() - began
                seen, python = self._run(ready, job, progress)
        except Unavailable:
            self._ready.forget((job.policy.runtime, job.architecture))
            raise
        info = EngineInfo(
            "container", image=ready.reference, digest=ready.digest, python=python, caveats=CAVEATS, sandbox="container"
        )
        return Answers(info, seen, (("prepare", prepared), ("handlers", time.perf_counter() - began - prepared)))

    def _prepared(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> Ready:
        reference = self.image or policy.image

        def made() -> Ready:
            daemon = connect(self.environ)
            weakref.finalize(daemon, daemon.client.close)
            sweep(daemon)
            image = ensure_image(daemon, reference, architecture, progress)
            read = partial(text_in, daemon, str(image.id), BOOTSTRAP)
            bootstrap = hooked_file(self.cache / "runtimes", str(image.id), read)
            digest = (image.attrs.get("RepoDigests") or [image.id])[0].rpartition("@")[2]
            return Ready(daemon, reference, str(image.id), digest, bootstrap)

        return self._ready.get((policy.runtime, architecture), made)

    def _run(self, ready: Ready, job: Job, progress: Progress) -> tuple[tuple[Observation, ...], str]:
        trees = {"/var/task": job.task, **({"/opt": job.opt} if job.opt else {})}
        if ready.daemon.local:
            mounts = {**trees, **({BOOTSTRAP: ready.bootstrap} if ready.bootstrap else {})}
            place = Place(ready.image, tuple(mounts.items()))
            compiling = Compiling(job, trees, partial(_compiled, ready.daemon, place, job), self.cache)
            with contextlib.suppress(Unseen):
                return Crew(ready.daemon, place, job, progress).run(compiling if self.compiles else None)
        with baked(ready.daemon, ready.reference, job, ready.bootstrap, progress) as tag:
            return Crew(ready.daemon, Place(tag, ()), job, progress).run(None)


@contextlib.contextmanager
def _explained(job: Job | None = None, reference: str = "") -> Iterator[None]:
    """What the daemon and the way to it say, as a reason.

    Raises:
        Unavailable: They said something.
    """
    try:
        yield
    except (Unavailable, Unseen):
        raise
    except Exception as error:
        raise Unavailable(_reason(error, job, reference)) from error


def _reason(error: Exception, job: Job | None, reference: str) -> str:
    from docker.errors import DockerException  # noqa: PLC0415 - 150 ms that only this engine needs

    if isinstance(error, DockerException):
        if job and (python := _python(job)) in str(error):  # what an OCI runtime says of a program that is not there
            return (
                f"the image {reference} has no {python}, so it is not one of {job.policy.runtime}: name another "
                "with --image, or declare the runtime that it is for."
            )
        return f"the container daemon refused: {first_line(error)}"
    if isinstance(error, OSError):  # the SDK lets its transports' own exceptions through
        return f"the container daemon went away: {first_line(error)}"
    # The SDK trusts what a daemon answers: any exception can come of what is no answer.
    return f"the container daemon answered what no daemon answers ({type(error).__name__}: {first_line(error)})"


@dataclass(frozen=True, slots=True)
class Place:
    """An image, and the folders and files of this machine that are mounted into it."""

    image: str
    mounts: tuple[tuple[str, Path], ...]

    @property
    def names(self) -> dict[str, list[str]]:
        """For each folder that must be visible, names that must be in it."""
        found = {root: sorted(os.listdir(path)) for root, path in self.mounts if path.is_dir()}  # noqa: PTH208 - names
        return {root: [name for name in names if name != "__pycache__"][:100] for root, names in found.items()}


class Unseen(Exception):  # noqa: N818 - not an error: the daemon lives on another machine or in another namespace
    """The daemon does not see this machine's folders."""


def _python(job: Job) -> str:
    """Where the image of a runtime has its interpreter."""
    return "/var/lang/bin/python{}.{}".format(*job.policy.python)


class Crew:
    """The containers of one job, some of them side by side."""

    def __init__(self, daemon: Daemon, place: Place, job: Job, progress: Progress) -> None:
        self._daemon, self._place, self._job, self._progress = daemon, place, job, progress
        self._cores = os.cpu_count() or 1
        self._turn = threading.Semaphore(self._cores)
        self._lock = threading.Lock()
        self._streams = set[Stream]()
        self._stopped = False
        self._started = 0
        self._python = ""

    def run(self, compiling: Compiling | None) -> tuple[tuple[Observation, ...], str]:
        """What happened to each function, in the order of the job, and the version of the image's Python.

        Raises:
            Unseen: The mounted folders are not what they are here.
            Unavailable: A container ended before its work.
        """
        starts = self._job.starts
        if compiling:
            compiling.begin()
        # One container more than there are cores waits for its turn: making one is the daemon's work, not this one's.
        with ThreadPoolExecutor(min(len(starts), self._cores + 1)) as pool:
            waiting = [pool.submit(self._start, start, compiling) for start in starts]
            try:
                return tuple(one.result() for one in waiting), self._python
            except BaseException:  # Ctrl-C above all
                for one in waiting:
                    one.cancel()
                self._stop()
                raise
            finally:
                if compiling:
                    compiling.end()

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            streams = tuple(self._streams)
        for stream in streams:
            _shut(stream)

    def _start(self, start: Start, compiling: Compiling | None) -> Observation:
        job, answer = self._job, Answer()
        request = packed(job, start, _python(job), self._place.names)
        with container(self._daemon, self._place, job, start.memory, program(_python(job)), answer) as (name, stream):
            with self._lock:
                self._streams.add(stream)
                stopped = self._stopped
            if stopped:
                raise Unavailable("it was ended before its time.")
            watchdog = threading.Timer(time_limit(job, start), partial(_shut, stream))
            watchdog.daemon = True
            watchdog.start()
            try:
                self._converse(stream, request, answer, compiling)
            finally:
                watchdog.cancel()
                self._streams.discard(stream)
            if answer.result is None:
                raise Unavailable(f"the container ended before its work was done ({_ending(self._daemon, name)}).")
        self._tell(answer)
        return self._seen(answer.result, start, compiling)

    def _converse(self, stream: Stream, request: bytes, answer: Answer, compiling: Compiling | None) -> None:
        chunks = _stdout(stream)
        with Relay(self._job.outside, os.urandom(8).hex(), stream.sendall) as relay:
            stream.sendall(request)
            answer.read(chunks, relay.received, until_ready=True)
            if answer.python is not None and not answer.mounted:
                raise Unseen
            if compiling:
                compiling.ready()
            with self._turn:
                stream.sendall(BEGIN)
                answer.read(chunks, relay.received, until_ready=False)

    def _tell(self, answer: Answer) -> None:
        with self._lock:
            self._started += 1
            self._python = answer.python or self._python
            self._progress(f"started {self._started} of {len(self._job.starts)} handlers")

    @staticmethod
    def _seen(found: dict[str, Any], start: Start, compiling: Compiling | None) -> Observation:
        seen = observation(found, str)
        if compiling:
            seen = replace(seen, compiling=compiling.cost(found["modules"], str))
        rule_out_the_runtime(seen, found["trace"], frozenset(dict(start.environment)))
        return seen


def _compiled(daemon: Daemon, place: Place, job: Job, modules: Sequence[tuple[Path, str]]) -> Iterable[Compiled]:
    """Compile sources with the image's Python, in a container that executes nothing of them."""
    request = json.dumps([[shown, shown] for _, shown in modules]).encode()
    command = [_python(job), "-I", "-S", "-B", "-c", text("compiler")]
    with _explained(), container(daemon, place, job, COMPILER_MB, command, Answer()) as (_, stream):
        stream.sendall(request)
        stream.shutdown(socket.SHUT_WR)
        yield from answers(b"".join(_stdout(stream)))


@contextlib.contextmanager
def container(  # noqa: PLR0913, PLR0917 - what a container is made of
    daemon: Daemon, place: Place, job: Job, memory: int, command: list[str], answer: Answer
) -> Iterator[tuple[str, Stream]]:
    """A running container and the stream to its first process; gone afterwards, however one leaves.

    Its standard input closes when our connection does, and the first process ends with it, and the daemon removes what
    ended: so nothing stays even when this process is killed.
    """
    from docker.errors import APIError  # noqa: PLC0415 - 150 ms that only this engine needs
    from docker.types import LogConfig, Mount, Ulimit  # noqa: PLC0415 - as above

    api, limits = daemon.client.api, job.policy.limits
    room = f"{memory + limits.tmp_mb + OBSERVER_MB}m"
    host = api.create_host_config(
        auto_remove=True,
        cap_drop=["ALL"],
        cap_add=["SETUID", "SETGID", "KILL"],  # to start the handler as another user, and to end it
        log_config=LogConfig(type="none"),  # what is said is for us alone, and is read as it comes
        init=False,  # the observer must be process 1, which nothing in the container can kill
        mem_limit=room,
        memswap_limit=room,
        mounts=[Mount(root, os.fspath(path), type="bind", read_only=True) for root, path in place.mounts],
        network_mode="none",
        pids_limit=limits.processes + OBSERVER_PROCESSES,
        read_only=True,
        security_opt=["no-new-privileges"],
        ulimits=[Ulimit(name="nofile", soft=limits.file_descriptors, hard=limits.file_descriptors)],
        tmpfs={
            "/tmp": f"rw,exec,nosuid,nodev,size={limits.tmp_mb}m,mode=1777",  # noqa: S108 - the container's
            "/dev/shm": "ro,size=4k,mode=0000",  # noqa: S108 - Lambda has none
        },
    )
    made = api.create_container(
        place.image,
        command=command[1:],
        entrypoint=command[:1],
        host_config=host,
        labels=owner(),
        stdin_open=True,
        user="0:0",
        working_dir="/var/task",
    )
    name = made["Id"]
    try:
        attached = api.attach_socket(name, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        stream = getattr(attached, "_sock", attached)
        whole = sum(time_limit(job, start) for start in job.starts)
        stream.settimeout(whole + CALL_SECONDS)  # beyond the watchdog: a machine that vanished never ends it
        with contextlib.closing(attached), contextlib.closing(stream):
            try:
                api.start(name)
            except APIError as error:
                if place.mounts and "bind source path" in str(error):
                    raise Unseen from error
                raise
            yield name, shared(stream)
    finally:
        # What has finished the daemon removes without being asked; an image is removed after its container.
        if answer.result is None or not place.mounts:
            with contextlib.suppress(APIError, OSError):  # it may be gone already, or on its way, or its daemon is
                api.remove_container(name, force=True, v=True)


def _stdout(stream: Stream) -> Iterator[bytes]:
    """What the container wrote to its standard output, out of the daemon's framed stream."""
    while header := _exactly(stream, 8):
        if (size := int.from_bytes(header[4:], "big")) > LONGEST:
            raise ValueError(f"a frame of {size:,} bytes")
        body = _exactly(stream, size)
        if header[0] == 1:
            yield body


def _exactly(stream: Stream, size: int) -> bytes:
    parts = []
    while size and (part := stream.recv(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"" if size else b"".join(parts)


def _shut(stream: Stream) -> None:
    """End the connection to a container, which then ends, too.

    Not by killing it: to a container that is gone, the daemon goes on taking what we send, for minutes; and a daemon
    that hangs would not do it.
    """
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def _ending(daemon: Daemon, container: str) -> str:
    from docker.errors import DockerException  # noqa: PLC0415 - 150 ms that only this engine needs

    with contextlib.suppress(DockerException, OSError):
        state = daemon.client.api.inspect_container(container)["State"]
        return "it ran out of memory" if state.get("OOMKilled") else f"exit status {state.get('ExitCode')}"
    return "it or its daemon is gone"
