"""The engine that starts handlers in the Lambda image, through Docker or Podman: each in a container of its own."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import weakref
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.engines.bootstrap_patch import BOOTSTRAP, patched_file
from harness.engines.bytecode import Compilation, Compiled, compiled_modules
from harness.engines.concurrency import Once, StartPool
from harness.engines.container_image import ensured, image_with_trees, text_in
from harness.engines.container_stream import ContainerStream
from harness.engines.daemon import CALL_SECONDS, Daemon, Unseen, connect, explained, owner, sweep
from harness.engines.probe_messages import observed, order, text, time_limit
from harness.engines.protocol import Answers, Job, Observation, Progress, Start, Unavailable
from harness.model import EngineInfo

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.policy import RuntimePolicy

CAVEATS = ("the public image is not the managed runtime: a system library that it holds may be absent there",)
OBSERVER_MB = 192  # what the first process may use beside the handler
OBSERVER_PROCESSES = 32
COMPILER_MB = 2048
# In the order of their imports.
MODULES = (
    "kernel",
    "launch",
    "processes",
    "bootstrap_patch",
    "runtime_api",
    "outside",
    "observer",
    "relay",
    "container",
)


@dataclass(frozen=True, slots=True)
class Prepared:
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
class Place:
    """An image, and the folders and files of this machine that are mounted into it."""

    daemon: Daemon
    image: str
    mounts: tuple[tuple[str, Path], ...] = ()

    @property
    def names(self) -> dict[str, list[str]]:
        """For each folder that must be visible, names that must be in it."""
        found = {root: sorted(os.listdir(path)) for root, path in self.mounts if path.is_dir()}  # noqa: PTH208 - names
        return {root: [name for name in names if name != "__pycache__"][:100] for root, names in found.items()}


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
    _prepared: Once[Prepared] = field(default_factory=Once, init=False, compare=False, repr=False)

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool:
        """Connect, remove what earlier runs left, pull the image where it is not there; False where it fails."""
        try:
            with explained():
                self._prepare(policy, architecture, progress)
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
            with explained(_python(job), self._other_runtime(job)):
                prepared = self._prepare(job.policy, job.architecture, progress)
                ready = time.perf_counter()
                seen, python = self._run(prepared, job, progress)
        except Unavailable:
            self._prepared.forget((job.policy.runtime, job.architecture))
            raise
        info = EngineInfo("container", prepared.reference, prepared.digest, python, CAVEATS, "container")
        return Answers(info, seen, (("prepare", ready - began), ("handlers", time.perf_counter() - ready)))

    def _other_runtime(self, job: Job) -> str:
        return (
            f"the image {self.image or job.policy.image} has no {_python(job)}, so it is not one of "
            f"{job.policy.runtime}: name another with --image, or declare the runtime that it is for."
        )

    def _prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> Prepared:
        reference = self.image or policy.image

        def made() -> Prepared:
            daemon = connect(self.environ)
            weakref.finalize(daemon, daemon.client.close)
            sweep(daemon)
            image = ensured(daemon, reference, architecture, progress)
            read = partial(text_in, daemon, str(image.id), BOOTSTRAP)
            bootstrap = patched_file(self.cache / "runtimes", str(image.id), read)
            digest = (image.attrs.get("RepoDigests") or [image.id])[0].rpartition("@")[2]
            return Prepared(daemon, reference, str(image.id), digest, bootstrap)

        return self._prepared.get((policy.runtime, architecture), made)

    def _run(self, prepared: Prepared, job: Job, progress: Progress) -> tuple[tuple[Observation, ...], str]:
        daemon, trees = prepared.daemon, {"/var/task": job.task, **({"/opt": job.opt} if job.opt else {})}
        if daemon.local:
            mounts = {**trees, **({BOOTSTRAP: prepared.bootstrap} if prepared.bootstrap else {})}
            place = Place(daemon, prepared.image, tuple(mounts.items()))
            compile_ = partial(_compiled, place, job)
            with contextlib.suppress(Unseen):
                return Starts(
                    place, job, Compilation(job, trees, compile_, self.cache) if self.compiles else None, progress
                ).run()
        with image_with_trees(daemon, prepared.reference, job, prepared.bootstrap, progress) as tag:
            return Starts(Place(daemon, tag), job, None, progress).run()


def _python(job: Job) -> str:
    """Where the image of a runtime has its interpreter."""
    return "/var/lang/bin/python{}.{}".format(*job.policy.python)


class Starts:
    """The containers of one job, some of them side by side."""

    def __init__(self, place: Place, job: Job, compilation: Compilation | None, progress: Progress) -> None:
        self._place, self._job = place, job
        self._pool: StartPool[ContainerStream] = StartPool(job, compilation, ContainerStream.shut, progress)
        self._cores = os.cpu_count() or 1
        self._turn = threading.Semaphore(self._cores)
        self._python = ""

    def run(self) -> tuple[tuple[Observation, ...], str]:
        """What happened to each function, in the order of the job, and the version of the image's Python.

        Raises:
            Unseen: The mounted folders are not what they are here.
            Unavailable: A container ended before its work.
        """
        # One container more than there are cores waits for its turn: making one is the daemon's work, not this one's.
        return self._pool.run(self._start, self._cores + 1), self._python

    def _start(self, start: Start) -> Observation:
        job, outside, run = self._job, self._job.outside, os.urandom(8).hex()
        serve = (lambda function, connection: outside.serve(function, run, connection)) if outside else None
        command = [_python(job), "-I", "-S", "-B", "-c", text("container_boot")]
        with (
            container(self._place, job, start.memory, command) as (name, connection),
            ContainerStream(connection, time_limit(job, start), serve) as stream,
            self._pool.running(stream),
        ):
            stream.send(self._request(start))
            ready = stream.message("ready")
            result = None
            if ready:
                self._python = ready["python"]
                if not ready["mounted"]:
                    raise Unseen
                self._pool.compiled()
                with self._turn:
                    stream.send(b"begin\n")
                    result = stream.message("result")
            if result is None:
                raise Unavailable(
                    f"the container ended before its work was done ({_ending(self._place.daemon, name)})."
                )
        return self._pool.observed(start, result)

    def _request(self, start: Start) -> bytes:
        """The job of one container, as its first process reads it."""
        job, python = self._job, _python(self._job)
        command = ["/lambda-entrypoint.sh", start.handler]
        if start.asks:
            command = [python, "-c", text("questions"), BOOTSTRAP]
        request = {
            "modules": [(name, text(name)) for name in MODULES],
            "start": observed(job, start, alone=True),
            "order": order(job, start, command, {}),
            "roots": self._place.names,
            "emulated": start.emulated,
        }
        return json.dumps(request).encode() + b"\n"


def _compiled(place: Place, job: Job, modules: Sequence[tuple[Path, str]]) -> Iterable[Compiled]:
    """Compile sources with the image's Python, in a container that executes nothing of them."""
    request = json.dumps([[shown, shown] for _, shown in modules]).encode() + b"\n"
    command = [_python(job), "-I", "-S", "-B", "-c", text("compiler")]
    seconds = sum(time_limit(job, start) for start in job.starts) + CALL_SECONDS
    with (
        explained(),
        container(place, job, COMPILER_MB, command) as (_, connection),
        ContainerStream(connection, seconds) as stream,
    ):
        stream.send(request)
        yield from compiled_modules(b"".join(iter(stream.printed, b"")))


