"""A second start of a handler that failed, to learn where: the runtime client names the error, not the place.

Run as ``python -c <this text> FD HANDLER SECONDS BOOTSTRAP …`` with the environment of the first start. It runs the
runtime's own bootstrap, so that ``sys.path`` is what it was, and watches the one import that the client makes.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import runpy
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

TRACE_FD, HANDLER, SECONDS, BOOTSTRAP = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]


def frames(traceback: TracebackType | None) -> list[dict[str, object]]:
    """The frames of a traceback, outermost first."""
    found: list[dict[str, object]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        module = frame.f_globals.get("__name__")
        found.append({"file": frame.f_code.co_filename, "line": traceback.tb_lineno, "module": module})
        traceback = traceback.tb_next
    return found


def causes(error: BaseException) -> list[str]:
    """What lies behind an error that was raised while another was handled, the nearest first."""
    found: list[str] = []
    behind = error.__cause__ or error.__context__
    while behind is not None and len(found) < 8:  # noqa: PLR2004 - enough for a reader; some chains are cycles
        found.append(f"{type(behind).__name__}: {behind}")
        behind = behind.__cause__ or behind.__context__
    return found


def report(error: BaseException, *, started: bool) -> None:
    """Write what is known of the error to the pipe; ``started``: whether the runtime got as far as the handler."""
    where = frames(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        where.append({"file": error.filename, "line": error.lineno or 1, "module": None})
    missing = error.name if isinstance(error, ImportError) else None
    said = {
        "frames": where,
        "causes": causes(error),
        "error": f"{type(error).__name__}: {error}",
        "missing": missing,
        "started": started,
    }
    os.write(TRACE_FD, json.dumps(said).encode())


def main() -> None:
    """Start the runtime and watch its import of the handler's module."""
    original = importlib.import_module
    module = HANDLER.rpartition(".")[0].replace("/", ".")

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if name != module:
            return original(name, package)
        importlib.import_module = original
        try:
            original(name, package)
        except BaseException as error:  # noqa: BLE001 - SystemExit at import is one of the things to find
            report(error, started=True)
        os._exit(0)

    importlib.import_module = import_module
    faulthandler.enable(TRACE_FD, all_threads=False)
    faulthandler.dump_traceback_later(SECONDS, file=TRACE_FD, exit=True)
    sys.path[0] = os.path.dirname(BOOTSTRAP)
    sys.argv = sys.argv[4:]
    try:
        runpy.run_path(BOOTSTRAP, run_name="__main__")
    except Exception as error:
        report(error, started=False)
        raise


main()
