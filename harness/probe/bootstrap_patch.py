"""Runs in the handler's process before the runtime's bootstrap, and reports how the import of its module went.

The runtime client names an error and not its place. This watches the one import that the client makes: where it
raises, the frames and what is behind the error go to the observer, from the same start that failed; where it succeeds,
the files of the modules that it loaded. The error itself goes its usual way. Code under test can forge such a report:
it explains a verdict and never makes one. The same goes for calls to other machines, reported as they are made, and for
the times of imports, which an extra start reports.

Nothing is imported that the runtime client does not import before the handler's module, but for ``faulthandler``,
which writes Python's stack when it crashes, or when the observer asks.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is not loaded yet, and a handler might see that it were
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, ModuleType, TracebackType
    from typing import Any

REPORT = "/lambda-artifact/import"
BEGUN = "/lambda-artifact/importing"
CALLED = "/lambda-artifact/call"
IMPORTED = "/lambda-artifact/imports"
PROFILE_INIT = b"LAMBDA_ARTIFACT_PROFILE_INIT"  # the variable of a start whose imports are timed
# What Python announces before it resolves a name or connects; ``args`` are the host or the socket, and the address.
OUTWARD = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"})
MOST_CALLS = 16  # places from which calls are reported
AGAIN, INSISTENT = 3, 64  # of the calls from one place, those that are reported as well: it tries again; it is a loop
DUMP_SIGNAL = 62  # of the real-time signals, which nobody uses by accident
MOST_FRAMES, MOST_CAUSES, LONGEST = 200, 8, 4000
MOST_IMPORTS, LONGEST_NAME = 6_000, 100


def frame_of(frame: FrameType, line: int) -> dict[str, object]:
    """A frame, as it is reported."""
    module = frame.f_globals.get("__name__")
    return {"file": frame.f_code.co_filename, "line": line, "module": module if isinstance(module, str) else None}


def frames(traceback: TracebackType | None) -> list[dict[str, object]]:
    """The frames of a traceback, outermost first."""
    found: list[dict[str, object]] = []
    while traceback is not None:
        found.append(frame_of(traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found[:50] + found[50:][-MOST_FRAMES:]


def causes(error: BaseException) -> list[str]:
    """The errors that were being handled when an error was raised, the nearest first."""
    found: list[str] = []
    behind = error.__cause__ or error.__context__
    while behind is not None and len(found) < MOST_CAUSES:  # some chains are cycles
        found.append(f"{type(behind).__name__}: {behind}"[:LONGEST])
        behind = behind.__cause__ or behind.__context__
    return found


def failure(error: BaseException) -> dict[str, object]:
    """What is known of an error."""
    where = frames(error.__traceback__)[1:]  # the first is the frame that watches
    if isinstance(error, SyntaxError) and error.filename:
        where.append({"file": error.filename, "line": error.lineno or 1, "module": None})
    missing = error.name if isinstance(error, ImportError) else None
    message = f"{type(error).__name__}: {error}"[:LONGEST]
    return {"frames": where, "causes": causes(error), "error": message, "missing": missing}


def loaded() -> dict[str, object]:
    """The source files of the modules that are loaded; modules that are not what they seem are left out."""
    found = []
    for module in list(sys.modules.values()):
        try:
            file = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue
        if type(file) is str and file.endswith(".py"):
            found.append(file)
    return {"modules": found}


def report(what: dict[str, object], path: str = REPORT) -> None:
    """Post a report to where the runtime client posts its errors."""
    import _socket  # noqa: PLC0415 - no handler is to find it loaded earlier than on Lambda
    import json  # noqa: PLC0415 - the same
    import os  # noqa: PLC0415 - the same

    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
    body = json.dumps(what).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.settimeout(2.0)
    connection.connect((host, int(port)))
    connection.sendall(head.encode() + body)
    connection.recv(256)  # answered, and so recorded, before anything else is posted
    connection.close()


def running() -> tuple[list[dict[str, object]], object]:
    """The frames of the running thread that are not this module's, outermost first, and which event is handled."""
    found: list[dict[str, object]] = []
    event = None
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way to it
    while frame is not None:
        if frame.f_globals is not globals():
            found.append(frame_of(frame, frame.f_lineno))
            if frame.f_code.co_name == "handle_event_request":  # the runtime client's
                event = frame.f_locals.get("invoke_id")
        frame = frame.f_back
    return found[:MOST_FRAMES][::-1], event


