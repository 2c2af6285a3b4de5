"""Findings for handlers that did not start or answer: Lambda's words, the place, the imports, the remedy."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from harness.diagnosis.advice import ENVIRONMENT_MISS, for_answer, for_init
from harness.diagnosis.frames import frames_of, own_frame
from harness.diagnosis.handler import uncallable
from harness.engines.protocol import Answer, Exceeded, Exited, Failed, Frame, Init, Observation, Trace
from harness.model import Finding, When

if TYPE_CHECKING:
    from harness.artifact.bundle import Bundle
    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.manifest import Function

OUTPUT_LINES = 12
# Frames that do not belong to the chain from the handler to the error.
STANDARD_LIBRARY = re.compile(r"/var/lang/lib/python[\d.]+/(?!site-packages/)")
ROOTS = re.compile(r"^(?:/var/task/|/opt/python/|/var/lang/lib/python[\d.]+/)?(?:(?:.*/)?site-packages/)?")
# What Go, in which Lambda's supervisor is written, calls the signals that end processes.
SIGNALS: dict[int, str] = {
    signal.SIGABRT: "aborted (core dumped)",
    signal.SIGBUS: "bus error (core dumped)",
    signal.SIGFPE: "floating point exception (core dumped)",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction (core dumped)",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit (core dumped)",
    signal.SIGSEGV: "segmentation fault (core dumped)",
    signal.SIGSYS: "bad system call (core dumped)",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap (core dumped)",
}


def explain(seen: Observation, function: Function, lists: DependencyLists) -> Finding:
    """The finding for a handler whose init did not succeed."""
    trace = seen.trace or Trace(frames_of(seen.init.error.stack) if isinstance(seen.init, Failed) else ())
    place = own_frame(trace.frames, lists.program)
    advice = for_init(seen.init, trace, function, lists, seen.output)
    return Finding(
        message=ending(seen.init, function),
        where=f"{place.file}:{place.line}" if place else _handler_place(function, lists.program.facts.bundle),
        remedy=advice.remedy,
        cause=_cause(seen, trace, place, advice.cause),
        chain=_chain(trace),
        edits=advice.edits,
        faults=advice.faults,
        when=When.AT_START,
        spared=advice.spared,
    )


def explain_answer(seen: Observation, number: int, function: Function, lists: DependencyLists) -> Finding:
    """The finding for an event that got no answer: the one with that number."""
    answer, name = seen.answers[number], function.events[number].name
    where = f"handler {function.handler}, event {name}"
    advice = for_answer(answer, function, lists)
    misfit = uncallable(function.handler, lists.program)
    if misfit and isinstance(answer, Failed) and str(answer.error) == misfit.message:
        return replace(misfit, when=When.AT_EVENT)
    if not isinstance(answer, Failed):
        words = ending(answer, function)
        return Finding(words, where, remedy=advice.remedy, cause=printed(seen), when=When.AT_EVENT)
    stack = answer.error.stack
    cause = "".join([*([f"{advice.cause}\n"] if advice.cause else []), *stack])
    if frame := own_frame(frames_of(stack), lists.program):
        where = f"{frame.file}:{frame.line}"
    return Finding(
        str(answer.error),
        where,
        remedy=advice.remedy,
        cause=cause or None,
        when=When.AT_EVENT,
        edits=advice.edits,
        faults=advice.faults,
    )


def ending(end: Init | Answer, function: Function) -> str:  # noqa: PLR0911 - a table
    """The end of an init or an answer, in Lambda's words."""
    match end:
        case Failed(error=error):
            return str(error)
        case Exited(status=status) if status < 0:
            name = SIGNALS.get(-status, f"signal {-status}")
            return f"Runtime.ExitError: Runtime exited with error: signal: {name}"
        case Exited(status=0):
            return "Runtime.ExitError: Runtime exited without providing a reason"
        case Exited(status=status):
            return f"Runtime.ExitError: Runtime exited with error: exit status {status}"
        case Exceeded(limit="memory"):
            return (
                f"Runtime.OutOfMemory: Runtime exited with error: signal: killed (it used more than its "
                f"{function.memory} MB)"
            )
        case Exceeded(limit="processes", seconds=seconds):
            return f"it had more than 1,024 processes after {seconds:.1f} s; Lambda refuses more (Errno 11, or 35)"
        case Exceeded(limit="outside", seconds=seconds):
            return f"it waited for an answer that cannot come here, and was ended after {seconds:.1f} s"
        case Exceeded(seconds=seconds):
            return f"Sandbox.Timedout: Task timed out after {seconds:.2f} seconds"
        case _:
            return "it succeeded"


def printed(seen: Observation) -> str | None:
    """The last lines that it printed."""
    lines = [line for line in seen.output.splitlines() if line.strip()]
    return "it printed last:\n" + "\n".join(lines[-OUTPUT_LINES:]) if lines else None


def _chain(trace: Trace) -> tuple[str, ...]:
    frames = (frame for frame in trace.frames if not STANDARD_LIBRARY.match(frame.file))
    names = (frame.module or _module(frame.file) for frame in frames)
    return tuple(name for name, _ in groupby(names))


def _module(file: str) -> str:
    """The module that a file is, by the roots of ``sys.path``."""
    name = ROOTS.sub("", file)
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _handler_place(function: Function, bundle: Bundle) -> str:
    """The handler's own file where it is there, else the setting that names it."""
    module = "/var/task/" + function.handler.rpartition(".")[0].replace(".", "/")
    for path in (f"{module}.py", f"{module}/__init__.py"):
        if path in bundle.items:
            return path
    return f"handler {function.handler}"


def _cause(seen: Observation, trace: Trace, place: Frame | None, known: str | None) -> str | None:
    said = []
    if trace.frames and place and trace.frames[-1] != place:
        said.append(f"raised at {trace.frames[-1].file}:{trace.frames[-1].line}")
    said += [f"behind it: {cause}" for cause in trace.causes if not cause.startswith(ENVIRONMENT_MISS)]
    if isinstance(seen.init, Exited | Exceeded) and (output := printed(seen)):
        said.append(output)
    return "\n".join(one for one in ("; ".join(said), known) if one) or None
