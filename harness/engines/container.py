"""The engine that starts handlers in the Lambda image, through Docker or Podman."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import tempfile
import threading
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.engines.daemon import CALL_SECONDS, LABEL, Daemon, connect, ensure_image, first_line, owner, sweep
from harness.engines.environment import GROUP, HOME, USER
from harness.engines.protocol import Answers, Job, Observation, Progress, Unavailable
from harness.engines.shipping import SUPERVISOR_PROCESSES, Parcel, probe_command, time_limit
from harness.model import EngineInfo

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from docker.models.images import Image

CAVEATS = ("the public image is not the managed runtime: a system library that it holds may be absent there",)
# What the probe may use beside the handlers. The memory has room for as many small processes as may be: a fork bomb is
# to be stopped by the probe, in a moment, and not by the kernel, which takes a minute to kill a thousand for want of
# memory.
SUPERVISOR_MB = 1024


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """Starts handlers in the Lambda image.

    Attributes:
        environ: The user's environment, to find the daemon with; no handler sees it.
        image: The image that the user names; None for Lambda's own.
    """

    environ: Mapping[str, str]
    image: str | None = None

    def run(self, job: Job, progress: Progress) -> Answers:
        """Start every handler: one container for all of equal memory, without network and rights.

        Raises:
            Unavailable: No daemon answers, the image is not to be had, or the daemon gave up.
        """
        from docker.errors import DockerException  # noqa: PLC0415 - 150 ms that only this engine needs

        daemon = connect(self.environ)
        reference = self.image or job.policy.image
        try:
            sweep(daemon)
            image = ensure_image(daemon, reference, job.architecture, progress)
            return _run_all(daemon, image, reference, job, progress)
        except DockerException as error:
            if (python := _python(job)) in str(error):  # what an OCI runtime says of a program that is not there
                raise Unavailable(
                    f"the image {reference} has no {python}, so it is not one of {job.policy.runtime}: name another "
                    "with --image, or declare the runtime that it is for."
                ) from error
            raise Unavailable(f"the container daemon refused: {first_line(error)}") from error
        except OSError as error:  # the SDK lets its transports' own exceptions through
            raise Unavailable(f"the container daemon went away: {first_line(error)}") from error
        finally:
            daemon.client.close()


@dataclass(frozen=True, slots=True)
class Place:
    """An image, and the folders of this machine that are mounted into it."""

    image: str
    mounts: tuple[tuple[str, Path], ...]


class Unseen(Exception):  # noqa: N818 - not an error: the daemon lives on another machine or in another namespace
    """The daemon does not see this machine's folders."""


def _run_all(daemon: Daemon, image: Image, reference: str, job: Job, progress: Progress) -> Answers:
    found: dict[str, Observation] = {}
    python = None
    trees = (("/var/task", job.task), *([("/opt", job.opt)] if job.opt else []))
    with contextlib.ExitStack() as stack:
        place = (
            Place(str(image.id), trees)
            if daemon.local
            else stack.enter_context(_baked(daemon, reference, job, progress))
        )
        for group in _by_memory(job):
            try:
                python = _run_group(daemon, place, group, found, progress)
            except Unseen:
                place = stack.enter_context(_baked(daemon, reference, job, progress))
                python = _run_group(daemon, place, group, found, progress)
    digest = (image.attrs.get("RepoDigests") or [image.id])[0].rpartition("@")[2]
    info = EngineInfo("container", image=reference, digest=digest, python=python, caveats=CAVEATS)
    return Answers(info, tuple(found[start.function] for start in job.starts))


def _by_memory(job: Job) -> Iterator[Job]:
    memory = attrgetter("memory")
    for _, starts in groupby(sorted(job.starts, key=memory), key=memory):
        yield replace(job, starts=tuple(starts))


def _run_group(daemon: Daemon, place: Place, job: Job, found: dict[str, Observation], progress: Progress) -> str | None:
    """Run handlers of equal memory in one container; the version of its Python.

    Raises:
        Unseen: The mounted folders are not what they are here.
        Unavailable: The container ended before its work.
    """
    workers = min(len(job.starts), os.cpu_count() or 1)
    parcel = _parcel(job, place, workers)
    with _container(daemon, place, job, workers) as (container, stream):
        watchdog = threading.Timer(time_limit(job), partial(_kill, daemon, container))
        watchdog.daemon = True
        watchdog.start()
        try:
            stream.sendall(parcel.line)
            for observation in parcel.read(_stdout(stream), progress):
                found[observation.function] = observation
        finally:
            watchdog.cancel()
        if parcel.seen and not parcel.mounts_visible:
            raise Unseen
        if not parcel.finished:
            raise Unavailable(f"the container ended before its work was done ({_ending(daemon, container)}).")
    return parcel.python


