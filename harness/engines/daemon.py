"""A Docker or Podman daemon: finding it, calls to it that have an end, and what earlier runs left there."""

# More than 300 lines: each call to a daemon is here, so that none is without an end.

from __future__ import annotations

import contextlib
import os
import platform
import socket
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast

from harness.engines.protocol import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import docker

    from harness.engines.protocol import Job

T = TypeVar("T")

LABEL = "lambda-artifact-harness"
PING_SECONDS, CALL_SECONDS = 5, 60
SHOWN = 300  # characters of what a daemon says
OBSERVER_MB = 192  # what the first process may use in addition to the handler
OBSERVER_PROCESSES = 32
STALE_SECONDS = 6 * 3600  # longer than any run; what is older belongs to nobody


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Daemon:
    """A daemon that answered.

    Attributes:
        local: Whether it may see this machine's files: it listens on a socket of this machine.
    """

    client: docker.DockerClient
    local: bool


def connect(environ: Mapping[str, str]) -> Daemon:
    """The daemon that the user's environment names, else the first that answers at a usual place.

    Raises:
        Unavailable: None answers.
    """
    reasons = []
    for url in _addresses(environ):
        if url.startswith("unix://") and not Path(url.removeprefix("unix://")).exists():
            reasons.append(f"{url} is not there")
            continue
        try:
            client = _within(PING_SECONDS, partial(_client, environ, url))
        except Exception as error:  # noqa: BLE001 - the SDK lets its transports' own exceptions through
            reasons.append(f"{url} does not answer: {first_line(error)}")
            continue
        _bound(client)
        return Daemon(client, url.startswith(("unix://", "npipe://")))
    raise Unavailable(
        f"no Docker or Podman daemon answers ({'; '.join(reasons) or 'no socket was found'}): start one, or name it "
        "in DOCKER_HOST."
    )


def _client(environ: Mapping[str, str], url: str) -> docker.DockerClient:
    """A client whose daemon has answered."""
    import docker  # noqa: PLC0415 - 150 ms that only this engine needs

    if environ.get("DOCKER_HOST"):
        client = docker.from_env(environment=dict(environ), timeout=PING_SECONDS)
    else:
        client = docker.DockerClient(base_url=url, timeout=PING_SECONDS)
    client.ping()
    return client


def _bound(client: docker.DockerClient) -> None:
    """Let each call have an end; a daemon that kept one waiting is not asked again."""
    send, silent = client.api.send, threading.Event()

    def bounded(*request: Any, **options: Any) -> Any:  # noqa: ANN401 - the transport's
        if silent.is_set():
            raise TimeoutError(f"it did not answer within {CALL_SECONDS} seconds")
        try:
            return _within(CALL_SECONDS, partial(send, *request, **options))
        except TimeoutError:
            silent.set()
            raise

    client.api.timeout = CALL_SECONDS
    vars(client.api)["send"] = bounded


def _within(seconds: float, call: Callable[[], T]) -> T:
    """The result of a call.

    The time-out of a socket begins again with each byte, so the whole call is bounded here.

    Raises:
        TimeoutError: There is none in time; the call goes on in a thread that nobody waits for.
    """
    done: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        try:
            done.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            done.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        value, error = done.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"it did not answer within {seconds} seconds") from None
    if error is not None:
        raise error
    return cast("T", value)


def _addresses(environ: Mapping[str, str]) -> Iterator[str]:
    if environ.get("DOCKER_HOST"):
        yield environ["DOCKER_HOST"]
        return
    if environ.get("DOCKER_CONTEXT") or Path(environ.get("HOME", ""), ".docker", "config.json").exists():
        with contextlib.suppress(Exception):  # an unreadable context is no context
            from docker.context import ContextAPI  # noqa: PLC0415 - as above

            yield str(ContextAPI.get_current_context().Host)
    home, run = environ.get("HOME", ""), environ.get("XDG_RUNTIME_DIR", "")
    places = ["/var/run/docker.sock", f"{home}/.docker/run/docker.sock", f"{run}/docker.sock"]
    places += [f"{run}/podman/podman.sock", "/run/podman/podman.sock"]
    yield from (f"unix://{place}" for place in places if Path(place).exists())


def first_line(error: Exception) -> str:
    """What went wrong, on one line."""
    # The daemon's own explanation, where there is one, without the address that it was asked at.
    text = str(getattr(error, "explanation", None) or error)
    return (text.splitlines() or [type(error).__name__])[0][:SHOWN]


