"""The root of a runtime's sandbox, kept in the user's cache folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from harness.cache import sealed
from harness.cache.trees import fingerprint
from harness.engines import root, system
from harness.engines.hooking import hooked
from harness.policy.files import system_files
from harness.policy.programs import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.engines.interpreters import Interpreter
    from harness.engines.protocol import Progress
    from harness.policy import RuntimePolicy

LAYOUT = 5  # part of the key: another layout of the environment is another environment
SEAL = "seal"
USER, GROUP = 993, 990  # Lambda's sbx_user1051, as functions that print their own user show it
HOME = "/home/sbx_user1051"  # in its passwd entry, and not there


@dataclass(frozen=True, slots=True)
class Environment:
    """What plays the runtime.

    Attributes:
        home: The folder that holds it, below the user's cache folder.
        interpreter: The CPython of this machine that was copied into it.
    """

    home: Path
    interpreter: Interpreter

    @property
    def root(self) -> Path:
        """Its whole file system, readable for everybody, with ``/var/task``, ``/opt`` and ``/tmp`` empty."""
        return self.home / "root"

    @property
    def lang(self) -> Path:
        """CPython and, in its ``site-packages``, the runtime client and the SDK."""
        return self.root / "var" / "lang"

    @property
    def runtime(self) -> Path:
        """``bootstrap`` and ``bootstrap.py``."""
        return self.root / "var" / "runtime"

    @property
    def lacking(self) -> tuple[str, ...]:
        """What the runtime has and this machine lacks, sorted: programs by name, libraries by SONAME, files by path.

        Raises:
            OSError: The environment was not made, or is no longer there.
        """
        return tuple(self._seal["lacking"])

    @property
    def intact(self) -> bool:
        """Whether everything in it is as it was when it was made."""
        try:
            return bool(self._seal["root"] == fingerprint(self.root))
        except OSError:
            return False

    @property
    def python(self) -> str:
        """The interpreter's name below ``bin``."""
        return "python" + ".".join(self.interpreter.version.split(".")[:2])

    @property
    def _seal(self) -> dict[str, Any]:
        if (packed := sealed.load(self.home / SEAL)) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.home / SEAL))
        seal: dict[str, Any] = json.loads(packed)
        return seal


def prepare(policy: RuntimePolicy, interpreter: Interpreter, cache: Path, progress: Progress) -> Environment:
    """The environment of a runtime; made at the first use, and again where it is no longer as it was made.

    Raises:
        Unavailable: Its packages cannot be installed, or do not work with the interpreter.
    """
    key = hashlib.sha256("\n".join(_inputs(policy, interpreter)).encode()).hexdigest()[:16]
    home = cache / "runtimes" / f"{policy.runtime}-{key}"
    environment = Environment(home, interpreter)
    if not environment.intact:
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(home.with_name(f"{home.name}.lock")):
            if not environment.intact:  # another process may have made it while this one waited
                _make(environment, policy, progress)
    return environment


def _inputs(policy: RuntimePolicy, interpreter: Interpreter) -> Iterator[str]:
    """What an environment is made of; an update of one of the machine's files makes another one."""
    yield from (str(LAYOUT), str(interpreter), *policy.runtime_requirements, *_scripts(policy).values())
    yield from (str(sorted(programs(policy.python))), str(system_files(policy.operating_system)))
    for path in system.watched(interpreter, policy):
        try:
            found = path.stat()
        except OSError:
            continue
        yield f"{path} {found.st_size} {int(found.st_mtime)}"  # an archive of the file tells whole seconds


def _make(environment: Environment, policy: RuntimePolicy, progress: Progress) -> None:
    home = environment.home
    for left in home.parent.glob(f"{home.name}.tmp*"):  # of a process that was killed; the lock is ours now
        shutil.rmtree(left, ignore_errors=True)
    building = Path(mkdtemp(prefix=f"{home.name}.tmp", dir=home.parent))
    building.chmod(0o755)
    try:
        made = building / "root"
        made.mkdir()
        lacking = root.make(made, policy, environment.interpreter, _scripts(policy), progress)
        sealed.save(building / SEAL, json.dumps({"root": fingerprint(made), "lacking": lacking}).encode(), 0o644)
        if home.exists():  # and is no longer what it was
            home.rename(building.with_name(f"{home.name}.tmp-old"))
        building.rename(home)
        shutil.rmtree(building.with_name(f"{home.name}.tmp-old"), ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)  # nothing is left of it where it was renamed


def _scripts(policy: RuntimePolicy) -> dict[str, str]:
    probe = files("harness.probe")
    texts = {name: probe.joinpath(name).read_text("utf-8") for name in ("bootstrap", "bootstrap.py", "bootstrap.sh")}
    own = {"bootstrap": texts["bootstrap"].replace("@RUNTIME@", policy.runtime)}
    return {**texts, **own, "bootstrap.py": hooked(texts["bootstrap.py"])}
