"""The container engine: what it shuts handlers in, where the daemon is, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError, NotFound

from harness.engines.container import ContainerEngine
from harness.engines.daemon import LABEL, OBSERVER_MB, OBSERVER_PROCESSES, Daemon, connect, owner, sweep
from harness.engines.probe_messages import MB
from harness.engines.protocol import Answered, Failed, Ready, Unavailable
from harness.policy import runtime_policy
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from harness.engines.protocol import Job, Observation

# One after another: a daemon that loses an image while it builds another of the same layers refuses that.
pytestmark = pytest.mark.xdist_group("daemon")
docker = pytest.mark.docker
SPAWN = multiprocessing.get_context("spawn")
SLEEPS = "import time\ntime.sleep({})\ndef handler(event, context):\n    pass\n"
FILES = {
    "quick.py": "def handler(event, context):\n    pass\n",
    "slow.py": SLEEPS.format(3),
    "forever.py": SLEEPS.format(600),
}


@pytest.fixture
def daemon(image: str) -> Iterator[Daemon]:
    del image  # without one, no daemon is needed
    found = connect(os.environ)
    with contextlib.closing(found.client):
        yield found


@pytest.fixture
def an_engine(image: str, cache: Path) -> ContainerEngine:
    return ContainerEngine(os.environ, cache, image)


@dataclass(frozen=True)
class Relay:
    """The daemon's socket on a TCP port, as of another machine, until it is cut."""

    address: str
    process: BaseProcess

    def cut(self) -> None:
        self.process.kill()
        self.process.join()


def forward(path: str, port: Connection) -> None:
    """Take connections for the socket at ``path`` for ever, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port.send(server.getsockname()[1])
        while True:
            client, _ = server.accept()
            behind = socket.socket(socket.AF_UNIX)
            behind.connect(path)
            for ends in ((client, behind), (behind, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay(image: str) -> Iterator[Relay]:
    del image
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not address.startswith("unix://"):
        pytest.skip("the daemon is on another machine already")
    ours, its = SPAWN.Pipe()
    process = SPAWN.Process(target=forward, args=(address.removeprefix("unix://"), its), daemon=True)
    process.start()
    with ours, its:
        made = Relay(f"tcp://127.0.0.1:{ours.recv()}", process)
    yield made
    made.cut()


def label_of(pid: int | None = None) -> dict[str, str | list[str] | bool]:
    return {"label": f"{LABEL}.pid={pid or os.getpid()}"}


def ours(daemon: Daemon, pid: int | None = None) -> list[str]:
    """The containers and images of a process, of this one unless told."""
    containers = daemon.client.containers.list(all=True, filters=label_of(pid), ignore_removed=True)
    return [str(one.id) for one in [*containers, *daemon.client.images.list(filters=label_of(pid))]]


def eventually(look: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def settled(daemon: Daemon, pid: int | None = None) -> bool:
    """Whether nothing is left; the daemon may still be taking leave of the last container."""
    return eventually(lambda: not ours(daemon, pid))


def said(seen: Observation) -> list[Any]:
    """What is the same in every run."""
    answers = [json.loads(answer.body) for answer in seen.answers if isinstance(answer, Answered)]
    return [seen.init.error if isinstance(seen.init, Failed) else type(seen.init), *answers]


LOOK = """
import os, layered

def read(path):
    try:
        return open(path).read()
    except OSError as error:
        return str(error)

def handler(event, context):
    found = {}
    for root in ("/var/task", "/opt"):
        for folder, _, names in os.walk(root):
            for name in names if "__pycache__" not in folder else ():  # the cache's, beside the archive's own
                path = os.path.join(folder, name)
                found[path] = [oct(os.stat(path).st_mode), read(path)]
    return found
