"""The root of a runtime's sandbox, in the user's cache folder: Lambda's paths, and of this machine what Lambda has.

It holds copies and relative links alone, and is complete: nothing in it leads out of it. The stand-in image is made of
the same root.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from harness.cache import sealed
from harness.cache.trees import fingerprint
from harness.engines import cpython, system
from harness.engines.probe_messages import patched
from harness.policy.files import system_files
from harness.policy.programs import programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.engines.interpreters import Interpreter
    from harness.engines.protocol import Progress
    from harness.policy import RuntimePolicy
    from harness.policy.files import SystemFiles

LAYOUT = 6  # part of the key: another layout is another root
SEAL = "seal"
TERMINALS = ("/usr/share/terminfo", "/usr/lib/terminfo", "/lib/terminfo", "/etc/terminfo")
NOT_COPIED = ("posix", "right", "localtime")  # the time zones once more, and this machine's own
CERTIFICATES = "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
ASK_CERTIFICATES = "import ssl; print(ssl.get_default_verify_paths().openssl_cafile)"


@dataclass(frozen=True, slots=True)
class Root:
    """The file system that plays the runtime, with ``/var/task``, ``/opt`` and ``/tmp`` empty.

    Attributes:
        home: The folder that holds it, below the user's cache folder.
        interpreter: The CPython of this machine that was copied into it.
    """

    home: Path
    interpreter: Interpreter

    @property
    def path(self) -> Path:
        """Its folder, readable for everybody."""
        return self.home / "root"

    @property
    def lang(self) -> Path:
        """CPython and, in its ``site-packages``, the runtime client and the SDK."""
        return self.path / "var" / "lang"

    @property
    def lacking(self) -> tuple[str, ...]:
        """What the runtime has and this machine lacks, sorted: programs by name, libraries by SONAME, files by path.

        Raises:
            OSError: The root was not made, or is no longer there.
        """
        return tuple(self._seal["lacking"])

    @property
    def intact(self) -> bool:
        """Whether everything in it is as it was when it was made."""
        try:
            return bool(self._seal["root"] == fingerprint(self.path))
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


def prepare(policy: RuntimePolicy, interpreter: Interpreter, cache: Path, progress: Progress) -> Root:
    """The root of a runtime; made at the first use, and again where it is no longer as it was made.

    Raises:
        Unavailable: Its packages cannot be installed, or do not work with the interpreter.
    """
    key = hashlib.sha256("\n".join(_inputs(policy, interpreter)).encode()).hexdigest()[:16]
    home = cache / "runtimes" / f"{policy.runtime}-{key}"
    root = Root(home, interpreter)
    if not root.intact:
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(home.with_name(f"{home.name}.lock")):
            if not root.intact:  # another process may have made it while this one waited
                _make(root, policy, progress)
    return root


def _inputs(policy: RuntimePolicy, interpreter: Interpreter) -> Iterator[str]:
    """What a root is made of; an update of one of the machine's files makes another one."""
    yield from (str(LAYOUT), str(interpreter), *policy.runtime_requirements, *_scripts(policy).values())
    yield from (str(sorted(programs(policy.python))), str(system_files(policy.operating_system)))
    for path in system.watched(interpreter, policy):
        try:
            found = path.stat()
        except OSError:
            continue
        yield f"{path} {found.st_size} {int(found.st_mtime)}"  # archives of the file hold whole seconds


def _make(root: Root, policy: RuntimePolicy, progress: Progress) -> None:
    home = root.home
    for left in home.parent.glob(f"{home.name}.tmp*"):  # of a process that was killed; the lock is ours now
        shutil.rmtree(left, ignore_errors=True)
    building = Path(mkdtemp(prefix=f"{home.name}.tmp", dir=home.parent))
    building.chmod(0o755)
    try:
        made = building / "root"
        made.mkdir()
        lacking = _fill(made, policy, root.interpreter, progress)
        sealed.save(building / SEAL, json.dumps({"root": fingerprint(made), "lacking": lacking}).encode(), 0o644)
        if home.exists():  # and is no longer what it was
            home.rename(building.with_name(f"{home.name}.tmp-old"))
        building.rename(home)
        shutil.rmtree(building.with_name(f"{home.name}.tmp-old"), ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)  # nothing is left of it where it was renamed