def target(event: str, arguments: tuple[object, ...]) -> str | None:
    """The host, and the port where it is known, that a call is for; None where it is none to another machine."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host, port = arguments[0], arguments[1] if len(arguments) > 1 else None
        host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    else:
        address = arguments[1]
        if not isinstance(address, tuple) or len(address) < 2:  # noqa: PLR2004 - a path, or of another family
            return None
        host, port = address[0], address[1]
    if not isinstance(host, str) or not host.strip("0.:"):  # where to listen
        return None
    if event.startswith("socket.get") and (host == "localhost" or ":" in host or not host.strip("0123456789.")):
        return None  # nothing has to be asked for it
    return f"{host}:{port}" if port else host


def watch_calls(api: str, emulated: str) -> None:
    """Report calls to other machines as they are made: here they fail, and not every program lets it be seen.

    Args:
        api: Host and port of the Runtime API, and
        emulated: the URL of the emulated AWS, which are no other machines.
    """
    import _thread  # noqa: PLC0415 - built in, and loaded by every Python

    main = _thread.get_ident()
    reporting = _thread.allocate_lock()
    counts: dict[object, int] = {}
    last: list[object] = [None]
    near = {api, emulated.rpartition("/")[2], "127.0.0.1:2000"}  # the last is X-Ray's daemon, which never answers

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event not in OUTWARD or not reporting.acquire(blocking=False):
            return
        try:
            host = target(event, arguments)
            if host is None or host in near:
                return
            own, at = running()
            if _thread.get_ident() == main and at != last[0]:
                last[0] = at
                counts.clear()  # what was reported of another event
            key = host, str(own[-3:])
            counts[key] = times = counts.get(key, 0) + 1
            if times in {AGAIN, INSISTENT} or (times == 1 and len(counts) <= MOST_CALLS):
                here = _thread.get_ident() == main
                report({"host": host, "frames": own, "main": here, "times": times}, CALLED)
        except Exception:  # noqa: BLE001, S110 - the call goes on as if nothing were watching
            pass
        finally:
            reporting.release()

    sys.addaudithook(hook)


def timed_imports() -> Callable[[], dict[str, object]]:
    """Time each import of this thread from here on.

    ``-X importtime`` leaves out what ``importlib.import_module`` imports, the handler's module above all, and says how
    long and not when.

    Returns:
        Tells of each import its module, the number of the import that it is a part of (-1: none), and when it began and
        ended.
    """
    import _thread  # noqa: PLC0415 - built in
    import time  # noqa: PLC0415 - the same

    machinery: Any = sys.modules["_frozen_importlib"]  # what both the import statement and importlib go through
    original = machinery._find_and_load  # noqa: SLF001 - there is no other way to it
    began = time.monotonic()
    main = _thread.get_ident()
    found: list[list[object]] = []
    within = [-1]

    def find_and_load(name: str, *arguments: object) -> object:
        if name in sys.modules or _thread.get_ident() != main or len(found) >= MOST_IMPORTS:
            return original(name, *arguments)
        one: list[object] = [name[:LONGEST_NAME], within[-1], time.monotonic(), 0.0]
        within.append(len(found))
        found.append(one)
        try:
            return original(name, *arguments)
        finally:
            within.pop()
            one[3] = time.monotonic()

    machinery._find_and_load = find_and_load  # noqa: SLF001 - the same
    return lambda: {"began": began, "imports": found}


def patch() -> None:
    """Watch the import of the handler's module, and the calls to other machines."""
    import faulthandler  # noqa: PLC0415 - see the module
    import importlib  # noqa: PLC0415 - the same
    from posix import environ  # noqa: PLC0415 - and not os, which the runtime's bootstrap imports itself

    def variable(name: bytes) -> str:
        return environ.get(name, b"").decode("utf-8", "surrogateescape")

    handler = variable(b"_HANDLER")
    watch_calls(variable(b"AWS_LAMBDA_RUNTIME_API"), variable(b"AWS_ENDPOINT_URL"))
    profile = timed_imports() if PROFILE_INIT in environ else None

    faulthandler.enable(2, all_threads=False)
    faulthandler.register(DUMP_SIGNAL, 2, all_threads=False)
    original = importlib.import_module
    watched = handler.rpartition(".")[0].replace("/", ".")

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if name != watched:  # a file in the archives that Python runs at its start imports something
            return original(name, package)
        importlib.import_module = original
        attempt(dict, path=BEGUN)
        try:
            module = original(name, package)
        except BaseException as error:
            attempt(failure, error)
            raise
        finally:
            if profile:
                attempt(profile, path=IMPORTED)
        attempt(loaded)
        return module

    importlib.import_module = import_module


def attempt(make: Callable[..., dict[str, object]], *arguments: object, path: str = REPORT) -> None:
    """Report; what goes wrong with that is nobody's error."""
    try:  # noqa: SIM105 - contextlib is not loaded yet, and a handler might see that it were
        report(make(*arguments), path)
    except Exception:  # noqa: BLE001, S110 - the runtime goes on as if nothing were watching
        pass


if __name__ != "probe.bootstrap_patch":
    patch()
