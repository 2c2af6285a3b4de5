"""The probe's text and its job, and the lines that come back: the same for every engine."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from harness.engines.protocol import Exited, Job, Observation, Progress, Start, Unavailable
from harness.engines.told import Stream, observation
from harness.policy import service_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from harness.engines.bytecode import Lending
    from harness.engines.relay import Relay

# The first line of standard input holds the job, and in it the probe itself: nothing has to be mounted, so that
# it is the same for a process, a container and a container of a daemon on another machine.
BOOT = """
import json, os, sys, types
said = []
while not said or b"\\n" not in said[-1]:
    said.append(os.read(0, 1 << 16))
    if not said[-1]:
        sys.exit(1)
line, _, rest = b"".join(said).partition(b"\\n")
job = json.loads(line)
package = types.ModuleType("probe")
package.__path__ = []
sys.modules["probe"] = package
for name, text in job["modules"]:
    module = types.ModuleType("probe." + name)
    module.__package__ = "probe"
    sys.modules[module.__name__] = module
    exec(compile(text, name + ".py", "exec"), module.__dict__)
sys.modules["probe.supervisor"].main(job, rest)
"""
SUPERVISOR_PROCESSES = 128  # what the probe itself may use beside the handlers
MODULES = ("runtime_api", "child", "shelf", "keeper", "supervisor")  # in the order of their imports
# Variables by which a function decides how its Python starts.
STEERING = ("PYTHON", "LD_", "AWS_LAMBDA_EXEC_WRAPPER")
STARTING_SECONDS = 30  # for what is around a start: a process, a second start for the trace
NOTHING = {"magic": "", "modules": {}, "bytes": 0}  # kept
COMPILING_SECONDS = 90  # and then the supervisor goes on without
MB = 1024 * 1024


def time_limit(job: Job) -> float:
    """Seconds after which a supervisor that is silent is taken for lost: all its own limits, and as many again.

    A handler may be started three times: with bytecode of ours, without, and without a neighbour.
    """
    each = (job.init_timeout + start.timeout * len(start.events) + STARTING_SECONDS for start in job.starts)
    return COMPILING_SECONDS + 3 * sum(each)


def spent(prepare: float, rest: float, start: float, probe: dict[str, float]) -> tuple[tuple[str, float], ...]:
    """The phases of a run as :class:`Answers` has them; the end is what the others leave of the rest."""
    phases = {"prepare": prepare, "start": start, **probe}
    return (*phases.items(), ("end", max(0.0, rest - start - sum(probe.values()))))


def probe_command(python: str) -> list[str]:
    """How the probe is started; it waits for its job on standard input."""
    return [python, "-I", "-S", "-B", "-c", BOOT]  # it leaves no bytecode in what plays the runtime


@cache
def _text(module: str) -> str:
    return files("harness.probe").joinpath(f"{module}.py").read_text("utf-8")


class Parcel:
    """A job as the probe takes it, and the reading of its answers.

    Args:
        job: What to run.
        command: What Lambda runs, to which the handler is added.
        python: The function's interpreter, and
        bootstrap: the runtime's start script and its arguments, for the second start of a handler that failed.
        task: Where the code stands for the processes.
        environment: Variables that the service does not set.
        inherit: Whether the variables that the probe was started with count as well, before those.
        here: Lambda's paths in a variable's value, as they are where the handlers run.
        roots: For each folder that must be visible, the names that must be in it.
        workers: Handlers at a time.
        alone: Whether the sandbox has ``/tmp`` and the process numbers for itself.
        process_limit: How many processes a handler's user may have, where the kernel counts the sandbox's alone.
        nice: The handlers' niceness, where it counts against nobody but the probe.
        lending: The bytecode that handlers are lent; None where they are to compile everything.
    """

    def __init__(  # noqa: PLR0913 - one value for each thing that engines do differently
        self,
        job: Job,
        *,
        command: list[str],
        python: str,
        bootstrap: list[str],
        task: str,
        environment: dict[str, str],
        here: Callable[[str], str] = str,
        roots: dict[str, list[str]],
        workers: int,
        alone: bool,
        inherit: bool = False,
        process_limit: int | None = None,
        nice: int = 0,
        lending: Lending | None = None,
    ) -> None:
        self.token = secrets.token_hex(16)
        self.outside = job.outside
        self.python: str | None = None
        self.finished = False
        self.seen: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self.answered = 0.0
        self._lending, self._missed, self._keeping = lending, set[str](), list[threading.Thread]()
        self._roots = roots
        self._variables = {start.function: frozenset(dict(start.environment)) for start in job.starts}
        starts = [
            {
                "function": start.function,
                "handler": start.handler,
                "events": start.events,
                "timeout": start.timeout,
                "asks": start.asks,
                "emulated": start.emulated,
                "memory": start.memory * MB,
                "environment": {name: here(value) for name, value in _variables(job, start, environment).items()},
            }
            for start in job.starts
        ]
        relay = ("relay",) if any(start.emulated for start in job.starts) else ()
        kept, self._contents, known = lending.kept() if lending else (NOTHING, [], frozenset[str]())
        wanted = lending.wanted([*job.reached, *_client(job)]).difference(known) if lending else ()
        self._job = {
            "token": self.token,
            "modules": [(name, _text(name)) for name in (*MODULES, *relay)],
            "command": command,
            "trace_command": [python, "-c", _text("tracer")],
            "question_command": [python, "-c", _text("questions"), *bootstrap],
            "bootstrap": bootstrap,
            "task": task,
            "roots": roots,
            "workers": workers,
            "alone": alone,
            "inherit": inherit,
            "process_limit": process_limit,
            "nice": nice,
            "init_timeout": job.init_timeout,
            "init_limit": min(job.init_timeout, job.policy.limits.init_seconds),
            "starts": starts,
            "lends": lending is not None,
            "kept": kept,
            "compile": sorted(wanted),
            "cores": os.cpu_count() or 1,
        }

    @property
    def pieces(self) -> Iterator[bytes | memoryview]:
        """What goes to the probe's standard input: the job, and the bytecode that is there."""
        yield json.dumps(self._job).encode() + b"\n"
        yield from self._contents

    @property
    def mounts_visible(self) -> bool:
        """Whether the sandbox saw the trees that it should."""
        return all(self.seen.get(root, []) == names for root, names in self._roots.items())

    def read(
        self, chunks: Iterable[bytes], relay: Relay, progress: Progress, translate: Callable[[str], str] = str
    ) -> Iterator[Observation]:
        """The observations in what the probe wrote; ends with its last line or with the stream."""
        total, started = len(self._job["starts"]), 0  # type: ignore[arg-type]  # a list of our own, one method above
        stream = Stream(chunks)
        while (line := stream.line()) is not None:
            if not line.startswith(self.token.encode()):
                continue
            said: dict[str, Any] = json.loads(line[len(self.token) :])
            match said["type"]:
                case "ready":
                    self.python, self.seen, self.answered = said["python"], said["seen"], time.perf_counter()
                case "bytecode":
                    self._keep(said, stream.exactly(said["bytes"]))
                case "relay":
                    relay.heard(said)
                case "progress":
                    started = min(started + 1, total)
                    progress(f"started {started} of {total} handlers")
                case "result":
                    seen = observation(said, translate)
                    _rule_out_the_runtime(seen, said["trace"], self._variables[seen.function])
                    self._missed.update(said["loan"]["missed"] if said["loan"] else ())
                    yield seen
                case _:
                    self.finished, self.seconds = True, said["seconds"]
                    break
        self._remember()

    def _keep(self, said: dict[str, Any], content: memoryview) -> None:
        """Keep what was compiled, while the handlers run."""
        if self._lending and len(content) == said["bytes"]:
            self._keeping.append(threading.Thread(target=self._lending.keep, args=(said, content)))
            self._keeping[-1].start()

    def _remember(self) -> None:
        if self._lending and self._missed:
            self._lending.miss(self._missed)
        for thread in self._keeping:
            thread.join()


def _client(job: Job) -> Iterator[str]:
    """The runtime client's own modules, wherever a runtime has them."""
    version = "{}.{}".format(*job.policy.python)
    for folder in (f"/var/lang/lib/python{version}/site-packages", "/var/runtime"):
        for name in ("awslambdaric", "simplejson", "snapshot_restore_py.py"):
            yield f"{folder}/{name}"


def _rule_out_the_runtime(seen: Observation, traced: dict[str, Any] | None, declared: Collection[str]) -> None:
    """Make sure that what ended before the handler's first line is not the fault of what we start it with.

    Raises:
        Unavailable: The runtime did not get as far as the handler, and nothing of the user's had a part in it.
    """
    if not isinstance(seen.init, Exited) or not traced or traced["started"] or seen.trace is None:
        return
    theirs = any(frame.file.startswith(("/var/task/", "/opt/")) for frame in seen.trace.frames)
    if not theirs and not any(name.startswith(STEERING) for name in declared):
        raise Unavailable(f"the runtime did not get as far as the handler: {traced['error']}.")


def _variables(job: Job, start: Start, image: dict[str, str]) -> dict[str, str]:
    service = service_environment(job.policy, start.function, start.handler, start.memory)
    return {**image, **service, **dict(start.environment)}
