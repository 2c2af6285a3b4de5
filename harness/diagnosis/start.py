"""Why a handler did not start: Lambda's words, the place, the chain of imports, the remedy."""

from __future__ import annotations

import re
import signal
from itertools import groupby
from typing import TYPE_CHECKING

from harness.engines.protocol import (
    Answer,
    Exceeded,
    Exited,
    Failed,
    Frame,
    Init,
    LambdaError,
    Observation,
    Trace,
)
from harness.model import Finding

if TYPE_CHECKING:
    from harness.artifact.bundle import Bundle
    from harness.manifest import Function
    from harness.policy import RuntimePolicy

OUTPUT_LINES = 12
# What `os.environ["X"]` has behind its KeyError: the same name in bytes, which nothing else has.
ENVIRONMENT_MISS = "KeyError: b"
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


def explain(seen: Observation, function: Function, bundle: Bundle, policy: RuntimePolicy) -> Finding:
    """The finding for a handler whose init did not succeed."""
    trace = seen.trace or Trace(())
    place = _place(trace)
    return Finding(
        message=ending(seen.init, function),
        where=f"{place.file}:{place.line}" if place else _handler_place(function, bundle),
        remedy=_remedy(seen, function, bundle, policy),
        cause=_cause(seen, trace, place),
        chain=_chain(trace),
    )


def ending(end: Init | Answer, function: Function) -> str:  # noqa: PLR0911 - a table
    """How an init or an answer ended, in the words that Lambda has for it."""
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
        case Exceeded(seconds=seconds):
            return f"Sandbox.Timedout: Task timed out after {seconds:.2f} seconds"
        case _:
            return "it succeeded"


def printed(seen: Observation) -> str | None:
    """The last lines that it printed."""
    lines = [line for line in seen.output.splitlines() if line.strip()]
    return "it printed last:\n" + "\n".join(lines[-OUTPUT_LINES:]) if lines else None


def _place(trace: Trace) -> Frame | None:
    """The innermost frame of the user's own code, else of a layer, else of anything."""
    for root in ("/var/task/", "/opt/", "/"):
        for frame in reversed(trace.frames):
            if frame.file.startswith(root):
                return frame
    return None


def _chain(trace: Trace) -> tuple[str, ...]:
    names = (frame.module or _module(frame.file) for frame in trace.frames)
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


def _cause(seen: Observation, trace: Trace, place: Frame | None) -> str | None:
    said = []
    if trace.frames and place and trace.frames[-1] != place:
        said.append(f"raised at {trace.frames[-1].file}:{trace.frames[-1].line}")
    said += [f"behind it: {cause}" for cause in trace.causes if not cause.startswith(ENVIRONMENT_MISS)]
    if isinstance(seen.init, Exited | Exceeded) and (output := printed(seen)):
        said.append(output)
    return "; ".join(said) or None


def _remedy(seen: Observation, function: Function, bundle: Bundle, policy: RuntimePolicy) -> str:
    match seen.init:
        case Failed(error=error):
            return _remedy_for_error(error, seen.trace or Trace(()), function, bundle)
        case Exceeded(limit="memory"):
            return f"import less, or declare more than {function.memory} MB of memory"
        case Exceeded(limit="timeout"):
            return (
                f"Lambda stops init after {policy.limits.init_seconds} s: do not wait for a network or a lock while "
                "importing; --init-timeout bounds the wait here"
            )
        case _:
            return "make the module importable without ending the process; its last words are above"


def _remedy_for_error(error: LambdaError, trace: Trace, function: Function, bundle: Bundle) -> str:
    module, _, attribute = function.handler.rpartition(".")
    first = module.replace("/", ".").partition(".")[0]
    remedies = {
        "Runtime.HandlerNotFound": f"define {attribute!r} in {module}, or correct the handler's name "
        f"{function.handler!r}",
        "Runtime.MalformedHandlerName": "name the handler as module.function: the file's path with dots and without "
        ".py, then the function",
        "Runtime.BuiltInModuleConflict": f"rename the module {first!r}: Python has a built-in module of that name",
        "Runtime.UserCodeSyntaxError": "correct the line, or declare the runtime that understands it",
        "PermissionError": "make the archive's files readable for others (chmod -R a+rX); file-permissions lists them",
        "OSError": "write below /tmp only; the rest of the file system is read-only",
        "FileNotFoundError": "open only what is in the archives, and write below /tmp only",
    }
    if error.type == "Runtime.ImportModuleError":
        return _remedy_for_import(error.message, trace.missing, function, bundle)
    if error.type == "KeyError" and f"{ENVIRONMENT_MISS}{error.message}" in trace.causes:
        return f"declare the variable {error.message} under `environment` in the manifest, or read it in the handler"
    return remedies.get(
        error.type,
        "correct the module at that line; it must be importable with nothing but the archives and the environment",
    )


def _remedy_for_import(  # noqa: PLR0911 - a table
    message: str, missing: str | None, function: Function, bundle: Bundle
) -> str:
    # An ImportError names its module whatever its trouble is; only this one is that it cannot be found.
    if missing and f"No module named {missing!r}" in message:
        top = missing.partition(".")[0]
        if f"{function.handler.replace('/', '.')}.".startswith(f"{missing}."):
            return _remedy_for_handler(function, bundle, missing)
        if any(path == f"/var/task/{top}.py" or path.startswith(f"/var/task/{top}/") for path in bundle.items):
            return f"add the file of {missing!r} to the code archive: {top!r} is there, and this module of it is not"
        return (
            f"add the distribution that provides {top!r} to the requirements that the layer is built from, and build "
            "the layer again"
        )
    if "partially initialized module" in message:
        return "break the circle of imports: move what both modules need into a third, or import inside a function"
    if "cannot open shared object file" in message:
        return "put the library into lib/ of a layer, or install a wheel that brings it along"
    if "cannot import name" in message:
        return "install the version that has the name: look which archive the module comes from, and what else pins it"
    return "correct the module at that line, or what it imports there"


def _remedy_for_handler(function: Function, bundle: Bundle, missing: str) -> str:
    """The handler's own module is not there: say where it is instead, if it is."""
    tail = missing.replace(".", "/").casefold()
    for path in bundle.items:
        if path.startswith("/var/task/") and path.casefold().endswith((f"/{tail}.py", f"/{tail}/__init__.py")):
            root = path[len("/var/task/") : path.casefold().rindex(f"/{tail}") + 1]
            if root:
                return f"the archive has it at {path}: zip what is in {root}, not the folder"
            return f"the archive has it at {path}: rename it, or the handler; upper and lower case differ on Lambda"
    return f"add the file of {missing!r} to the code archive, or correct the handler's name {function.handler!r}"