@contextlib.contextmanager
def explained(absent: str = "", reason: str = "") -> Iterator[None]:
    """Turn what goes wrong with the daemon, or the way to it, into a reason.

    Args:
        absent: A program of the image, and
        reason: what it means where an OCI runtime says that it is not there.

    Raises:
        Unavailable: Something went wrong with them.
    """
    try:
        yield
    except (Unavailable, Unseen):
        raise
    except Exception as error:
        from docker.errors import DockerException  # noqa: PLC0415 - 150 ms that only this engine needs

        if isinstance(error, DockerException):
            text = reason if absent and absent in str(error) else f"the container daemon refused: {first_line(error)}"
        elif isinstance(error, OSError):  # the SDK lets its transports' own exceptions through
            text = f"the container daemon went away: {first_line(error)}"
        else:  # the SDK trusts what a daemon answers: any exception can come of what is no answer
            kind = type(error).__name__
            text = f"the container daemon answered what no daemon answers ({kind}: {first_line(error)})"
        raise Unavailable(text) from error


class Unseen(Exception):  # noqa: N818 - not an error: the daemon lives on another machine or in another namespace
    """The daemon does not see this machine's folders."""


def owner() -> dict[str, str]:
    """The labels that say whose a container or an image is."""
    return {LABEL: _host(), f"{LABEL}.pid": str(os.getpid()), f"{LABEL}.made": str(int(time.time()))}


def _host() -> str:
    with contextlib.suppress(OSError), Path("/proc/sys/kernel/random/boot_id").open(encoding="ascii") as boot:
        # A process number means something only within its machine, its boot and its namespace of processes.
        return f"{boot.read().strip()}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return socket.gethostname() + platform.system()


def _orphaned(labels: Mapping[str, str]) -> bool:
    if time.time() - float(labels.get(f"{LABEL}.made", 0)) > STALE_SECONDS:
        return True
    if labels.get(LABEL) == _host() and (pid := labels.get(f"{LABEL}.pid")):
        try:
            os.kill(int(pid), 0)
        except OSError as error:
            return isinstance(error, ProcessLookupError)
    return False


def sweep(daemon: Daemon) -> None:
    """Remove containers and images of runs that are no more: killed between making one and removing it."""
    from docker.errors import DockerException  # noqa: PLC0415 - as above

    with contextlib.suppress(DockerException):
        for container in daemon.client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
            if _orphaned(container.labels):
                with contextlib.suppress(DockerException):
                    container.remove(force=True, v=True)
        for image in daemon.client.images.list(filters={"label": LABEL}):
            if _orphaned(image.labels):
                with contextlib.suppress(DockerException):
                    daemon.client.images.remove(str(image.id), force=True)


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


@contextlib.contextmanager
def container(
    place: Place, job: Job, memory: int, command: list[str], tmp: int = 512
) -> Iterator[tuple[str, socket.socket]]:
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
        host_config=api.create_host_config(**_walls(place, job, memory, tmp)),
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


def _walls(place: Place, job: Job, memory: int, tmp: int) -> dict[str, Any]:
    """What a container is shut in."""
    from docker.types import LogConfig, Mount, Ulimit  # noqa: PLC0415 - as above

    limits = job.policy.limits
    room = f"{memory + tmp + OBSERVER_MB}m"
    return {
        "auto_remove": True,
        "cap_drop": ["ALL"],
        "cap_add": ["SETUID", "SETGID", "KILL"],  # to start the handler as another user, and to end it
        "log_config": LogConfig(type="none"),  # the output is for us alone, and is read as it comes
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
            "/tmp": f"rw,exec,nosuid,nodev,size={tmp}m,mode=1777",  # noqa: S108 - the container's
            "/dev/shm": "ro,size=4k,mode=0000",  # noqa: S108 - Lambda has none
        },
    }


def ending(daemon: Daemon, container: str) -> str:
    """How a container ended, in a clause."""
    from docker.errors import DockerException  # noqa: PLC0415 - as above

    with contextlib.suppress(DockerException, OSError):
        state = daemon.client.api.inspect_container(container)["State"]
        return "it ran out of memory" if state.get("OOMKilled") else f"exit status {state.get('ExitCode')}"
    return "it or its daemon is gone"
