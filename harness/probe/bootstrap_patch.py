"""Runs in the handler's process before the runtime's bootstrap, and reports how the import of its module went.

The runtime client names an error and not its place. This watches the one import that the client makes: where it
raises, the frames and what is behind the error go to the observer, from the same start that failed; where it succeeds,
the files of the modules that it loaded. The error itself goes its usual way. Code under test can forge such a report:
it explains a verdict and never makes one.

Nothing is imported that the runtime client does not import before the handler's module, but for ``faulthandler``,
which writes where Python stands when it crashes, or when the observer asks.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is not loaded yet, and a handler might see that it were
if TYPE_CHECKING:
    from types import ModuleType, TracebackType

REPORT = "/lambda-artifact/import"
DUMP_SIGNAL = 62  # of the real-time signals, which nobody uses by accident
MOST_FRAMES, MOST_CAUSES, LONGEST = 200, 8, 4000


def frames(traceback: TracebackType | None) -> list[dict[str, object]]:
    """The frames of a traceback, outermost first."""
    found: list[dict[str, object]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        module = frame.f_globals.get("__name__")
        name = module if isinstance(module, str) else None
        found.append({"file": frame.f_code.co_filename, "line": traceback.tb_lineno, "module": name})
        traceback = traceback.tb_next
    return found[:50] + found[50:][-MOST_FRAMES:]


def causes(error: BaseException) -> list[str]:
    """What lies behind an error that was raised while another was handled, the nearest first."""
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


def loaded() -> list[str]:
    """The source files of the modules that are loaded; modules that are not what they seem are left out."""
    found = []
    for module in list(sys.modules.values()):
        try:
            file = object.__getattribute__(module, "__dict__").get("__file__")
        except AttributeError:
            continue
        if type(file) is str and file.endswith(".py"):
            found.append(file)
    return found


def report(what: dict[str, object]) -> None:
    """Post a report to where the runtime client posts its errors."""
    import _socket  # noqa: PLC0415 - no handler is to find it loaded earlier than on Lambda
    import json  # noqa: PLC0415 - the same
    import os  # noqa: PLC0415 - the same

    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
    body = json.dumps(what).encode()
    head = f"POST {REPORT} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.settimeout(2.0)
    connection.connect((host, int(port)))
    connection.sendall(head.encode() + body)
    connection.recv(256)  # answered, and so recorded, before anything else is posted
    connection.close()


def patch() -> None:
    """Watch the import of the handler's module."""
    import faulthandler  # noqa: PLC0415 - see the module
    import importlib  # noqa: PLC0415 - the same
    from posix import environ  # noqa: PLC0415 - and not os, which the runtime's bootstrap imports itself

    handler = environ.get(b"_HANDLER", b"").decode("utf-8", "surrogateescape")

    faulthandler.enable(2, all_threads=False)
    faulthandler.register(DUMP_SIGNAL, 2, all_threads=False)
    original = importlib.import_module
    watched = handler.rpartition(".")[0].replace("/", ".")

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if name != watched:  # a file in the archives that Python runs at its start imports something
            return original(name, package)
        importlib.import_module = original
        try:
            module = original(name, package)
        except BaseException as error:
            attempt(failure, error)
            raise
        attempt(lambda _: {"modules": loaded()}, None)
        return module

    importlib.import_module = import_module


def attempt(make: object, argument: object) -> None:
    """Report; what goes wrong with that is nobody's error."""
    try:  # noqa: SIM105 - contextlib is not loaded yet, and a handler might see that it were
        report(make(argument))  # type: ignore[operator]  # a function of this module
    except Exception:  # noqa: BLE001, S110 - the runtime goes on as if nothing were watching
        pass


if __name__ != "probe.bootstrap_patch":
    patch()
