"""From what an observer found, as JSON, to an observation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.engines.protocol import (
    Answer,
    Answered,
    Exceeded,
    Exited,
    Failed,
    Frame,
    Init,
    LambdaError,
    Observation,
    Ready,
    Trace,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Frames that are nobody's: the tracer, the runtime, the import machinery.
NOISE = re.compile(r"<|/var/runtime/|/var/lang/lib/python[\d.]+/(?:site-packages/awslambdaric/|importlib/|runpy\.py)")


def observation(said: dict[str, Any], translate: Callable[[str], str]) -> Observation:
    """What happened to a handler; ``translate`` leads from the paths of this machine back to Lambda's."""
    trace = said["trace"]
    return Observation(
        function=said["function"],
        init=_init(said["init"], translate),
        answers=tuple(_answer(answer, translate) for answer in said["answers"]),
        max_rss_bytes=said["max_rss_bytes"],
        output=translate(said["output"]),
        trace=trace and _trace(trace, translate),
        compiling=said["loan"]["init"] if said["loan"] else 0.0,
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
