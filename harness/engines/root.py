"""The file system of a runtime, made in a folder: Lambda's paths, and of this machine what Lambda has and no more.

It holds copies and relative links alone, and is complete: nothing in it leads out of it.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engines import lang, system
from harness.policy.files import system_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.engines.interpreters import Interpreter
    from harness.engines.protocol import Progress
    from harness.policy import RuntimePolicy
    from harness.policy.files import SystemFiles

TERMINALS = ("/usr/share/terminfo", "/usr/lib/terminfo", "/lib/terminfo", "/etc/terminfo")
NOT_COPIED = ("posix", "right", "localtime")  # the time zones once more, and this machine's own
CERTIFICATES = "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
ASK_CERTIFICATES = "import ssl; print(ssl.get_default_verify_paths().openssl_cafile)"


def make(
    root: Path, policy: RuntimePolicy, interpreter: Interpreter, scripts: Mapping[str, str], progress: Progress
) -> tuple[str, ...]:
    """Fill an empty folder.

    Args:
        root: The folder.
        policy: Of the runtime.
        interpreter: CPython of the runtime's version.
        scripts: The files of ``/var/runtime``.
        progress: Hears what takes long.

    Returns:
        What the runtime has and this machine lacks, sorted: programs by name, libraries by SONAME, files by path.

    Raises:
        Unavailable: The runtime's packages cannot be installed, or do not work with the interpreter.
        OSError: Something cannot be read or written.
    """
    files, name = system_files(policy.operating_system), "python{}.{}".format(*policy.python)
    lacking = _lay_out(root, files, interpreter.machine)
    for script, text in scripts.items():
        _write(root / "var/runtime" / script, text)
        (root / "var/runtime" / script).chmod(0o644 if script.endswith(".py") else 0o755)
    language = root / "var/lang"
    binaries = lang.copy(interpreter, language, name)
    progress(f"installing the {policy.runtime} runtime client and SDK (first use)")
    lang.install(language / "lib" / name / "site-packages", policy)
    lacking |= system.copy(root, policy, interpreter, binaries)
    lang.check_loader(interpreter, root)
    lang.start(language, name)
    lang.compile_all(interpreter, language)
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
    """Let everybody read everything, and nobody else write, whatever this user's umask and the originals' modes are."""
    for folder, _, names in os.walk(root):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