def _scripts(policy: RuntimePolicy) -> dict[str, str]:
    """The files of ``/var/runtime``."""
    texts = {name: files("harness.probe").joinpath(name).read_text("utf-8") for name in ("bootstrap", "bootstrap.py")}
    return {
        "bootstrap": texts["bootstrap"].replace("@RUNTIME@", policy.runtime),
        "bootstrap.py": patched(texts["bootstrap.py"]),
    }


def _fill(root: Path, policy: RuntimePolicy, interpreter: Interpreter, progress: Progress) -> tuple[str, ...]:
    """Fill an empty folder.

    Returns:
        What the runtime has and this machine lacks, as :attr:`Root.lacking`.

    Raises:
        Unavailable: The runtime's packages cannot be installed, or do not work with the interpreter.
        OSError: Something cannot be read or written.
    """
    name = "python{}.{}".format(*policy.python)
    lacking = _lay_out(root, system_files(policy.operating_system), interpreter.machine)
    for script, text in _scripts(policy).items():
        _write(root / "var/runtime" / script, text)
        (root / "var/runtime" / script).chmod(0o644 if script.endswith(".py") else 0o755)
    language = root / "var/lang"
    binaries = cpython.copy(interpreter, language, name)
    progress(f"installing the {policy.runtime} runtime client and SDK (first use)")
    cpython.install(language / "lib" / name / "site-packages", policy)
    lacking |= system.copy(root, policy, interpreter, binaries)
    cpython.check_loader(interpreter, root)
    cpython.check_start(language, name)
    cpython.compile_all(interpreter, language)
    _link_certificates(root, interpreter)
    _open(root)
    return tuple(sorted(lacking))


def _lay_out(root: Path, files: SystemFiles, machine: str) -> set[str]:
    """Make what is neither program nor library; the result is what this machine lacks of it, by its path."""
    lacking = set()
    for folder in files.folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, target in files.links.items():
        _link(root / name, target)
    for name, text in files.texts.items():
        _write(root / name, text)
    for name, places in files.copies.items():
        if not _copy((Path(place.format(machine=machine)) for place in places), root / name):
            lacking.add(f"/{name}")
    for terminal in files.terminals:
        below = f"{terminal[0]}/{terminal}"
        _copy((Path(place, below) for place in TERMINALS), root / "usr/share/terminfo" / below)
    return lacking


def _copy(places: Iterable[Path], target: Path) -> bool:
    """Copy the first of several files or folders that is there; False if none is."""
    for place in places:
        if place.is_dir():
            shutil.copytree(place, target, ignore=_not_copied, copy_function=shutil.copyfile)
            return True
        if place.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, target)
            return True
    return False


def _not_copied(folder: str, names: list[str]) -> set[str]:
    """What is not needed, and links that lead nowhere; copytree itself takes every relative link for one."""
    patterns = shutil.ignore_patterns(*NOT_COPIED)(folder, names)
    return {*patterns, *(name for name in names if not Path(folder, name).exists())}


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _link_certificates(root: Path, interpreter: Interpreter) -> None:
    """Lead OpenSSL, as this machine has it, to the certificates of authorities where Amazon Linux has them."""
    done = subprocess.run(
        [interpreter.executable, "-I", "-S", "-c", ASK_CERTIFICATES],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={},
    )
    place = root / done.stdout.strip().lstrip("/")
    system_wide = done.stdout.startswith(("/etc/", "/usr/"))  # a user's own OpenSSL looks in folders of the user's
    if system_wide and not os.path.lexists(place) and (root / CERTIFICATES).exists():
        _link(place, os.path.relpath(root / CERTIFICATES, place.parent.resolve()))


def _open(root: Path) -> None:
    """Let everybody read everything, and nobody else write, independent of the umask and the originals' modes."""
    for folder, _, names in os.walk(root):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