"""
MODES = {"secret.txt": 0o600, "tool.sh": 0o755, "data/public.txt": 0o444}


@contextlib.contextmanager
def user(number: int) -> Iterator[None]:
    """As a user who may not read everything."""
    before = os.geteuid()
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(before)


ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
USERS = [pytest.param(os.geteuid(), id="as we are"), pytest.param(65_534, id="as nobody", marks=ROOT_ONLY)]


@docker
@pytest.mark.parametrize("number", USERS)
def test_the_trees_travel_where_the_daemon_does_not_see_them(
    an_engine: ContainerEngine, relay: Relay, daemon: Daemon, unpack: Callable[..., Path], number: int
) -> None:
    files = {"look.py": LOOK, "broken.py": "import absent\n", **dict.fromkeys(MODES, "text\n")}
    opt = unpack({"python/layered.py": "x = 1\n"})
    bench = Bench(an_engine, unpack(files, MODES))
    job = replace(bench.job(start("look.handler", events=["{}"]), start("broken.handler")), opt=opt)
    messages: list[str] = []
    elsewhere = replace(an_engine, environ={"DOCKER_HOST": relay.address})

    mounted = an_engine.run(job, lambda _: None)
    with user(number):
        baked = elsewhere.run(job, messages.append)

    assert "sending the archives to the container daemon, which does not see this machine's files" in messages
    assert (baked.info.image, baked.info.digest) == (mounted.info.image, mounted.info.digest)
    seen, expected = ([said(one) for one in run.observations] for run in (baked, mounted))
    assert seen == expected
    (ready, found), _ = seen
    assert ready is Ready
    assert found["/var/task/secret.txt"][1] == "[Errno 13] Permission denied: '/var/task/secret.txt'"
    assert found["/var/task/tool.sh"] == ["0o100555", "text\n"]
    assert found["/opt/python/layered.py"] == ["0o100444", "x = 1\n"]
    assert settled(daemon)


@docker
def test_what_it_shuts_handlers_in(an_engine: ContainerEngine, daemon: Daemon, unpack: Callable[..., Path]) -> None:
    inspected: list[dict[str, Any]] = []

    def progress(message: str) -> None:
        if message.startswith("started 1 "):  # the other still sleeps
            for container in ours(daemon):
                with contextlib.suppress(NotFound):  # the first one's is on its way
                    inspected.append(daemon.client.api.inspect_container(container))

    task = unpack(FILES)
    job = Bench(an_engine, task).job(start("quick.handler"), start("slow.handler"))
    an_engine.run(job, progress)
    found = next(one for one in inspected if "probe.container" in "".join(one["Config"]["Cmd"]))
    host = found["HostConfig"]
    host["CapAdd"] = {name.removeprefix("CAP_") for name in host["CapAdd"]}  # as this daemon spells them
    expected = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Privileged": False,
        "AutoRemove": True,
        "CapAdd": {"KILL", "SETGID", "SETUID"},
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": 1024 + OBSERVER_PROCESSES,
        "Memory": (256 + 512 + OBSERVER_MB) * MB,
        "MemorySwap": (256 + 512 + OBSERVER_MB) * MB,
        "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,size=512m,mode=1777", "/dev/shm": "ro,size=4k,mode=0000"},
    }
    assert {name: host[name] for name in expected} == expected
    mounts = [(mount["Source"], mount["Destination"], mount["RW"]) for mount in found["Mounts"]]
    assert (str(task), "/var/task", False) in mounts
    assert sorted(place for _, place, _ in mounts) == ["/var/runtime/bootstrap.py", "/var/task"]
    assert not any(writable for _, _, writable in mounts)
    assert found["Config"]["User"] == "0:0"  # the observer; the handler is another user
    assert not {name for name in os.environ if name.startswith(("DOCKER_", "LAMBDA_ARTIFACT"))} & {
        variable.partition("=")[0] for variable in found["Config"]["Env"]
    }
    assert settled(daemon)


def run(an_engine: ContainerEngine, job: Job) -> None:
    an_engine.run(job, lambda _: None)


def sleeping(an_engine: ContainerEngine, unpack: Callable[..., Path]) -> Job:
    """One handler that is soon ready, and one that would sleep for minutes."""
    bench = Bench(an_engine, unpack(FILES))
    return bench.job(start("quick.handler"), start("forever.handler"), init_timeout=300)


@docker
def test_ctrl_c_leaves_nothing(an_engine: ContainerEngine, daemon: Daemon, unpack: Callable[..., Path]) -> None:
    def progress(message: str) -> None:
        raise KeyboardInterrupt(message)

    with pytest.raises(KeyboardInterrupt, match="started 1 of 2 handlers"):
        an_engine.run(sleeping(an_engine, unpack), progress)
    assert settled(daemon)


@docker
def test_kill_9_leaves_nothing(an_engine: ContainerEngine, daemon: Daemon, unpack: Callable[..., Path]) -> None:
    engine = replace(an_engine, environ=dict(os.environ))
    job = sleeping(an_engine, unpack)
    process = SPAWN.Process(target=run, args=(engine, job))
    process.start()
    pid = process.pid

    def running() -> bool:
        return bool(daemon.client.containers.list(filters=label_of(pid), ignore_removed=True))

    try:
        assert eventually(running)
    finally:
        process.kill()
        process.join()
    assert settled(daemon, pid)


@docker
@pytest.mark.parametrize("moment", ["sending", "started"])
def test_a_daemon_that_goes_away(
    an_engine: ContainerEngine, relay: Relay, daemon: Daemon, unpack: Callable[..., Path], moment: str
) -> None:
    def progress(message: str) -> None:
        if message.startswith(moment):
            relay.cut()

    elsewhere = replace(an_engine, environ={"DOCKER_HOST": relay.address})
    with pytest.raises(Unavailable, match="daemon"):
        elsewhere.run(sleeping(an_engine, unpack), progress)
    sweep(daemon)
    assert eventually(lambda: not daemon.client.containers.list(filters=label_of(), ignore_removed=True))
    # What was made and not started is a later run's, once this process has ended.
    for left in daemon.client.containers.list(all=True, filters=label_of(), ignore_removed=True):
        with contextlib.suppress(APIError):  # it is on its way
            left.remove(force=True)
    for image in daemon.client.images.list(filters=label_of()):
        daemon.client.images.remove(str(image.id), force=True)


@docker
def test_what_a_run_left_is_swept_once_it_has_ended(daemon: Daemon, image: str) -> None:
    with subprocess.Popen(["/bin/true"]) as gone:
        pass
    orphaned = {**owner(), f"{LABEL}.pid": str(gone.pid)}
    elsewhere = {**orphaned, LABEL: "another machine's boot"}
    old = {**elsewhere, f"{LABEL}.made": "1"}
    create = daemon.client.containers.create
    made = {
        name: create(image, labels=labels, network_mode="none")
        for name, labels in {
            "orphaned": orphaned,
            "of another machine": elsewhere,
            "old": old,
            "living": owner(),
        }.items()
    }
    list(daemon.client.api.build(fileobj=io.BytesIO(b"FROM scratch\n"), labels=orphaned, rm=True, forcerm=True))
    try:
        sweep(daemon)  # a run in another process may have done it before
        there = {str(one.id) for one in daemon.client.containers.list(all=True, ignore_removed=True)}
        assert [name for name, one in made.items() if one.id in there] == ["of another machine", "living"]
        assert ours(daemon, gone.pid) == [made["of another machine"].id]
    finally:
        for one in made.values():
            with contextlib.suppress(Exception):  # most are gone, as they should be
                one.remove(force=True)


@docker
def test_an_image_that_is_not_to_be_had(an_engine: ContainerEngine, unpack: Callable[..., Path]) -> None:
    nowhere = "127.0.0.1:9/nobody/nothing:1"
    messages: list[str] = []
    engine = replace(an_engine, image=nowhere)
    with pytest.raises(Unavailable) as reason:
        engine.run(Bench(engine, unpack(FILES)).job(start("quick.handler")), messages.append)
    assert f"the image {nowhere} for linux/amd64 is not on the daemon and cannot be pulled" in str(reason.value)
    assert "--image" in str(reason.value)
    assert messages == [f"pulling {nowhere} for linux/amd64"]


@docker
def test_an_image_of_another_runtime(an_engine: ContainerEngine, image: str, unpack: Callable[..., Path]) -> None:
    another = replace(Bench(an_engine, unpack(FILES)).job(start("quick.handler")), policy=runtime_policy("python3.11"))

    with pytest.raises(Unavailable) as reason:
        an_engine.run(another, lambda _: None)

    assert str(reason.value) == (
        f"the image {image} has no /var/lang/bin/python3.11, so it is not one of python3.11: name another with "
        "--image, or declare the runtime that it is for."
    )


def test_a_daemon_that_is_not_there(tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/docker.sock"
    engine = ContainerEngine({"DOCKER_HOST": nowhere}, tmp_path)
    job = Bench(engine, tmp_path).job(start("app.handler"))
    with pytest.raises(Unavailable, match=f"no Docker or Podman daemon answers .{nowhere} is not there.*DOCKER_HOST"):
        engine.run(job, lambda _: None)


def test_a_port_behind_which_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        nowhere = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        engine = ContainerEngine({"DOCKER_HOST": nowhere}, tmp_path)
        job = Bench(engine, tmp_path).job(start("app.handler"))
        with pytest.raises(Unavailable, match=f"{nowhere} does not answer: .*Connection refused"):
            engine.run(job, lambda _: None)