@contextlib.contextmanager
def container(place: Place, job: Job, memory: int, command: list[str]) -> Iterator[tuple[str, socket.socket]]:
    """A running container and the connection to its first process; gone afterwards, however one leaves.

    Its standard input closes when our connection does, and the first process ends with it, and the daemon removes what
    ended: so nothing stays even when this process is killed.
    """
    from docker.errors import APIError  # noqa: PLC0415 - 150 ms that only this engine needs

    api = place.daemon.client.api
    name = api.create_container(
        place.image,
        command=command[1:],
        entrypoint=command[:1],
        host_config=api.create_host_config(**_walls(place, job, memory)),
        labels=owner(),
        stdin_open=True,
        user="0:0",
        working_dir="/var/task",
    )["Id"]
    finished = False
    try:
        attached = api.attach_socket(name, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        connection = getattr(attached, "_sock", attached)
        with contextlib.closing(attached), contextlib.closing(connection):
            try:
                api.start(name)
            except APIError as error:
                if place.mounts and "bind source path" in str(error):
                    raise Unseen from error
                raise
            yield name, connection
        finished = bool(place.mounts)  # the daemon removes it without being asked; an image goes after its container
    finally:
        if not finished:
            with contextlib.suppress(APIError, OSError):  # it may be gone already, or on its way, or its daemon is
                api.remove_container(name, force=True, v=True)


def _walls(place: Place, job: Job, memory: int) -> dict[str, Any]:
    """What a container is shut in."""
    from docker.types import LogConfig, Mount, Ulimit  # noqa: PLC0415 - as above

    limits = job.policy.limits
    room = f"{memory + limits.tmp_mb + OBSERVER_MB}m"
    return {
        "auto_remove": True,
        "cap_drop": ["ALL"],
        "cap_add": ["SETUID", "SETGID", "KILL"],  # to start the handler as another user, and to end it
        "log_config": LogConfig(type="none"),  # what is said is for us alone, and is read as it comes
        "init": False,  # the observer must be process 1, which nothing in the container can kill
        "mem_limit": room,
        "memswap_limit": room,
        "mounts": [Mount(root, os.fspath(path), type="bind", read_only=True) for root, path in place.mounts],
        "network_mode": "none",
        "pids_limit": limits.processes + OBSERVER_PROCESSES,
        "read_only": True,
        "security_opt": ["no-new-privileges"],
        "ulimits": [Ulimit(name="nofile", soft=limits.file_descriptors, hard=limits.file_descriptors)],
        "tmpfs": {
            "/tmp": f"rw,exec,nosuid,nodev,size={limits.tmp_mb}m,mode=1777",  # noqa: S108 - the container's
            "/dev/shm": "ro,size=4k,mode=0000",  # noqa: S108 - Lambda has none
        },
    }


def _ending(daemon: Daemon, container: str) -> str:
    from docker.errors import DockerException  # noqa: PLC0415 - as above

    with contextlib.suppress(DockerException, OSError):
        state = daemon.client.api.inspect_container(container)["State"]
        return "it ran out of memory" if state.get("OOMKilled") else f"exit status {state.get('ExitCode')}"
    return "it or its daemon is gone"
