"""A function that loads everything native in its layer, each file in a process of its own.

It stands in the code archive alone, and uses the standard library alone: what it says owes nothing to the harness's
checks. ``event["modules"]`` are imported in the same way.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.machinery
import json
import os
import re
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS, TOGETHER_SECONDS = 60, 1200  # a busy machine is no answer
LONGEST = 2000
_NOT_FOUND = re.compile(r"(\S+): cannot open shared object file")
_MAPPED: set[str] = set()  # what was loaded by whatever succeeded


class Event(TypedDict):
    """A request."""

    modules: list[str]


class Tried(TypedDict):
    """The result of one file or module; ``error`` is empty where it loads.

    ``kind`` is ``module`` for what the event names. A file is an ``extension``, ``unimportable`` where it loads and
    only Python code around it raises, a ``library``, or ``dependent``: a library that cannot be loaded by itself,
    because what it needs is in the layer where only an extension's own search path leads.
    """

    name: str
    kind: str
    error: str


def handler(event: Event, context: object) -> list[Tried]:
    """Import the modules of the event, load every library of the layer."""
    del context
    said = [_module(name) for name in event["modules"]]
    (site,) = {path for path in sys.path if path.endswith("/opt/python")}
    files = {os.path.relpath(path, site): path for path in sorted(_libraries(site))}
    extensions = {relative: name for relative, path in files.items() if (name := _extension(path, relative))}
    errors = _import_errors(event["modules"], list(extensions.values()))
    said += [_extension_tried(relative, files[relative], errors[name]) for relative, name in extensions.items()]
    names = {Path(path).name for path in files.values()}
    loaded = {os.path.realpath(path) for path in _MAPPED}  # by something that works
    for relative, path in files.items():
        if relative not in extensions:
            error = "" if os.path.realpath(path) in loaded else _error(partial(_load, path))
            missing = _NOT_FOUND.search(error)
            kind = "dependent" if missing and missing[1] in names else "library"
            said.append(Tried(name=relative, kind=kind, error=error))
    return said


def _module(name: str) -> Tried:
    return Tried(name=name, kind="module", error=_error(partial(importlib.import_module, name)))


def _extension_tried(relative: str, path: str, error: str) -> Tried:
    kind = "unimportable" if error and not _error(partial(_load, path)) else "extension"
    return Tried(name=relative, kind=kind, error=error)


def _import_errors(modules: list[str], names: list[str]) -> dict[str, str]:
    """Import each: with the modules already there, which saves most of the time; what fails so, once more alone."""

    def together() -> object:
        for module in modules:
            with contextlib.suppress(BaseException):  # it has had its own try
                importlib.import_module(module)
        return [{name: _error(partial(importlib.import_module, name)) for name in names}, sorted(_MAPPED)]

    answer = _apart(together, TOGETHER_SECONDS) if names else None
    errors: dict[str, str] = {}
    if isinstance(answer, list):
        errors, mapped = answer
        _MAPPED.update(mapped)
    return {
        name: _error(partial(importlib.import_module, name)) if errors.get(name, "untried") else "" for name in names
    }


def _libraries(site: str) -> Iterator[str]:
    for path in Path(site).rglob("*.so*"):
        if path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
            yield str(path)


def _extension(path: str, relative: str) -> str:
    """The dotted name of a module for this Python; empty for any other library."""
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        if relative.endswith(suffix):
            parts = relative.removesuffix(suffix).split("/")
            makes_module = f"\0PyInit_{parts[-1]}\0".encode() in Path(path).read_bytes()
            return ".".join(parts) if makes_module and all(part.isidentifier() for part in parts) else ""
    return ""


def _load(path: str) -> None:
    ctypes.CDLL(path, os.RTLD_NOW)


def _error(do: Callable[[], object]) -> str:
    """Why it cannot be done, in a process of its own; empty where it can."""

    def done() -> object:
        do()
        return _mapped()

    answer = _apart(done, PATIENCE_SECONDS)
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):
        _MAPPED.update(answer)
    return ""


def _apart(do: Callable[[], object], seconds: int) -> object:
    """What another process answers, which may crash or never end; in words, where that is no answer."""
    with tempfile.TemporaryFile() as notes:
        pid = os.fork()
        if not pid:
            signal.alarm(seconds)
            try:
                said = json.dumps(do())
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
                said = json.dumps(f"{type(error).__name__}: {error}"[:LONGEST])
            notes.write(said.encode())
            notes.flush()
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        notes.seek(0)
        answer = notes.read()
    if status == -signal.SIGALRM:
        return f"no end within {seconds} s"
    if status or not answer:
        return f"ended with {status}"
    return json.loads(answer)


def _mapped() -> list[str]:
    """The libraries in this process."""
    lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
    return sorted({line[line.index("/") :] for line in lines if "/" in line and ".so" in line})
