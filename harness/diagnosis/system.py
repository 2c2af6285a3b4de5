"""What to change about what the operating system refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.diagnosis import lacking
from harness.diagnosis.values import Advice
from harness.facts.launching import obstacle

if TYPE_CHECKING:
    from harness.engines.protocol import LambdaError, Trace
    from harness.facts.program import Program

_ERRNO = re.compile(r"(?:\w+: )?\[Errno (-?\d+)\]")
_NAMED = re.compile(r"'([^']+)'")
_READ_ONLY, _NO_SPACE, _TOO_MANY_FILES, _NO_PERMISSION, _NO_FILE, _NO_FUNCTION, _NO_PROGRAM = 30, 28, 24, 13, 2, 38, 8
_SYNCHRONISED = "/multiprocessing/synchronize.py"
_STARTED = "/subprocess.py"
_LOCALE = "unsupported locale setting"
_OTHERS_READ, _OTHERS_EXECUTE = 0o004, 0o001


def advice(error: LambdaError, trace: Trace, program: Program) -> Advice | None:
    """About an error that has the operating system's number, or its words; None for any other."""
    if _LOCALE in error.message:
        return lacking.locales(program.policy)
    number = _ERRNO.match(error.message)
    code = int(number[1]) if number else None
    named = _NAMED.search(error.message)
    path = named[1] if named else ""
    if code in {_NO_FUNCTION, _NO_PERMISSION, _NO_FILE} and _passes(_SYNCHRONISED, error, trace):
        return lacking.SHARED
    if code in {_NO_PERMISSION, _NO_FILE, _NO_PROGRAM} and (found := _of_file(path, error, trace, program)):
        return found
    return {
        _NO_PERMISSION: Advice("write below /tmp only; the function runs as a user without rights")
        if path and not path.startswith(("/var/task", "/opt"))
        else Advice("make the archive's files readable for others (chmod -R a+rX); file-permissions lists them"),
        _READ_ONLY: Advice("write below /tmp only; the rest of the file system is read-only"),
        _NO_SPACE: Advice(f"write less: /tmp has {program.policy.limits.tmp_mb} MB"),
        _TOO_MANY_FILES: Advice("open fewer files and connections: Lambda allows 1,024 at a time"),
        _NO_FILE: Advice("open only what is in the archives, and write below /tmp only"),
    }.get(code or 0)


def _of_file(path: str, error: LambdaError, trace: Trace, program: Program) -> Advice | None:
    """About a file of the archives that cannot be started, or a program that is not there."""
    item = program.facts.bundle.items.get(path)
    started = _passes(_STARTED, error, trace)
    if item is not None:
        if not item.entry.mode & _OTHERS_READ:
            return None
        likely = not item.entry.mode & _OTHERS_EXECUTE and not path.endswith(".py")
        hindrance = obstacle(path, program) if started or likely else None
        return Advice(hindrance.remedy, f"of {path}: {hindrance.cause}") if hindrance else None
    if started and path and "/" not in path:
        return lacking.program(path)
    return None


def _passes(file: str, error: LambdaError, trace: Trace) -> bool:
    """Whether the error came through a file of the standard library."""
    return any(file in line for line in error.stack) or any(frame.file.endswith(file) for frame in trace.frames)
