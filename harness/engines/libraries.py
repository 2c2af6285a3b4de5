"""The shared libraries of this machine: where they are, what they need, and copies under other names."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_CACHED = re.compile(r"^\s+(?P<soname>\S+) \((?P<flags>[^)]*)\) => (?P<path>\S+)$", re.MULTILINE)
_LINKED = re.compile(r"\s+(?P<soname>\S+)(?: => (?P<path>/\S+|not found))?(?: \(0x[0-9a-f]+\))?")
_ABI = {"x86_64": "x86-64", "aarch64": "AArch64"}
_PT_INTERP = 3
_VIRTUAL = ("linux-vdso", "linux-gate")  # libraries that the kernel provides
SBIN = ("/usr/sbin", "/sbin")  # often not on a user's PATH


def installed(machine: str) -> dict[str, str]:
    """The libraries in the loader's cache, by SONAME; none where the loader keeps no cache."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])
    ldconfig = shutil.which("ldconfig", path=path)
    found: dict[str, str] = {}
    for match in _CACHED.finditer(_output([ldconfig, "-p"]) if ldconfig else ""):
        if _ABI.get(machine, machine) in match["flags"] and "hwcap" not in match["flags"]:
            found.setdefault(match["soname"], match["path"])
    return found


def needed(files: Sequence[Path], search: Path | None = None) -> dict[Path, dict[str, str | None]]:
    """All libraries that each file needs, directly or not: by SONAME the path, None for one that is not there.

    The loader is one of them, by the name of its file.

    Args:
        files: Programs and libraries; others need nothing.
        search: A folder in which libraries are looked for first.
    """
    found: dict[Path, dict[str, str | None]] = {file: {} for file in files}
    if not files or not (ldd := shutil.which("ldd")):
        return found
    environment = dict(os.environ) | ({"LD_LIBRARY_PATH": str(search)} if search else {})
    by_name = {f"{file}:": file for file in files}
    current = found[files[0]]  # of a single file, ldd does not tell the name
    for line in _output([ldd, *map(str, files)], environment).splitlines():
        if line in by_name:
            current = found[by_name[line]]
        elif match := _LINKED.fullmatch(line):
            name = match["soname"].rpartition("/")[2]
            path = match["path"] or match["soname"]
            if not name.startswith(_VIRTUAL) and path.startswith(("/", "not found")):
                current[name] = path if path.startswith("/") else None
    return found


def loader(program: Path) -> str:
    """The path of the loader that a program names; empty for a static one, and for what is no program for 64 bits."""
    content = program.read_bytes()
    if content[:5] != b"\x7fELF\x02":
        return ""
    (table,), (size, entries) = struct.unpack_from("<Q", content, 32), struct.unpack_from("<HH", content, 54)
    for start in range(table, table + size * entries, size):
        kind, _, place, _, _, length = struct.unpack_from("<IIQQQQ", content, start)
        if kind == _PT_INTERP:
            return content[place : place + length].rstrip(b"\0").decode("utf-8", "replace")
    return ""


def _output(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    # ldd ends with 1 where a file is static, and needs nothing.
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout


def private_name(soname: str) -> str:
    """A name of equal length that nobody asks for: ``libexpat.so.1`` becomes ``lanexpat.so.1``."""
    return f"lan{soname[3:]}"


def rename(file: Path, names: Mapping[str, str]) -> None:
    """Let a file need, or be, libraries under other names, none of which may be longer than the one it replaces.

    The names are strings in the file's table of strings, each ended by a zero: there is room for one that is shorter.
    """
    before = content = file.read_bytes()
    for name, other in names.items():
        old, new = f"\0{name}\0".encode(), f"\0{other}\0".encode()
        content = content.replace(old, new.ljust(len(old), b"\0"))
    if content != before:
        file.write_bytes(content)


def strip(files: Iterable[Path]) -> None:
    """Drop debugging symbols, where the tool for it is there."""
    if tool := shutil.which("strip"):
        subprocess.run([tool, "--strip-unneeded", *map(str, files)], check=False, capture_output=True)
