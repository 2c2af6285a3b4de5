"""What an engine sends to the probe for a start, and what the probe answers."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from harness.engines.protocol import (
    Answer,
    Answered,
    Call,
    Exceeded,
    Exited,
    Failed,
    Frame,
    Init,
    LambdaError,
    Observation,
    Ready,
    Trace,
    Unavailable,
)
from harness.model import Import
from harness.policy import service_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.engines.protocol import Job, Start

MB = 1024 * 1024
SLACK_PROCESSES = 16  # above Lambda's limit: what reaches the limit is to be seen and ended, not to go on trying
STARTING_SECONDS = 30  # for what is around a start: a process, a container, its sandbox
USER, GROUP = 993, 990  # Lambda's sbx_user1051, as functions that print their own user show it
HOME = "/home/sbx_user1051"  # in its passwd entry, and not there
BOOTSTRAP = "/var/runtime/bootstrap.py"
LONGEST_NAME = 300  # that of a host has at most 253 characters
PROFILE_INIT = "LAMBDA_ARTIFACT_PROFILE_INIT"  # as ``bootstrap_patch.py`` reads it
LONGEST_INIT = 1e6  # seconds
PYTHON = "(Python starts)"
"""The name of what is before the first import that is timed."""
# Variables by which a function decides how its Python starts.
STEERING = ("PYTHON", "LD_", "AWS_LAMBDA_EXEC_WRAPPER")
# Frames that are nobody's: the runtime, the import machinery.
NOISE = re.compile(r"<|/var/runtime/|/var/lang/lib/python[\d.]+/(?:site-packages/awslambdaric/|importlib/|runpy\.py)")
BROKEN = re.compile(
    r"(?m)^(?:(?:ModuleNotFoundError: No module named|ImportError: cannot import name '\w+' from) "
    r"'(?:awslambdaric|encodings|runtime_client)\b|Fatal Python error: init|.*can't open file '/var/runtime/"
    r"|.*/var/lang/bin/python[\d.]+: (?:No such file|not found)|.*error while loading shared libraries: libpython)"
)


@cache
def text(module: str) -> str:
    """The source of a module of the probe."""
    return files("harness.probe").joinpath(f"{module}.py").read_text("utf-8")


def patched(bootstrap: str) -> str:
    """The text of a bootstrap that first applies the patch, and is then the given one: in its own ``__main__``.

    The patch's frames count as the bootstrap's own, which the runtime client leaves out of stack traces.
    """
    lines = [
        "# The runtime's bootstrap.py; before that, a patch that reports where the import of the handler fails.",
        f"_patch, _bootstrap = {text('bootstrap_patch')!r}, {bootstrap!r}",
        # On lines of their own, which tracebacks show.
        f"exec(compile(globals().pop('_patch'), {BOOTSTRAP!r}, 'exec'), {{'__name__': 'bootstrap_patch'}})",
        "exec(compile(globals().pop('_bootstrap'), __file__, 'exec'))",
    ]
    return "\n".join([*lines, ""])


def observed(job: Job, start: Start, *, alone: bool) -> dict[str, Any]:
    """What the observer has to know of a start; ``alone``: nobody else is on its network."""
    return {
        "function": start.function,
        "events": list(start.events),
        "timeout": start.timeout,
        "memory": start.memory * MB,
        "init_timeout": job.init_timeout,
        "asks": start.asks,
        "alone": alone,
    }


def order(job: Job, start: Start, command: list[str], image: Mapping[str, str]) -> dict[str, Any]:
    """What a start's first program becomes, in Lambda's paths; see ``harness/probe/launch.py``.

    Args:
        job: What the start belongs to.
        start: What is started.
        command: The runtime's.
        image: The variables that the image has, where nothing else sets them; the service's and the user's follow.
    """
    service = service_environment(job.policy, start.function, start.handler, start.memory)
    profiled = {PROFILE_INIT: "1"} if start.profiled else {}
    return {
        "command": command,
        "environment": {**image, "HOME": HOME, **service, **dict(start.environment), **profiled},
        "cwd": "/var/task",
        "limits": {"RLIMIT_NOFILE": job.policy.limits.file_descriptors, "RLIMIT_CORE": 0},
        "user": USER,
        "group": GROUP,
    }


def time_limit(job: Job, start: Start) -> float:
    """Seconds after which an observer that answers nothing is given up: all its own limits, and as many again."""
    return 2 * (job.init_timeout + start.timeout * len(start.events) + STARTING_SECONDS)


def observation(start: Start, result: Mapping[str, Any]) -> Observation:
    """What happened to a handler, from what the observer says in Lambda's paths."""
    return Observation(
        function=start.function,
        init=_init(result["init"]),
        answers=tuple(map(_answer, result["answers"])),
        max_rss_bytes=result["max_rss_bytes"],
        output=result["output"],
        trace=_trace(result["trace"]),
        calls=(*_calls(result["calls"]), *(Call(None, event) for event in result["failed_calls"])),
        imports=imports_of(result["imports"]),
    )


