"""Errors of Lambda's Linux, and what to do: programs, libraries, locales, files, shared memory."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from harness.diagnosis.values import Advice
from harness.facts.files.executables import DENIED, EXEC_FORMAT, obstacle
from harness.facts.python.paths import HOME
from harness.facts.python.system_requests import Kind
from harness.policy.files import system_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.engines.protocol import LambdaError, Trace
    from harness.facts.files.unmet_requests import UnmetRequest
    from harness.facts.python.program import Program
    from harness.policy import RuntimePolicy

_INSTEAD: Final[Mapping[str, str]] = {
    "bzip2": "use Python's bz2",
    "find": "use Python's os.walk or pathlib",
    "git": "use a library that needs no git, such as dulwich",
    "gunzip": "use Python's gzip",
    "gzip": "use Python's gzip",
    "hostname": "use Python's socket.gethostname",
    "jq": "use Python's json",
    "openssl": "use Python's ssl and hashlib, or the distribution cryptography",
    "scp": "use a library, such as paramiko",
    "ssh": "use a library, such as paramiko",
    "tar": "use Python's tarfile",
    "unzip": "use Python's zipfile",
    "wget": "use Python's urllib.request",
    "which": "use Python's shutil.which",
    "xz": "use Python's lzma",
    "zip": "use Python's zipfile",
}
_ERRORS: Final = {
    DENIED: "PermissionError: [Errno 13] Permission denied",
    EXEC_FORMAT: "OSError: [Errno 8] Exec format error",
}
_SHELL: Final = {DENIED: "Permission denied", EXEC_FORMAT: "cannot execute binary file: Exec format error"}
SHARED: Final = Advice(
    "use threads (concurrent.futures.ThreadPoolExecutor), or multiprocessing's Process and Pipe alone",
    "Lambda has no /dev/shm, which multiprocessing's locks, queues and pools, that of threads included, need",
)
_HOMELESS: Final = Advice(
    "declare HOME=/tmp in the function's environment, or write below /tmp only: nothing else is writable",
    "it is the home folder of Lambda's user, which does not exist",
)
_ERRNO = re.compile(r"(?:\w+: )?\[Errno (-?\d+)\]")
_NAMED = re.compile(r"'([^']+)'")
_READ_ONLY, _NO_SPACE, _TOO_MANY_FILES, _NO_PERMISSION, _NO_FILE, _NO_FUNCTION, _NO_PROGRAM = 30, 28, 24, 13, 2, 38, 8
_SYNCHRONISED = "/multiprocessing/synchronize.py"
_STARTED = "/subprocess.py"
_LOCALE = "unsupported locale setting"
_OTHERS_READ, _OTHERS_EXECUTE = 0o004, 0o001


def advice(error: LambdaError, trace: Trace, program: Program) -> Advice | None:
    """Advice on an error with the operating system's number, or its words; None for any other."""
    if _LOCALE in error.message:
        return locales(program.policy)
    number = _ERRNO.match(error.message)
    code = int(number[1]) if number else None
    named = _NAMED.search(error.message)
    path = named[1] if named else ""
    if code in {_NO_FUNCTION, _NO_PERMISSION, _NO_FILE} and _passes(_SYNCHRONISED, error, trace):
        return SHARED
    if code in {_NO_PERMISSION, _NO_FILE, _NO_PROGRAM} and (found := _of_file(path, error, trace, program)):
        return found
    return {
        _NO_PERMISSION: Advice("write below /tmp only; the function runs as a user without rights")
        if path and not path.startswith(("/var/task", "/opt"))
        else Advice("make the archive's files readable for others (chmod -R a+rX); file-permissions lists them"),
        _READ_ONLY: _HOMELESS
        if f"{path}/".startswith(f"{HOME}/")
        else Advice("write below /tmp only; the rest of the file system is read-only"),
        _NO_SPACE: Advice(f"write less: /tmp has {program.policy.limits.tmp_mb} MB"),
        _TOO_MANY_FILES: Advice("open fewer files and connections: Lambda allows 1,024 at a time"),
        _NO_FILE: Advice("open only what is in the archives, and write below /tmp only"),
    }.get(code or 0)


def _of_file(path: str, error: LambdaError, trace: Trace, program: Program) -> Advice | None:
    """Advice on a file of the archives that cannot be started, or a program that is not there."""
    item = program.facts.bundle.items.get(path)
    started = _passes(_STARTED, error, trace)
    if item is not None:
        if not item.entry.mode & _OTHERS_READ:
            return None
        likely = not item.entry.mode & _OTHERS_EXECUTE and not path.endswith(".py")
        hindrance = obstacle(path, program) if started or likely else None
        return Advice(hindrance.remedy, f"of {path}: {hindrance.cause}") if hindrance else None
    if started and path and "/" not in path:
        return absent_program(path)
    return None


