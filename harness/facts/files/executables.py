"""Whether the kernel can start a file, and its error if not."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.native.loader import fits
from harness.policy.programs import FOLDERS, programs

if TYPE_CHECKING:
    from harness.facts.python.program import Program

_LOADERS = ("/lib64", "/lib", "/usr/lib64", "/usr/lib")
_ENV = frozenset(f"{folder}/env" for folder in FOLDERS["bin"])
_OTHERS_EXECUTE = 0o001
EXEC_FORMAT = "exec format error"
NO_FILE = "no such file or directory"
DENIED = "permission denied"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a file is not started.

    Attributes:
        words: The kernel's.
        cause: What is wrong with the file, as a clause.
        remedy: What to change.
        certain: Whether it is known that the runtime lacks what the file needs.
    """

    words: str
    cause: str
    remedy: str
    certain: bool = True


def obstacle(path: str, program: Program, *, by_shell: bool = False) -> Obstacle | None:
    """Why the runtime's user could not start a file of the archives; None where it can.

    Args:
        path: The file.
        program: What the archives make.
        by_shell: Whether a shell starts it, which runs a text without a first line for an interpreter itself.
    """
    item = program.facts.bundle.items[path]
    if not item.entry.mode & _OTHERS_EXECUTE:
        mode = f"its mode is {item.entry.mode & 0o7777:04o}"
        return Obstacle(DENIED, mode, "give it mode 0755 before it is zipped (chmod 755), or take it out")
    binary = program.facts.binaries.get(path)
    if binary is None:
        line = program.facts.shebangs.get(path)
        return _script(line, program) if line else None if by_shell else _no_program()
    if not fits(binary, program.architecture):
        built = f"it is {binary.format} for {' and '.join(binary.machines) or 'an unknown machine'}"
        return Obstacle(EXEC_FORMAT, built, f"build it for Linux on {program.architecture}")
    if binary.interpreter and not _has_loader(binary.interpreter, program):
        return Obstacle(
            NO_FILE,
            f"it is started by {binary.interpreter}, which Lambda does not have",
            "link it with glibc, or statically (CGO_ENABLED=0 in Go, a -musl target with crt-static in Rust)",
        )
    return None


def _no_program() -> Obstacle:
    return Obstacle(
        EXEC_FORMAT,
        "it is neither a program nor a script that begins with #!",
        "begin it with #!/bin/sh or its like, or take it out",
    )


def _has_loader(interpreter: str, program: Program) -> bool:
    folder, _, name = interpreter.rpartition("/")
    own = dict(program.policy.loaders).get(program.architecture)
    return (name == own and folder in _LOADERS) or interpreter in program.facts.bundle.items


def _script(line: str, program: Program) -> Obstacle | None:
    """What hinders a script with this first line."""
    words = line.removeprefix("#!").split(None, 1)
    interpreter = words[0] if words else ""
    if "\r" in line:
        return Obstacle(
            NO_FILE,
            f"its first line ends as on Windows (CRLF), so that {interpreter or 'its interpreter'}\\r is looked for",
            "store it with Unix line endings (`* text=auto eol=lf` in .gitattributes, or dos2unix)",
        )
    if not interpreter:
        return _no_program()
    name = _after_env(words[1]) if interpreter in _ENV and len(words) > 1 else None
    wanted = (
        [f"{folder}/{name}" for folder in search_path(program)] if name and "/" not in name else [name or interpreter]
    )
    there = programs(program.policy.python)
    if any(posixpath.normpath(one) in there or posixpath.normpath(one) in program.facts.bundle.items for one in wanted):
        return None
    return Obstacle(
        NO_FILE,
        f"its first line asks for {name or interpreter}, which is neither in the runtime nor in the archives",
        f"write it for what the runtime has (/bin/sh, /var/lang/bin/python3), or bring {name or interpreter} along",
        certain=program.policy.system_libraries_complete,
    )


def _after_env(arguments: str) -> str | None:
    """The program that ``env`` starts."""
    return next((word for word in arguments.split() if not word.startswith("-") and "=" not in word), None)


def search_path(program: Program) -> list[str]:
    """The folders of the PATH."""
    path = dict(program.environment).get("PATH") or dict(program.policy.image_environment).get("PATH", "")
    return [posixpath.normpath(folder) for folder in path.split(":") if folder]
