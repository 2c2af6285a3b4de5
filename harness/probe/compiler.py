"""Compiles modules for the interpreter that runs this, and executes none of them.

Standard input holds a line of JSON: pairs of a source file and the path that its functions will see it at. For each, a
line of JSON comes back, ``{"shown", "size", "microseconds", "name"}``, followed by the bytecode that it announces; the
name is that of the file below ``__pycache__``. A module whose compilation warns or fails has the size 0: the handler
compiles it itself, so that the warning or the error is its own. So has one for whose bytecode there is no room left: a
line of source can become thousands of bytes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from importlib import _bootstrap_external
from typing import Any, BinaryIO

external: Any = _bootstrap_external  # what writes bytecode files

FEW = 40  # files, for which a second process is not worth its start
ROOM = 48 * 1024 * 1024  # bytes of bytecode: the harness holds them all, twice


def compiled(file: str, shown: str) -> bytes:
    """The content of a bytecode file; nothing where compiling warns or fails."""
    with contextlib.suppress(Exception):
        status = os.stat(file)
        with open(file, "rb") as opened:
            source = opened.read()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            code = compile(source, shown, "exec", dont_inherit=True)
        if not warned:
            written = external._code_to_timestamp_pyc  # noqa: SLF001 - what py_compile calls
            content: bytes = written(code, int(status.st_mtime), status.st_size)
            return content
    return b""


def write(modules: list[list[str]], out: BinaryIO, room: int) -> None:
    """Compile modules and write what came of each; ``room`` is that of their bytecode together, in bytes."""
    for file, shown in modules:
        began = time.process_time_ns()
        content = compiled(file, shown)
        content = content if len(content) <= room else b""
        room -= len(content)
        took = (time.process_time_ns() - began) // 1000
        name = os.path.basename(importlib.util.cache_from_source(shown))
        line = {"shown": shown, "size": len(content), "microseconds": took, "name": name}
        out.write(json.dumps(line).encode() + b"\n" + content)
    out.flush()


def main() -> None:
    """Compile everything that standard input asks for, on all cores."""
    modules = json.loads(sys.stdin.readline())
    processes = 1 if len(modules) <= FEW else os.cpu_count() or 1
    parts = []
    for number in range(1, processes):
        part = tempfile.TemporaryFile()  # noqa: SIM115 - read below, when the process has ended
        if (pid := os.fork()) == 0:
            status = 1
            with contextlib.suppress(Exception):
                write(modules[number::processes], part, ROOM // processes)
                status = 0
            os._exit(status)
        parts.append((pid, part))
    write(modules[::processes], sys.stdout.buffer, ROOM // processes)
    for pid, part in parts:
        os.waitpid(pid, 0)
        part.seek(0)
        shutil.copyfileobj(part, sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
