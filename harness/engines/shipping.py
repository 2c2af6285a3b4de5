"""The probe's text and its job, and the lines that come back: the same for every engine."""

from __future__ import annotations

import json
import re
import secrets
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from harness.engines.protocol import (
    Answer,
    Answered,
    Exceeded,
    Exited,
    Failed,
    Frame,
    Init,
    Job,
    LambdaError,
    Observation,
    Progress,
    Ready,
    Start,
    Trace,
    Unavailable,
)
from harness.policy import service_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

# The first line of standard input holds the job, and in it the probe itself: nothing has to be mounted, so that
# it is the same for a process, a container and a container of a daemon on another machine.
BOOT = """
import json, os, sys, types
line = b""
while not line.endswith(b"\\n"):
    chunk = os.read(0, 1 << 16)
    if not chunk:
        sys.exit(1)
    line += chunk
job = json.loads(line)
package = types.ModuleType("probe")
package.__path__ = []
sys.modules["probe"] = package
for name, text in job["modules"]:
    module = types.ModuleType("probe." + name)
    module.__package__ = "probe"
    sys.modules[module.__name__] = module
    exec(compile(text, name + ".py", "exec"), module.__dict__)
sys.modules["probe.supervisor"].main(job)
"""
SUPERVISOR_PROCESSES = 128  # what the probe itself may use beside the handlers
MODULES = ("runtime_api", "child", "keeper", "supervisor")  # in the order of their imports
# Frames that are nobody's: the tracer, the runtime, the import machinery.
NOISE = re.compile(r"<|/var/runtime/|/var/lang/lib/python[\d.]+/(?:site-packages/awslambdaric/|importlib/|runpy\.py)")
# Variables by which a function decides how its Python starts.
STEERING = ("PYTHON", "LD_", "AWS_LAMBDA_EXEC_WRAPPER")
STARTING_SECONDS = 30  # for what is around a start: a process, a second start for the trace
MB = 1024 * 1024


def time_limit(job: Job) -> float:
    """Seconds after which a supervisor that is silent is taken for lost: all its own limits, and as many again."""
    each = (job.init_timeout + start.timeout * len(start.events) + STARTING_SECONDS for start in job.starts)
    return 2 * sum(each)


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
    ) -> None:
        self.token = secrets.token_hex(16)
        self.python: str | None = None
        self.finished = False
        self.seen: dict[str, list[str]] = {}
        self._roots = roots
        self._variables = {start.function: frozenset(dict(start.environment)) for start in job.starts}
        starts = [
            {
                "function": start.function,
                "handler": start.handler,
                "events": start.events,
                "timeout": start.timeout,
                "asks": start.asks,
                "memory": start.memory * MB,
                "environment": {name: here(value) for name, value in _variables(job, start, environment).items()},
            }
            for start in job.starts
        ]
        self._job = {
            "token": self.token,
            "modules": [(name, _text(name)) for name in MODULES],
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
            "starts": starts,
        }

    @property
    def line(self) -> bytes:
        """What goes to the probe's standard input."""
        return json.dumps(self._job).encode() + b"\n"

    @property
    def mounts_visible(self) -> bool:
        """Whether the sandbox saw the trees that it should."""
        return all(self.seen.get(root, []) == names for root, names in self._roots.items())

    def read(
        self, chunks: Iterable[bytes], progress: Progress, translate: Callable[[str], str] = str
    ) -> Iterator[Observation]:
        """The observations in what the probe wrote; ends with its last line or with the stream."""
        total, started = len(self._job["starts"]), 0  # type: ignore[arg-type]  # a list of our own, one method above
        for line in _lines(chunks):
            if not line.startswith(self.token.encode()):
                continue
            said: dict[str, Any] = json.loads(line[len(self.token) :])
            match said["type"]:
                case "ready":
                    self.python, self.seen = said["python"], said["seen"]
                case "progress":
                    started = min(started + 1, total)
                    progress(f"started {started} of {total} handlers")
                case "result":
                    seen = _observation(said, translate)
                    _rule_out_the_runtime(seen, said["trace"], self._variables[seen.function])
                    yield seen
                case _:
                    self.finished = True
                    return


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


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pending: list[bytes] = []
    for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            yield b"".join([*pending, line])
            pending.clear()
        pending.append(rest)


def _observation(said: dict[str, Any], translate: Callable[[str], str]) -> Observation:
    trace = said["trace"]
    return Observation(
        function=said["function"],
        init=_init(said["init"], translate),
        answers=tuple(_answer(answer, translate) for answer in said["answers"]),
        max_rss_bytes=said["max_rss_bytes"],
        output=translate(said["output"]),
        trace=trace and _trace(trace, translate),
    )


def _init(said: dict[str, Any], translate: Callable[[str], str]) -> Init:
    seconds: float = said["seconds"]
    match said["kind"]:
        case "ready":
            return Ready(seconds)
        case "error":
            return Failed(_error(said["error"], translate), seconds)
        case "exit" | "killed":
            return Exited(said["status"], seconds)
        case limit:
            return Exceeded(limit, seconds)


def _answer(said: dict[str, Any], translate: Callable[[str], str]) -> Answer:
    seconds: float = said["seconds"]
    if "body" in said:
        return Answered(said["body"], seconds)
    if "error" in said:
        return Failed(_error(said["error"], translate), seconds)
    return Exited(said["status"], seconds) if said["ended"] == "exit" else Exceeded(said["ended"], seconds)


def _error(said: dict[str, Any], translate: Callable[[str], str]) -> LambdaError:
    return LambdaError(said["type"], translate(said["message"]), tuple(translate(line) for line in said["stack"]))


def _trace(said: dict[str, Any], translate: Callable[[str], str]) -> Trace:
    everything = (Frame(translate(frame["file"]), frame["line"], frame["module"]) for frame in said["frames"])
    frames = [frame for frame in everything if not NOISE.match(frame.file)]
    return Trace(tuple(frames), tuple(translate(cause) for cause in said["causes"]), said["missing"])
