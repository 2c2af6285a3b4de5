"""CPython of this machine, copied as ``/var/lang`` has it, with AWS's runtime client and SDK."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from harness.engines import system
from harness.engines.protocol import Unavailable
from harness.probe.kernel import end_with_parent

if TYPE_CHECKING:
    from pathlib import Path

    from harness.engines.interpreters import Interpreter
    from harness.policy import RuntimePolicy

# Not in Lambda's image, or of no use in it. Patterns of names, at any depth of the standard library.
LEFT_OUT = (
    "__pycache__", "site-packages", "dist-packages", "sitecustomize.py", "usercustomize.py", "EXTERNALLY-MANAGED",
    "test", "tests", "idle_test", "turtledemo", "config-3*", "*.a", "_test*.so", "_xxtest*.so", "_ctypes_test*.so",
)  # fmt: skip
# Extension modules whose libraries Lambda lacks: they go, and the libraries stay away.
WITHOUT_LIBRARY = ("_crypt", "_dbm", "_gdbm", "_tkinter", "nis")


def copy(interpreter: Interpreter, lang: Path, name: str) -> dict[Path, Path]:
    """Copy CPython: executable, ``libpython`` and standard library.

    CPython finds its prefix from the place of its executable, so ``sys.prefix`` and every ``__file__`` of the standard
    library are as in Lambda once this folder is ``/var/lang``.

    Args:
        interpreter: What to copy.
        lang: The folder that is ``/var/lang``.
        name: Of the executable: ``python3.12``.

    Returns:
        For the copy of each of its programs and libraries, the original.
    """
    library = lang / "lib" / name
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(
        interpreter.stdlib, library, ignore=ignored, copy_function=shutil.copyfile, ignore_dangling_symlinks=True
    )
    if interpreter.stdlib.parent.name == "lib64":  # a build for Fedora and its like looks for it there
        (lang / "lib64").symlink_to("lib")
    for module in WITHOUT_LIBRARY:
        for file in (library / "lib-dynload").glob(f"{module}.*"):
            file.unlink()
    (library / "site-packages").mkdir()
    (lang / "bin").mkdir()
    for alias in ("python3", "python"):
        (lang / "bin" / alias).symlink_to(name)
    dynamic = interpreter.stdlib / "lib-dynload"
    binaries = {file: dynamic / file.name for file in (library / "lib-dynload").glob("*.so")}
    binaries[lang / "bin" / name] = interpreter.executable
    # Two names of one file: what was built against it asks for the first, Lambda's documentation names the other.
    for folder in ("lib", "lib64", f"lib/{interpreter.machine}-linux-gnu"):
        for found in sorted((interpreter.prefix / folder).glob(f"lib{name}.so*")):
            binaries[lang / "lib" / f"lib{name}.so.1.0"] = found
    for copied, original in binaries.items():
        shutil.copyfile(original, copied)
        copied.chmod(0o755)
    system.strip(binaries)
    for file in (library / "site.py", *(file for file in binaries if file.parent.name != "lib-dynload")):
        # Debian's looks for packages in folders of another name; the module is a part of the executable, too.
        file.write_bytes(file.read_bytes().replace(b"dist-packages", b"site-packages"))
    return binaries


def install(target: Path, policy: RuntimePolicy) -> None:
    """Install the pinned packages with the user's own pip configuration (index, proxy, certificates).

    Raises:
        Unavailable: pip could not; its last words are in the message.
    """
    version = f"{policy.python[0]}.{policy.python[1]}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--implementation", "cp", "--python-version", version]
    command += ["--target", os.fspath(target), "--no-compile", *policy.runtime_requirements]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        raise Unavailable(
            f"the process engine could not install {', '.join(policy.runtime_requirements[:1])} and the SDK for "
            f"{policy.runtime}: {errors[-1]}. It needs a package index once; `pip config list` shows which it asks."
        )
    shutil.rmtree(target / "bin", ignore_errors=True)  # scripts that name this machine's Python


def compile_all(interpreter: Interpreter, lang: Path) -> None:
    """Compile once what is read at each start."""
    command = [str(interpreter.executable), "-I", "-S", "-m", "compileall", "-q", "-j", "0"]
    # The hash of the source instead of its time, and not even looked at: these files do not change.
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(lang), "-p", "/var/lang", str(lang / "lib")]
    subprocess.run(command, check=False, capture_output=True)  # lib2to3 holds files that are not meant to compile


def check_loader(interpreter: Interpreter, root: Path) -> None:
    """See to it that what starts CPython, as it was built, has this path in a root, too.

    Raises:
        Unavailable: It is musl's loader, say, or one in a folder of Nix.
    """
    loader = system.loader(interpreter.executable)
    if not (root / loader.lstrip("/")).exists():
        raise Unavailable(
            f"{interpreter.executable} is started by {loader}, which Lambda lacks: get a CPython for any Linux with "
            f"glibc, `uv python install {interpreter.version.rpartition('.')[0]}` say, and name it with --python."
        )


def check_start(lang: Path, name: str) -> None:
    """Import what every handler is started with: a fault of it must not look like one of a handler.

    Raises:
        Unavailable: It does not import, or is not at home in that folder; the interpreter's last words are in the
            message.
    """
    script = (
        "import sys, awslambdaric.__main__, ctypes, http.server, selectors\n"
        f"sys.prefix == {str(lang)!r} or sys.exit('its prefix is ' + sys.prefix + ' wherever it is copied to')"
    )
    done = subprocess.run(
        [lang / "bin" / name, "-I", "-B", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"LD_LIBRARY_PATH": str(lang / "lib")},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise Unavailable(f"the runtime client does not start with the interpreter found here: {lines[-1]}.")
