"""The root of the sandbox is to a function as Lambda's file system is, where that can be told."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.engines import cpython, system
from harness.engines.interpreters import Interpreter, ask
from harness.engines.protocol import Unavailable
from harness.engines.root import Root, _copy, prepare
from harness.engines.system import private_name
from harness.policy import runtime_policy
from harness.policy.programs import system_programs

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("environment")]
POLICY = runtime_policy("python3.12")
DEBIANS = Path("/usr/bin/python3.11")

LOOK = """
import ctypes, ctypes.util, json, locale, os, shutil, sys
import boto3, bz2, curses, lzma, pyexpat, readline, sqlite3, ssl, uuid, zoneinfo, awslambdaric

def works(action, *arguments):
    try:
        action(*arguments)
    except (OSError, locale.Error, KeyError):
        return False
    return True

def has_cached(name):
    return os.path.exists(sys.modules[name].__cached__)

print(json.dumps({
    "prefix": sys.prefix,
    "path": sys.path[1:],
    "find_library": [ctypes.util.find_library(name) for name in ("c", "z", "ssl")],
    "locales": [name for name in %(locales)r if works(locale.setlocale, locale.LC_ALL, name)],
    "programs": [name for name in %(programs)r if shutil.which(name)],
    "libraries": [name for name in %(libraries)r if works(ctypes.CDLL, name)],
    "broken": [name for name in os.listdir("/lib64") if ".so." in name and not works(ctypes.CDLL, name)],
    "authorities": len(ssl.create_default_context().get_ca_certs()) > 10,
    "zone": str(zoneinfo.ZoneInfo("Europe/Berlin")),
    "compiled": [name for name in ("awslambdaric", "boto3", "botocore.session", "uuid") if not has_cached(name)],
    "folders": [path for path in ("/tmp", "/opt", "/var/task", "/home") if os.listdir(path)],
}))
"""
LOCALES = ["C", "POSIX", "C.UTF-8", "en_US.UTF-8", "es_ES.UTF-8", "de_DE.UTF-8"]
ABSENT = ["git", "tar", "perl", "ld", "gcc", "cc", "find", "ps", "which", "gzip", "dash", "apt", "tput", "openssl"]
PRESENT = ["sh", "bash", "env", "ls", "cat", "grep", "sed", "getent", "sha256sum"]
LACKED = ["libgomp.so.1", "libexpat.so.1", "libcrypt.so.1", "libbz2.so.1.0", "libnsl.so.2", "libldap-2.5.so.0"]
HAD = ["libc.so.6", "libstdc++.so.6", "libz.so.1", "libbz2.so.1", "libssl.so.3", "libpython3.12.so.1.0"]


def run(root: Path, command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    """What a command prints that sees nothing but a root."""
    variables = dict(POLICY.image_environment) if environment is None else environment
    if bwrap := shutil.which("bwrap"):
        wall = [bwrap, "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all"]
    elif os.getuid() == 0 and (chroot := shutil.which("chroot", path="/usr/sbin:/usr/bin")):
        wall = [chroot, str(root)]
    else:
        pytest.skip("no bubblewrap here, and chroot is root's alone")
    done = subprocess.run([*wall, *command], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def seen(made: Root) -> dict[str, Any]:
    """What a function can see in the root."""
    script = LOOK % {"locales": LOCALES, "programs": ABSENT + PRESENT, "libraries": LACKED + HAD}
    found: dict[str, Any] = json.loads(run(made.path, ["/var/lang/bin/python3.12", "-c", script]))
    return found


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("prefix", "/var/lang"),
        (
            "path",
            [f"/var/lang/lib/python3{name}" for name in ("12.zip", ".12", ".12/lib-dynload", ".12/site-packages")],
        ),
        ("find_library", [None, None, None]),
        ("locales", ["C", "POSIX", "C.UTF-8"]),
        ("programs", PRESENT),
        ("libraries", HAD),
        ("broken", ["libthread_db.so.1"]),  # it belongs into a debugger, which has the functions that it calls
        ("authorities", True),
        ("zone", "Europe/Berlin"),
        ("compiled", []),
        ("folders", []),
    ],
)
def test_a_function_sees(seen: dict[str, Any], what: str, value: object) -> None:
    assert seen[what] == value


USER = "sbx_user1051:x:993:990::/home/sbx_user1051:/bin/false"


@pytest.mark.parametrize(
    ("script", "prints"),
    [
        ("[[ $0 == /bin/s* ]] && echo ${BASH##*/}", ["sh"]),
        ("id -un sbx_user1051; getent passwd sbx_user1051", ["sbx_user1051", USER]),
        (". /etc/os-release; echo $PRETTY_NAME", ["Amazon Linux 2023"]),
        ("cat /etc/system-release", ["Amazon Linux release 2023 (Amazon Linux)"]),
        ("getent services https | tr -s ' '; getent protocols tcp | tr -s ' '", ["https 443/tcp", "tcp 6 TCP"]),
        ("echo a b | sed s/a/c/ | grep -o c; printf %s x | sha256sum | cut -c-8", ["c", "2d711642"]),
        ("ldd /usr/bin/sort | grep -c 'not found'; test -e /usr/include || echo none", ["0", "none"]),
    ],
)
def test_a_shell_script_prints(made: Root, script: str, prints: list[str]) -> None:
    assert run(made.path, ["/bin/sh", "-c", script], {"PATH": "/usr/bin"}).splitlines() == prints


def test_nothing_leads_out_of_it(made: Root) -> None:
    for folder, folders, names in os.walk(made.path):
        for path in (Path(folder, name) for name in (*folders, *names)):
            if path.is_symlink():
                assert not path.readlink().is_absolute(), path
                assert path.resolve().is_relative_to(made.path.resolve()), path
            else:
                assert path.is_dir() or path.is_file(), path


def test_everybody_may_read_it_and_nobody_else_write(made: Root) -> None:
    modes = {
        (stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode))
        for folder, _, names in os.walk(made.path)
        for status in [Path(folder).lstat(), *(Path(folder, name).lstat() for name in names)]
        if not stat.S_ISLNK(status.st_mode)
    }
    assert modes == {(stat.S_IFDIR, 0o755), (stat.S_IFREG, 0o644), (stat.S_IFREG, 0o755)}


def test_it_has_the_runtimes_programs_and_libraries_alone(made: Root) -> None:
    for folder in ("bin", "sbin"):
        assert {path.name for path in (made.path / "usr" / folder).iterdir()} <= set(system_programs(folder))
    names = {path.name for path in (made.path / "usr/lib64").iterdir() if path.is_file()}
    assert {name for name in names if not name.startswith(private_name(""))} <= POLICY.system_libraries


def test_what_is_lacking_is_not_there_and_all_else_is(made: Root) -> None:
    wanted = {*system_programs("bin"), *system_programs("sbin"), *POLICY.system_libraries}
    there = {path.name for path in made.path.rglob("*")}
    loaders = {name for _, name in POLICY.loaders}
    assert sorted(wanted - there - loaders) == [name for name in made.lacking if not name.startswith("/")]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the only programs of a machine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "bash").symlink_to(Path("/bin/bash").resolve())
    for name in ("cat", "ls", "sort"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for name, first in {"grep": "#!/bin/sh", "fmt": "#!/usr/bin/perl", "tac": "#!/usr/bin/env perl"}.items():
        (folder / name).write_text(f"{first}\n", "ascii")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(system, "PATH", f"{folder}:{folder / 'lib'}")
    return folder


@pytest.mark.usefixtures("shell")
def test_a_machine_lacks_programs(made: Root, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for folder in ("usr/bin", "usr/sbin", "usr/lib64", "usr/lib", "var/lang/lib"):
        (root / folder).mkdir(parents=True)
    lacking = system.copy(root, POLICY, made.interpreter, {})
    programs = {"bash", "cat", "grep", "ls", "sh", "sort", "tac"}  # env reads one: whether it finds perl, only it knows
    assert {path.name for path in (root / "usr/bin").iterdir()} == programs
    assert {"sed", "fmt", "ldconfig"} <= lacking
    assert not lacking & programs


def test_a_python_of_another_loader_is_not_taken(made: Root, tmp_path: Path) -> None:
    interpreter = made.interpreter
    loader = system.loader(interpreter.executable)
    other = loader.replace("ld-linux", "ld-other")
    python = tmp_path / "python3.12"
    python.write_bytes(interpreter.executable.read_bytes().replace(loader.encode(), other.encode()))
    cpython.check_loader(interpreter, made.path)
    with pytest.raises(Unavailable, match=f"{python} is started by {other}, which Lambda lacks: get a CPython"):
        cpython.check_loader(replace(interpreter, executable=python), made.path)


@pytest.mark.skipif(not DEBIANS.exists(), reason="no CPython of Debian's here")
def test_debians_cpython_is_as_good_as_any(cache: Path) -> None:
    """It looks for packages in a folder of its own, and has its standard library in another."""
    policy, interpreter = runtime_policy("python3.11"), ask(DEBIANS, (3, 11))
    assert isinstance(interpreter, Interpreter)
    environment = prepare(policy, interpreter, cache, lambda _: None)
    script = "import sys, boto3, ssl, sqlite3, pyexpat; print(sys.prefix, *sys.path[1:])"
    assert run(environment.path, ["/var/lang/bin/python3.11", "-c", script]).split() == [
        "/var/lang",
        *(f"/var/lang/lib/python3{name}" for name in ("11.zip", ".11", ".11/lib-dynload", ".11/site-packages")),
    ]
    assert 'PRETTY_NAME="Amazon Linux 2"' in run(environment.path, ["/bin/cat", "/etc/os-release"])


def test_a_time_zone_that_is_a_link_to_another_is_copied(tmp_path: Path) -> None:
    zones = tmp_path / "zones"
    (zones / "America").mkdir(parents=True)
    (zones / "US").mkdir()
    (zones / "America" / "Los_Angeles").write_bytes(b"TZif")
    (zones / "US" / "Pacific").symlink_to("../America/Los_Angeles")
    (zones / "US" / "Nowhere").symlink_to("../America/Nowhere")
    (zones / "localtime").symlink_to("America/Los_Angeles")

    assert _copy([tmp_path / "gone", zones], tmp_path / "copy")

    copied = {str(path.relative_to(tmp_path / "copy")) for path in tmp_path.glob("copy/**/*") if path.is_file()}
    assert copied == {"America/Los_Angeles", "US/Pacific"}