def _init(init: Mapping[str, Any]) -> Init:
    if init["kind"] == "ready":
        return Ready(init["seconds"], init["cpu_seconds"], init["undisturbed_seconds"])
    return _ended(init, init["kind"])


def _answer(answer: Mapping[str, Any]) -> Answer:
    if "body" in answer:
        return Answered(answer["body"], answer["seconds"])
    return _ended(answer, answer.get("ended", "error"))


def _ended(end: Mapping[str, Any], kind: str) -> Failed | Exited | Exceeded:
    if kind == "error":
        return Failed(msgspec.convert(end["error"], LambdaError), end["seconds"])
    return Exited(end["status"], end["seconds"]) if kind == "exit" else Exceeded(kind, end["seconds"])


def _trace(trace: object) -> Trace | None:
    """A trace, which code under test may have forged; None for what does not look like one."""
    with contextlib.suppress(msgspec.ValidationError):
        report = msgspec.convert(trace, Trace)
        return replace(report, frames=_frames(report.frames))
    return None


def _calls(calls: Iterable[object]) -> Iterator[Call]:
    """The calls that were reported, as far as they look like some."""
    for reported in calls:
        with contextlib.suppress(msgspec.ValidationError):
            call = msgspec.convert(reported, Call)
            if call.host:
                yield replace(call, host=call.host[:LONGEST_NAME], frames=_frames(call.frames))


class _Imports(msgspec.Struct):
    """When the start and the process began, and each import, all by the system's clock."""

    origin: float
    began: float
    imports: tuple[tuple[str, int, float, float], ...]


def imports_of(reported: object) -> tuple[Import, ...]:
    """The imports of a profiled start, with that of Python itself before them; none where it reported none."""
    try:
        given = msgspec.convert(reported, _Imports)
    except msgspec.ValidationError:
        return ()
    python = Import(PYTHON, None, 0.0, _seconds(given.began - given.origin))
    imports = (
        Import(
            name[:LONGEST_NAME],
            of + 1 if 0 <= of < number else None,
            _seconds(began - given.origin),
            _seconds(ended - began),
        )
        for number, (name, of, began, ended) in enumerate(given.imports)
    )
    return (python, *imports)


def _seconds(number: float) -> float:
    """A plausible number of seconds, whatever was reported: a negative number, or none at all."""
    return min(max(0.0, number), LONGEST_INIT)


def _frames(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    return tuple(frame for frame in frames if not NOISE.match(frame.file))


def rule_out_the_runtime(start: Start, seen: Observation, *, traced: bool) -> None:
    """Make sure that what ended before the handler's first line is not the fault of what we start it with.

    Raises:
        Unavailable: The runtime did not get as far as the handler, and nothing of the user's had a part in it.
    """
    steered = any(name.startswith(STEERING) for name, _ in start.environment)
    ended = isinstance(seen.init, Exited) and seen.init.status > 0 and not traced
    if ended and not steered and BROKEN.search(seen.output):
        last_line = seen.output.strip().splitlines()[-1]
        raise Unavailable(f"the runtime did not get as far as the handler: {last_line}.")
