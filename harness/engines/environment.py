"""The runtime's own packages and CPython, laid out as Lambda lays them out, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from filelock import FileLock

from harness.artifact.trees import Listing, listing
from harness.engines.hooking import hooked
from harness.engines.protocol import Progress, Unavailable

if TYPE_CHECKING:
    from harness.engines.interpreters import Interpreter
    from harness.policy import RuntimePolicy

LAYOUT = 2  # part of the key: another layout of the environment is another environment
SEAL = "seal"
USER, GROUP = 993, 990  # Lambda's sbx_user1051, as functions that print their own user show it
HOME = "/home/sbx_user1051"  # in its passwd entry, and not there
IDENTITY_FILES = {
    "passwd": f"root:x:0:0::/root:/bin/false\nsbx_user1051:x:{USER}:{GROUP}::{HOME}:/bin/false\n",
    "group": f"root:x:0:\nsbx_user1051:x:{GROUP}:\n",
}
NOT_LAMBDAS = {"site-packages", "dist-packages", "sitecustomize.py", "usercustomize.py", "test"}


@dataclass(frozen=True, slots=True)
class Environment:
    """What plays ``/var/lang`` and ``/var/runtime``.

    Attributes:
        home: The folder that holds it, below the user's cache folder.
    """

    home: Path
    interpreter: Interpreter

    @property
    def lang(self) -> Path:
        """CPython and, in its ``site-packages``, the runtime client and the SDK."""
        return self.home / "lang"

    @property
    def runtime(self) -> Path:
        """``bootstrap.sh`` and ``bootstrap.py``."""
        return self.home / "runtime"

    @property
    def intact(self) -> bool:
        """Whether everything in it is as it was when it was made."""
        try:
            sealed = json.loads((self.home / SEAL).read_text("utf-8"))
            return bool(sealed == _listing(self.home))
        except (OSError, ValueError):
            return False

    @property
    def python(self) -> str:
        """The interpreter's name below ``bin``."""
        return "python" + ".".join(self.interpreter.version.split(".")[:2])


def prepare(policy: RuntimePolicy, interpreter: Interpreter, cache: Path, progress: Progress) -> Environment:
    """The environment of a runtime; made at the first use, and again where it is no longer as it was made.

    Raises:
        Unavailable: Its packages cannot be installed, or do not work with the interpreter.
    """
    inputs = [str(LAYOUT), str(interpreter), *policy.runtime_requirements, *_scripts().values()]
    key = hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:16]
    home = cache / "runtimes" / f"{policy.runtime}-{key}"
    environment = Environment(home, interpreter)
    if not environment.intact:
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(home.with_name(f"{home.name}.lock")):
            if not environment.intact:  # another process may have made it while this one waited
                _make(environment, policy, progress)
    return environment


def _make(environment: Environment, policy: RuntimePolicy, progress: Progress) -> None:
    home, interpreter = environment.home, environment.interpreter
    for left in home.parent.glob(f"{home.name}.tmp*"):  # of a process that was killed; the lock is ours now
        shutil.rmtree(left, ignore_errors=True)
    building = Path(mkdtemp(prefix=f"{home.name}.tmp", dir=home.parent))
    building.chmod(0o755)
    try:
        library = building / "lang" / "lib" / f"python{policy.python[0]}.{policy.python[1]}"
        _lay_out(building / "lang", library, interpreter)
        progress(f"installing the {policy.runtime} runtime client and SDK (first use)")
        _install(library / "site-packages", policy)
        runtime = building / "runtime"
        runtime.mkdir()
        for name, text in _scripts().items():
            (runtime / name).write_text(text, "utf-8")
        (runtime / "etc").mkdir()
        for name, text in IDENTITY_FILES.items():
            (runtime / "etc" / name).write_text(text, "utf-8")
        for name in ("opt", "home"):  # they play /opt without layers, and where the home of Lambda's user is not
            (runtime / "empty" / name).mkdir(mode=0o555, parents=True)
        _try(building / "lang" / "bin" / environment.python, library / "site-packages")
        (building / SEAL).write_text(json.dumps(_listing(building)), "utf-8")
        if home.exists():  # and is no longer what it was
            home.rename(building.with_name(f"{home.name}.tmp-old"))
        building.rename(home)
        shutil.rmtree(building.with_name(f"{home.name}.tmp-old"), ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)  # nothing is left of it where it was renamed


def _lay_out(lang: Path, library: Path, interpreter: Interpreter) -> None:
    """A prefix of its own: the executable copied, the library linked entry by entry, nobody's packages.

    CPython finds its prefix from where its executable lies, so ``sys.prefix`` and every ``__file__`` of the standard
    library are as in Lambda once this folder stands at ``/var/lang``.
    """
    (lang / "bin").mkdir(parents=True)
    library.mkdir(parents=True)
    shutil.copy2(interpreter.executable, lang / "bin" / library.name)
    for entry in interpreter.stdlib.iterdir():
        if entry.name not in NOT_LAMBDAS:
            (library / entry.name).symlink_to(entry)
    for shared in (interpreter.prefix / "lib").glob("libpython*.so*"):
        (library.parent / shared.name).symlink_to(shared)


def _install(target: Path, policy: RuntimePolicy) -> None:
    """Install the pinned packages with the user's own pip configuration (index, proxy, certificates).

    Raises:
        Unavailable: pip could not; its last words are in the message.
    """
    version = f"{policy.python[0]}.{policy.python[1]}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--implementation", "cp", "--python-version", version]
    command += ["--target", os.fspath(target), "--no-compile", *policy.runtime_requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        raise Unavailable(
            f"the process engine could not install {', '.join(policy.runtime_requirements[:1])} and the SDK for "
            f"{policy.runtime}: {errors[-1]}. It needs a package index once; `pip config list` shows which it asks."
        )


def _try(python: Path, packages: Path) -> None:
    """Import what every handler is started with: a fault of it must not look like one of a handler.

    Raises:
        Unavailable: It does not import; the interpreter's last words are in the message.
    """
    # Appended as bootstrap.py does it: a distribution's own CPython, Debian's say, looks elsewhere.
    script = "import sys; sys.path.append(sys.argv[1]); import awslambdaric.__main__, ctypes, http.server, selectors"
    command = [os.fspath(python), "-I", "-B", "-c", script, os.fspath(packages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env={})
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise Unavailable(f"the runtime client does not start with the interpreter found here: {said[-1]}.")


def broken_cache(cache: Path) -> str:
    """What to do where something in the cache is not what was put there."""
    return f"Something in the cache {cache} was changed: empty it with `lambda-artifact cache prune`, and run again."


def unusable_cache(cache: Path, error: OSError) -> str:
    """What to do where the cache cannot be written."""
    return (
        f"the cache {cache} cannot be used ({error.strerror or error}): make room there, or name another folder in "
        "LAMBDA_ARTIFACT_CACHE"
    )


def _listing(home: Path) -> list[Listing]:
    return [listing(home / part) for part in ("lang", "runtime")]


def _scripts() -> dict[str, str]:
    probe = files("harness.probe")
    texts = {name: probe.joinpath(name).read_text("utf-8") for name in ("bootstrap.py", "bootstrap.sh")}
    return {**texts, "bootstrap.py": hooked(texts["bootstrap.py"])}
