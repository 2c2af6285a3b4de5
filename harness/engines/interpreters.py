"""Finds CPython of a given version on this machine, wherever it is."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cache import sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What a candidate says of itself. A virtual environment names the interpreter that it was made from.
ASK = """
import json, platform, sys, sysconfig
print(json.dumps({
    "name": sys.implementation.name,
    "version": list(sys.version_info[:3]),
    "threads": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "executable": getattr(sys, "_base_executable", sys.executable),
    "prefix": sys.base_prefix,
    "stdlib": sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix, "base": sys.base_prefix}),
    "machine": platform.machine(),
}))
"""
ASK_SECONDS = 10

# Where version managers and images keep their interpreters, below a home folder and below the root.
HOMES = (
    ".pyenv/versions/{v}*/bin/python{v}",
    ".local/share/uv/python/cpython-{v}*/bin/python{v}",
    ".local/share/mise/installs/python/{v}*/bin/python{v}",
    ".asdf/installs/python/{v}*/bin/python{v}",
    ".local/bin/python{v}",
    "miniconda3/envs/*/bin/python{v}",
)
ROOTS = (
    "usr/local/bin/python{v}",
    "usr/bin/python{v}",
    "var/lang/bin/python{v}",
    "opt/python/{v}*/bin/python{v}",
    "opt/hostedtoolcache/Python/{v}*/*/bin/python{v}",
    "opt/homebrew/bin/python{v}",
    "opt/python/cp{n}-cp{n}/bin/python{v}",
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A CPython that ran and answered what it is.

    Attributes:
        executable: The real one, never a virtual environment's or a shim.
        version: ``3.12.11``.
        stdlib: The folder of its standard library.
        machine: As the kernel names it: ``x86_64``, ``aarch64``.
    """

    executable: Path
    version: str
    prefix: Path
    stdlib: Path
    machine: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that does not count, and why."""

    path: Path
    reason: str


def find(
    version: tuple[int, int], environ: Mapping[str, str], explicit: Path | None = None, memory: Path | None = None
) -> tuple[Interpreter | None, tuple[Rejected, ...]]:
    """The first candidate that is CPython of that version, and those that were no good before it.

    Args:
        version: As in ``(3, 12)``.
        environ: The user's environment: PATH, HOME and the version managers' own variables.
        explicit: The only candidate, where the user names one.
        memory: A file for what candidates answered; a program that did not change is not asked again.
    """
    rejected: list[Rejected] = []
    for path in [explicit] if explicit else candidates(version, environ):
        answer = ask(path, version, memory)
        if isinstance(answer, Interpreter):
            return answer, tuple(rejected)
        rejected.append(answer)
    return None, tuple(rejected)


def candidates(version: tuple[int, int], environ: Mapping[str, str]) -> Iterator[Path]:
    """Every file that could be the interpreter, the likeliest first, each real file once."""
    dotted, digits = "{}.{}".format(*version), "{}{}".format(*version)
    seen = set()
    for path in _places(dotted, digits, environ):
        real = path.resolve()
        if real not in seen and path.is_file() and os.access(path, os.X_OK):
            seen.add(real)
            yield path


def _places(dotted: str, digits: str, environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        if Path(folder).name == "shims":  # of a version manager: the real ones are next to them
            yield from _sorted(Path(folder).parent, f"versions/{dotted}*/bin/python{dotted}")
        for name in (f"python{dotted}", "python3", "python"):
            if found := shutil.which(name, path=folder or os.curdir):
                yield Path(found)
    managed = {
        "PYENV_ROOT": "versions/{v}*/bin/python{v}",
        "UV_PYTHON_INSTALL_DIR": "cpython-{v}*/bin/python{v}",
        "MISE_DATA_DIR": "installs/python/{v}*/bin/python{v}",
        "ASDF_DATA_DIR": "installs/python/{v}*/bin/python{v}",
        "CONDA_PREFIX": "bin/python{v}",
    }
    patterns = [(environ[name], pattern) for name, pattern in managed.items() if environ.get(name)]
    patterns += [(environ["HOME"], pattern) for pattern in HOMES if environ.get("HOME")]
    patterns += [("/", pattern) for pattern in ROOTS]
    for folder, pattern in patterns:
        yield from _sorted(Path(folder), pattern.format(v=dotted, n=digits))


def _sorted(folder: Path, pattern: str) -> list[Path]:
    """The newest patch release first; that ``3.1*`` is 3.10 too, its own answer will tell."""

    def numbers(path: Path) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", str(path))]

    try:
        return sorted(folder.glob(pattern), key=numbers, reverse=True)
    except OSError:  # another user's home, say: nothing there is for us
        return []


def ask(path: Path, version: tuple[int, int], memory: Path | None = None) -> Interpreter | Rejected:
    """Run a candidate and let it tell its version, as a name, or a shim, does not.

    Only answers of programs are kept: a script, such as a version manager's shim, may start another program next time.
    """
    key = _identity(path) if memory else None
    kept: dict[str, Any] = {}
    if memory:
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(sealed.load(memory) or b"{}")
    try:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return _judged(path, kept[str(key)], version)
        answer = _answer(path)
        if key and memory:
            with contextlib.suppress(OSError):
                memory.parent.mkdir(parents=True, exist_ok=True)
                sealed.save(memory, json.dumps({**kept, key: answer}).encode())
        return _judged(path, answer, version)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return Rejected(path, f"it does not run: {_reason(error)}")
    except (KeyError, TypeError):
        return Rejected(path, "it does not answer as an interpreter does")


def _identity(path: Path) -> str | None:
    """What identifies this program; None for a script."""
    with contextlib.suppress(OSError):
        real = path.resolve()
        with real.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                return None
        status = real.stat()
        # The path too: a virtual environment's is a link to the interpreter that it was made from.
        return f"{path.absolute()} {real} {status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return None


def _answer(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [path, "-I", "-S", "-c", ASK],
        capture_output=True,
        check=True,
        timeout=ASK_SECONDS,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.defpath},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _judged(path: Path, answer: dict[str, Any], version: tuple[int, int]) -> Interpreter | Rejected:
    found = ".".join(map(str, answer["version"]))
    if answer["name"] != "cpython":
        return Rejected(path, f"it is {answer['name']}, and Lambda runs CPython")
    if tuple(answer["version"][:2]) != version:
        return Rejected(path, f"it is Python {found}")
    if answer["threads"]:
        return Rejected(path, "it is a free-threaded build, and Lambda's is not")
    return Interpreter(
        executable=Path(answer["executable"]).resolve(),
        version=found,
        prefix=Path(answer["prefix"]),
        stdlib=Path(answer["stdlib"]),
        machine=answer["machine"],
    )


def _reason(error: Exception) -> str:
    match error:
        case subprocess.CalledProcessError():
            lines = (error.stderr or b"").decode("utf-8", "replace").strip().splitlines()
            return lines[0] if lines else f"exit status {error.returncode}"
        case subprocess.TimeoutExpired():
            return f"no answer within {ASK_SECONDS} seconds"
        case OSError(strerror=str(text)):
            return text
        case _:
            return str(error)
