"""From what an observer found, as JSON, to an observation."""

from __future__ import annotations

import contextlib
import re
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
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Frames that are nobody's: the runtime, the import machinery.
NOISE = re.compile(r"<|/var/runtime/|/var/lang/lib/python[\d.]+/(?:site-packages/awslambdaric/|importlib/|runpy\.py)")


def observation(found: dict[str, Any], translate: Callable[[str], str]) -> Observation:
    """What happened to a handler; ``translate`` leads from the paths of this machine back to Lambda's."""
    trace = found["trace"]
    return Observation(
        function=found["function"],
        init=_init(found["init"], translate),
        answers=tuple(_answer(answer, translate) for answer in found["answers"]),
        max_rss_bytes=found["max_rss_bytes"],
        output=translate(found["output"]),
        trace=trace and _trace(trace, translate),
        calls=(*_calls(found["calls"], translate), *(Call(None, event) for event in found["failed_calls"])),
    )


def _init(found: dict[str, Any], translate: Callable[[str], str]) -> Init:
    seconds: float = found["seconds"]
    match found["kind"]:
        case "ready":
            return Ready(seconds, found["cpu_seconds"], found["undisturbed_seconds"])
        case "error":
            return Failed(_error(found["error"], translate), seconds)
        case "exit":
            return Exited(found["status"], seconds)
        case limit:
            return Exceeded(limit, seconds)


def _answer(found: dict[str, Any], translate: Callable[[str], str]) -> Answer:
    seconds: float = found["seconds"]
    if "body" in found:
        return Answered(translate(found["body"]), seconds)
    if "error" in found:
        return Failed(_error(found["error"], translate), seconds)
    return Exited(found["status"], seconds) if found["ended"] == "exit" else Exceeded(found["ended"], seconds)


def _error(found: dict[str, Any], translate: Callable[[str], str]) -> LambdaError:
    return LambdaError(found["type"], translate(found["message"]), tuple(translate(line) for line in found["stack"]))


def _trace(found: dict[str, Any], translate: Callable[[str], str]) -> Trace | None:
    """A trace, which code under test may have forged: whatever does not look like one is none."""
    try:
        report = msgspec.convert(found, type=_Report)
    except msgspec.ValidationError:
        return None
    return Trace(_frames(report.frames, translate), tuple(map(translate, report.causes)), report.missing)


def _frames(found: list[_Frame], translate: Callable[[str], str]) -> tuple[Frame, ...]:
    everything = (Frame(translate(frame.file), frame.line, frame.module) for frame in found)
    return tuple(frame for frame in everything if not NOISE.match(frame.file))


def _calls(found: list[dict[str, Any]], translate: Callable[[str], str]) -> Iterator[Call]:
    """The calls that were reported, as far as they look like some."""
    for one in found:
        with contextlib.suppress(msgspec.ValidationError):
            call = msgspec.convert(one, type=_Call)
            yield Call(call.host[:LONGEST_HOST], call.event, _frames(call.frames, translate), call.main)


LONGEST_HOST = 300  # a name has at most 253 characters


class _Frame(msgspec.Struct):
    file: str
    line: int
    module: str | None


class _Call(msgspec.Struct):
    host: str
    event: int | None
    frames: list[_Frame]
    main: bool


class _Report(msgspec.Struct):
    frames: list[_Frame]
    causes: list[str]
    missing: str | None = None