def _python(job: Job) -> str:
    """Where the image of a runtime has its interpreter."""
    return "/var/lang/bin/python{}.{}".format(*job.policy.python)


def _parcel(job: Job, place: Place, workers: int) -> Parcel:
    return Parcel(
        job,
        command=["/lambda-entrypoint.sh"],
        python=_python(job),
        bootstrap=["/var/runtime/bootstrap.py"],
        task="/var/task",
        environment={"HOME": HOME},
        inherit=True,  # what the image sets, Lambda's own or another that the user names
        roots={root: sorted(entry.name for entry in path.iterdir())[:100] for root, path in place.mounts},
        workers=workers,
        alone=True,
        nice=19,  # a container has its share of the processor whatever its processes say
    )


@contextlib.contextmanager
def _container(daemon: Daemon, place: Place, job: Job, workers: int) -> Iterator[tuple[str, socket.socket]]:
    """A running container and the stream to its probe; gone afterwards, however one leaves.

    Its standard input closes when our connection does, and the probe ends with it, and the daemon removes what ended:
    so nothing stays even when this process is killed.
    """
    from docker.errors import APIError  # noqa: PLC0415 - as above
    from docker.types import Mount, Ulimit  # noqa: PLC0415 - as above

    api, limits = daemon.client.api, job.policy.limits
    memory = f"{workers * job.starts[0].memory + limits.tmp_mb + SUPERVISOR_MB}m"
    host = api.create_host_config(
        auto_remove=True,
        cap_drop=["ALL"],
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
            yield container, stream
    finally:
        with contextlib.suppress(APIError, OSError):  # it may be gone already, or on its way, or its daemon is
            api.remove_container(container, force=True, v=True)


def _stdout(stream: socket.socket) -> Iterator[bytes]:
    """What the container wrote to its standard output, out of the daemon's framed stream."""
    while header := _exactly(stream, 8):
        body = _exactly(stream, int.from_bytes(header[4:], "big"))
        if header[0] == 1:
            yield body


def _exactly(stream: socket.socket, size: int) -> bytes:
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


@contextlib.contextmanager
def _baked(daemon: Daemon, reference: str, job: Job, progress: Progress) -> Iterator[Place]:
    """An image with the trees inside, for a daemon that does not see this machine's folders; removed afterwards."""
    from docker.errors import DockerException  # noqa: PLC0415 - 150 ms that only this engine needs

    progress("sending the archives to the container daemon, which does not see this machine's files")
    tag = f"{LABEL}-{owner()[f'{LABEL}.pid']}-{os.urandom(4).hex()}"
    with tempfile.TemporaryFile() as context:
        _write_context(context, job)
        context.seek(0)
        try:
            steps = daemon.client.api.build(
                fileobj=context,
                custom_context=True,
                buildargs={"BASE_IMAGE": reference},
                labels=owner(),
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
            )
            for step in steps:
                if "error" in step:
                    raise Unavailable(f"the image with the archives could not be built: {step['error']}")
            yield Place(tag, ())
        finally:
            with contextlib.suppress(DockerException, OSError):
                daemon.client.images.remove(tag, force=True)


def _write_context(target: IO[bytes], job: Job) -> None:
    recipe = files("harness.engines").joinpath("Dockerfile.lambda").read_bytes()
    with tarfile.open(fileobj=target, mode="w") as tar, tempfile.TemporaryDirectory() as empty:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(recipe)
        tar.addfile(entry, io.BytesIO(recipe))
        for name, tree in (("task", job.task), ("opt", job.opt or Path(empty))):
            for path in (tree, *sorted(tree.rglob("*"))):
                member = tar.gettarinfo(path, os.fspath(name / path.relative_to(tree)))
                member.uid = member.gid = 0
                member.uname = member.gname = "root"
                # What nobody may read is empty in a masked tree, and this user could not open it either.
                with path.open("rb") if member.isreg() and member.size else contextlib.nullcontext() as content:
                    tar.addfile(member, content)
