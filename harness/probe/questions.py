"""Questions to the runtime, asked in the place of a handler: with its ``sys.path``, its user and its libraries.

Run as ``python -c <this text> BOOTSTRAP …``. It runs the runtime's own bootstrap and takes the place of the handler's
module, so that a question is an event and its answer the response.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import traceback
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLER = os.environ["_HANDLER"]
BOOTSTRAP = sys.argv[1]
LONGEST = 2000  # characters of an error
original = importlib.import_module


def extensions(event: dict[str, Any]) -> list[dict[str, Any]]:
    """What keeps each extension from being loaded: ``{"path", "error", "signal"}`` for those that something does."""
    found = []
    for path, module in event["extensions"]:
        alone = apart(partial(load, path, module.rpartition(".")[2]))
        # Some need what their package loads first; one that can be imported is sound.
        if alone and apart(partial(original, module)):
            found.append({"path": path, **alone})
    return found


def load(path: str, name: str) -> None:
    """Load a library as the interpreter does, and look for its init function without running it."""
    import _ctypes  # noqa: PLC0415 - here, so that a crash of it hides nothing

    library = _ctypes.dlopen(path, sys.getdlopenflags())
    if name.isascii():
        try:
            _ctypes.dlsym(library, f"PyInit_{name}")
        except OSError:
            message = f"dynamic module does not define module export function (PyInit_{name})"
            raise ImportError(message) from None


def apart(action: Callable[[], object]) -> dict[str, Any] | None:
    """What went wrong with an action in a process of its own: nothing that it loads or breaks is left behind."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        message = ""
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            action()
        except BaseException as error:  # noqa: BLE001 - what it raises is the answer
            message = str(error) or type(error).__name__
        finally:
            os.write(write, message[:LONGEST].encode())
            os._exit(bool(message))
    os.close(write)
    with open(read, "rb") as pipe:
        message = pipe.read().decode("utf-8", "replace")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        return {"error": None, "signal": -status}
    return {"error": message, "signal": None} if status else None


def migrations(event: dict[str, Any]) -> dict[str, Any]:
    """What Alembic itself reads in an environment: its heads and revisions, or its error."""
    try:
        config = original("alembic.config").Config(event["ini"], ini_section=event["section"])
        if event["location"]:
            config.set_main_option("script_location", event["location"].replace("%", "%%"))
        scripts = original("alembic.script").ScriptDirectory.from_config(config)
        revisions = sorted(script.revision for script in scripts.walk_revisions())
        return {"heads": sorted(scripts.get_heads()), "revisions": revisions, "error": None}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - what it raises is the answer
        message = f"{type(error).__name__}: {error}"
        return {"heads": [], "revisions": [], "error": message[:LONGEST], "trace": traceback.format_exc()[-LONGEST:]}


def handler(event: dict[str, Any], context: object) -> object:
    """Answer one question."""
    del context
    return {"extensions": extensions, "migrations": migrations}[event["ask"]](event)


def main() -> None:
    """Start the runtime with this in the place of the handler's module."""
    module = HANDLER.rpartition(".")[0]
    stand_in = ModuleType(module)
    stand_in.__dict__["handler"] = handler

    def import_module(name: str, package: str | None = None) -> ModuleType:
        return stand_in if name == module else original(name, package)

    importlib.import_module = import_module
    sys.path[0] = os.path.dirname(BOOTSTRAP)
    sys.argv = sys.argv[1:]
    runpy.run_path(BOOTSTRAP, run_name="__main__")


main()