def _passes(file: str, error: LambdaError, trace: Trace) -> bool:
    """Whether the error came through a file of the standard library."""
    return any(file in line for line in error.stack) or any(frame.file.endswith(file) for frame in trace.frames)


def message(lack: UnmetRequest) -> str:  # noqa: PLR0911 - a table
    """The message: what Python or the shell says, and who asks."""
    kernel = lack.obstacle.words if lack.obstacle else ""
    if lack.need:
        return f"{lack.need.words.rstrip('.')}: {lack.call} needs {lack.what}"
    match lack.kind:
        case Kind.PROGRAM:
            said = _ERRORS.get(kernel, "FileNotFoundError: [Errno 2] No such file or directory")
            return f"{said}: {lack.what!r}: {lack.call} starts it"
        case Kind.SHELL:
            return f"sh: {lack.what}: {_SHELL.get(kernel, 'command not found')}: {lack.call} starts it"
        case Kind.WHICH:
            return f"{lack.call}({lack.what!r}) finds nothing, and gives None"
        case Kind.LIBRARY:
            return (
                f"OSError: {lack.what}: cannot open shared object file: No such file or directory: {lack.call} opens it"
            )
        case Kind.FIND:
            return f"{lack.call}({lack.what!r}) finds nothing, and gives None"
        case Kind.LOCALE:
            return f"locale.Error: unsupported locale setting: {lack.what}"
        case _:
            return f"OSError: [Errno 38] Function not implemented: {lack.call}"


def explanation(lack: UnmetRequest, policy: RuntimePolicy) -> Advice:
    """Advice on an unmet request: why, and what to do."""
    if lack.obstacle:
        return Advice(lack.obstacle.remedy, f"of {lack.there}: {lack.obstacle.cause}")
    match lack.kind:
        case Kind.PROGRAM | Kind.SHELL | Kind.WHICH:
            return _program(lack)
        case Kind.LIBRARY:
            return _library(lack, policy)
        case Kind.FIND:
            return _find(lack)
        case Kind.LOCALE:
            return locales(policy)
        case _:
            return SHARED


def _find(lack: UnmetRequest) -> Advice:
    cause = "it asks ldconfig, which does not know /opt/lib, and gcc and ld, which Lambda does not have"
    if lack.there:
        name = posixpath.basename(lack.there)
        return Advice(f'open it by its name: ctypes.CDLL("{name}")', f"{lack.there} is there; {cause}")
    return Advice(
        f"put lib{lack.what}.so… into lib/ of a layer, and open it by its file's name with ctypes.CDLL", cause
    )


def locales(policy: RuntimePolicy) -> Advice:
    """Advice on a locale that is not there."""
    *names, last = system_files(policy.operating_system).locales
    return Advice(
        f"use {', '.join(names)} or {last}, or format for a language with a library that brings its own data (Babel)",
        f"{policy.operating_system}, as Lambda has it, comes with the locales {', '.join(names)} and {last} alone",
    )


def _program(lack: UnmetRequest) -> Advice:
    name = posixpath.basename(lack.what)
    if lack.need and lack.need.remedy:
        return Advice(lack.need.remedy)
    if lack.what.startswith(("/opt/", "/var/task/")):
        return Advice(
            f"add {lack.what.split('/', 2)[2].removeprefix('task/')} to the archive, with mode 0755",
            "no archive has it",
        )
    return absent_program(name)


def absent_program(name: str) -> Advice:
    """Advice on a program that is not there."""
    bring = f"bring {name} with all that it needs in bin/ of a layer"
    instead = f"{_INSTEAD[name]}, or {bring}" if name in _INSTEAD else bring
    return Advice(instead, f"neither the runtime nor an archive has {name} on the PATH")


def _library(lack: UnmetRequest, policy: RuntimePolicy) -> Advice:
    name = posixpath.basename(lack.what)
    if lack.need and lack.need.remedy:
        return Advice(lack.need.remedy, f"neither {' nor '.join(lack.need.modules)} is there")
    if lack.need and lack.need.found:
        return Advice(
            f"put {name} into lib/ of a layer, and set ctypes.util.find_library to a function that returns {name!r} "
            f"before {lack.call} is imported; or use a library that brings its own along",
            f"{lack.call} looks for it with find_library, which never finds what is in /opt/lib",
        )
    if lack.there:
        return Advice(
            f"move it to lib/{name} of a layer, or of the code archive, or open it by its path",
            f"{lack.there} is there, and the loader does not look there",
        )
    return Advice(
        f"copy {name} from a container of {policy.operating_system} into lib/ of a layer (`dnf provides '*/{name}'` "
        "names its package)",
        f"{policy.operating_system}, as Lambda has it, comes without it",
    )
