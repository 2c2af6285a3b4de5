"""The engine that starts handlers in the Lambda image, through Docker or Podman."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import weakref
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from harness.engines.baking import baked
from harness.engines.bytecode import BytecodeStore, Lending, content_key
from harness.engines.daemon import CALL_SECONDS, Daemon, connect, ensure_image, first_line, owner, sweep, text_in
from harness.engines.environment import GROUP, HOME, USER
from harness.engines.hooking import hooked_file
from harness.engines.once import Once
from harness.engines.protocol import Answers, Job, Observation, Progress, Unavailable
from harness.engines.relay import Relay, Stream, shared
from harness.engines.shipping import SUPERVISOR_PROCESSES, Parcel, probe_command, spent, time_limit
from harness.model import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.policy import RuntimePolicy

CAVEATS = ("the public image is not the managed runtime: a system library that it holds may be absent there",)
# What the probe may use beside the handlers. The memory has room for as many small processes as may be: a fork bomb is
# to be stopped by the probe, in a moment, and not by the kernel, which takes a minute to kill a thousand for want of
# memory.
SUPERVISOR_MB = 1024
BOOTSTRAP = "/var/runtime/bootstrap.py"


@dataclass(frozen=True, slots=True)
class Ready:
    """What jobs of one runtime are started with.

    Attributes:
        reference: What the image is called, and
        image: its id.
        digest: What a registry calls it.
        bootstrap: The image's own, with the lender of bytecode before it; None where nothing can be lent.
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
        image: The image that the user names; None for Lambda's own.
        bytecode: Where compiled modules are kept; None lets every handler compile what it loads.
    """

    environ: Mapping[str, str]
    image: str | None = None
    bytecode: Path | None = None
    _ready: Once[Ready] = field(default_factory=Once, compare=False, repr=False)

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool:
        """Connect, tidy up after runs that are no more, pull the image where it is not there; False where it fails."""
        try:
            with _explained():
                self._prepared(policy, architecture, progress)
        except Unavailable:
            return False
        return True

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler: in one container without network and rights, as many at a time as there are cores.

        Raises:
            Unavailable: No daemon answers, the image is not to be had, or the daemon gave up.
        """
        began = time.perf_counter()
        try:
            with _explained(job, self.image or job.policy.image):
                ready = self._prepared(job.policy, job.architecture, progress)
                prepared = time.perf_counter() - began
                return _run_all(ready, job, self._lending(ready, job), prepared, progress)
        except Unavailable:
            self._ready.forget((job.policy.runtime, job.architecture))
            raise

    def _prepared(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> Ready:
        reference = self.image or policy.image

        def made() -> Ready:
            daemon = connect(self.environ)
            weakref.finalize(daemon, daemon.client.close)
            sweep(daemon)
            image = ensure_image(daemon, reference, architecture, progress)
            bootstrap = hooked_file(self.bytecode, str(image.id), partial(text_in, daemon, str(image.id), BOOTSTRAP))
            digest = (image.attrs.get("RepoDigests") or [image.id])[0].rpartition("@")[2]
            return Ready(daemon, reference, str(image.id), digest, bootstrap)

        return self._ready.get((policy.runtime, architecture), made)

    def _lending(self, ready: Ready, job: Job) -> Lending | None:
        if self.bytecode is None or ready.bootstrap is None:
            return None
        roots = {root: f"{ready.image} {root}" for root in ("/var/lang/", "/var/runtime/")}
        for root, tree in (("/var/task/", job.task), ("/opt/", job.opt)):
            if tree and (key := content_key(tree, self.bytecode.parent)):
                roots[root] = f"{key} {ready.image}"
        return Lending(BytecodeStore(self.bytecode), roots)


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
        if (reason := _reason(error, job, reference)) is None:
            raise
        raise Unavailable(reason) from error


def _reason(error: Exception, job: Job | None, reference: str) -> str | None:
    from docker.errors import DockerException  # noqa: PLC0415 - 150 ms that only this engine needs

    if isinstance(error, DockerException):
        if job and (python := _python(job)) in str(error):  # what an OCI runtime says of a program that is not there
            return (
                f"the image {reference} has no {python}, so it is not one of {job.policy.runtime}: name another "
                "with --image, or declare the runtime that it is for."
            )
        return f"the container daemon refused: {first_line(error)}"
    # The SDK lets its transports' own exceptions through.
    return f"the container daemon went away: {first_line(error)}" if isinstance(error, OSError) else None


@dataclass(frozen=True, slots=True)
class Place:
    """An image, and the folders and files of this machine that are mounted into it."""

    image: str
    mounts: tuple[tuple[str, Path], ...]


class Unseen(Exception):  # noqa: N818 - not an error: the daemon lives on another machine or in another namespace
    """The daemon does not see this machine's folders."""


def _run_all(ready: Ready, job: Job, lending: Lending | None, prepared: float, progress: Progress) -> Answers:
    trees = (("/var/task", job.task), *([("/opt", job.opt)] if job.opt else []))
    mounts = (*trees, (BOOTSTRAP, ready.bootstrap)) if ready.bootstrap else trees
    if ready.daemon.local:
        with contextlib.suppress(Unseen):
            return _run_in(ready, Place(ready.image, mounts), job, lending, prepared, progress)
    with baked(ready.daemon, ready.reference, job, progress) as tag:
        return _run_in(ready, Place(tag, ()), job, None, prepared, progress)


def _run_in(  # noqa: PLR0913, PLR0917 - a place, a job, and what both need
    ready: Ready, place: Place, job: Job, lending: Lending | None, prepared: float, progress: Progress
) -> Answers:
    """Run handlers in one container.

    Raises:
        Unseen: The mounted folders are not what they are here.
        Unavailable: The container ended before its work.
    """
    workers, began, daemon = min(len(job.starts), os.cpu_count() or 1), time.perf_counter(), ready.daemon
    parcel = _parcel(job, place, workers, lending)
    found: dict[str, Observation] = {}
    with _container(daemon, place, job, workers, parcel) as (container, stream):
        watchdog = threading.Timer(time_limit(job), partial(_kill, daemon, container))
        watchdog.daemon = True
        watchdog.start()
        try:
            # Not by killing it: to a container that is gone, the daemon goes on taking what we send, for minutes.
            with job.ending.by(partial(stream.shutdown, socket.SHUT_RDWR)):
                for piece in parcel.pieces:
                    stream.sendall(piece)
                with Relay(job.outside, parcel.token, stream.sendall) as relay:
                    for observation in parcel.read(_stdout(stream), relay, progress):
                        found[observation.function] = observation
        finally:
            watchdog.cancel()
        if parcel.seen and not parcel.mounts_visible:
            raise Unseen
        if not parcel.finished:
            raise Unavailable(f"the container ended before its work was done ({_ending(daemon, container)}).")
    info = EngineInfo("container", image=ready.reference, digest=ready.digest, python=parcel.python, caveats=CAVEATS)
    seconds = spent(prepared, time.perf_counter() - began, parcel.answered - began, parcel.seconds)
    return Answers(info, tuple(found[start.function] for start in job.starts), seconds)


def _python(job: Job) -> str:
    """Where the image of a runtime has its interpreter."""
    return "/var/lang/bin/python{}.{}".format(*job.policy.python)


def _parcel(job: Job, place: Place, workers: int, lending: Lending | None) -> Parcel:
    return Parcel(
        job,
        command=["/lambda-entrypoint.sh"],
        python=_python(job),
        bootstrap=[BOOTSTRAP],
        task="/var/task",
        environment={"HOME": HOME},
        inherit=True,  # what the image sets, Lambda's own or another that the user names
        roots={
            root: sorted(entry.name for entry in path.iterdir())[:100] for root, path in place.mounts if path.is_dir()
        },
        workers=workers,
        alone=True,
        nice=19,  # a container has its share of the processor whatever its processes say
        lending=lending,
    )


@contextlib.contextmanager
def _container(daemon: Daemon, place: Place, job: Job, workers: int, parcel: Parcel) -> Iterator[tuple[str, Stream]]:
    """A running container and the stream to its probe; gone afterwards, however one leaves.

    Its standard input closes when our connection does, and the probe ends with it, and the daemon removes what ended:
    so nothing stays even when this process is killed.
    """
    from docker.errors import APIError  # noqa: PLC0415 - as above
    from docker.types import LogConfig, Mount, Ulimit  # noqa: PLC0415 - as above

    api, limits = daemon.client.api, job.policy.limits
    largest = sorted((start.memory for start in job.starts), reverse=True)[:workers]
    memory = f"{sum(largest) + limits.tmp_mb + SUPERVISOR_MB}m"
    host = api.create_host_config(
        auto_remove=True,
        cap_drop=["ALL"],
        log_config=LogConfig(type="none"),  # what is said is for us alone, and is read as it comes
        init=False,  # the probe must be process 1, which nothing in the container can kill
        mem_limit=memory,
        memswap_limit=memory,
        mounts=[Mount(root, os.fspath(path), type="bind", read_only=True) for root, path in place.mounts],
        network_mode="none",
        pids_limit=limits.processes + SUPERVISOR_PROCESSES,
        read_only=True,
        security_opt=["no-new-privileges"],
        ulimits=[Ulimit(name="nofile", soft=limits.file_descriptors, hard=limits.file_descriptors)],
        tmpfs={
            "/tmp": f"rw,exec,nosuid,nodev,size={limits.tmp_mb}m,mode=1777",  # noqa: S108 - the container's
            "/dev/shm": "ro,size=4k,mode=0000",  # noqa: S108 - Lambda has none
        },
    )
    entrypoint = probe_command(_python(job))
    made = api.create_container(
        place.image,
        command=entrypoint[1:],
        entrypoint=entrypoint[:1],
        host_config=host,
        labels=owner(),
        stdin_open=True,
        user=f"{USER}:{GROUP}",
        working_dir="/var/task",
    )
    container = made["Id"]
    try:
        attached = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        stream = getattr(attached, "_sock", attached)
        stream.settimeout(time_limit(job) + CALL_SECONDS)  # beyond the watchdog: a machine that vanished never ends it
        with contextlib.closing(attached), contextlib.closing(stream):
            try:
                api.start(container)
            except APIError as error:
                if place.mounts and "bind source path" in str(error):
                    raise Unseen from error
                raise
            yield container, shared(stream) if job.outside else stream
    finally:
        # What has finished the daemon removes without being asked; an image is removed after its container.
        if not (parcel.finished and place.mounts):
            with contextlib.suppress(APIError, OSError):  # it may be gone already, or on its way, or its daemon is
                api.remove_container(container, force=True, v=True)


def _stdout(stream: Stream) -> Iterator[bytes]:
    """What the container wrote to its standard output, out of the daemon's framed stream."""
    while header := _exactly(stream, 8):
        body = _exactly(stream, int.from_bytes(header[4:], "big"))
        if header[0] == 1:
            yield body


def _exactly(stream: Stream, size: int) -> bytes:
    parts = []
    while size and (part := stream.recv(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"" if size else b"".join(parts)


def _kill(daemon: Daemon, container: str) -> None:
    with contextlib.suppress(Exception):  # the last resort of a watchdog; whatever it meets, the reader will see
        daemon.client.api.kill(container)


def _ending(daemon: Daemon, container: str) -> str:
    from docker.errors import DockerException  # noqa: PLC0415 - 150 ms that only this engine needs

    with contextlib.suppress(DockerException, OSError):
        state = daemon.client.api.inspect_container(container)["State"]
        return "it ran out of memory" if state.get("OOMKilled") else f"exit status {state.get('ExitCode')}"
    return "it or its daemon is gone"
