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
from typing import TYPE_CHECKING

from harness.engines.bytecode import Compilation, Compiled, compiled_modules, request
from harness.engines.concurrency import Once, StartPool
from harness.engines.container_image import ensured, image_with_trees, patched_bootstrap
from harness.engines.container_stream import ContainerStream
from harness.engines.daemon import CALL_SECONDS, Daemon, Place, Unseen, connect, container, ending, explained, sweep
from harness.engines.probe_messages import BOOTSTRAP, observed, order, text, time_limit
from harness.engines.protocol import Answers, Job, Observation, Progress, Start, Unavailable
from harness.model import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.policy import RuntimePolicy

CAVEATS = ("the public image is not the managed runtime: a system library that it holds may be absent there",)
COMPILER_MB = 2048
MODULES = (  # of the probe, in the order of their imports
    "kernel", "launch", "processes", "output", "bootstrap_patch", "runtime_api", "outside", "observer", "relay",
    "container",
)  # fmt: skip


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

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """See :class:`harness.engines.protocol.Engine`; of the daemon's machine, what is known is its kernel.

        Raises:
            Unavailable: No daemon answers, or the image is not to be had.
        """
        with explained():
            prepared = self._prepare(policy, architecture, progress)
            host = prepared.daemon.client.info()
        image = [prepared.reference, prepared.image, prepared.digest]
        return json.dumps(["container", *image, host.get("KernelVersion"), host.get("Architecture"), self.compiles])

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
            bootstrap = patched_bootstrap(daemon, str(image.id), self.cache / "runtimes")
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
            container(self._place, job, start.memory, command, start.tmp) as (name, connection),
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
                self._pool.compiled(start)
                with self._turn:
                    stream.send(b"begin\n")
                    result = stream.message("result")
            if result is None:
                raise Unavailable(f"the container ended before its work was done ({ending(self._place.daemon, name)}).")
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
    command = [_python(job), "-I", "-S", "-B", "-c", text("compiler")]
    seconds = sum(time_limit(job, start) for start in job.starts) + CALL_SECONDS
    with (
        explained(),
        container(place, job, COMPILER_MB, command) as (_, connection),
        ContainerStream(connection, seconds) as stream,
    ):
        stream.send(request((shown, shown) for _, shown in modules))
        yield from compiled_modules(b"".join(iter(stream.printed, b"")))
