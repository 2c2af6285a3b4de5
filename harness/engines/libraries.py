"""The shared libraries of this machine: where they are, what they need, and copies under other names."""

from __future__ import annotations

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
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


def installed(machine: str) -> dict[str, str]:
    """The libraries in the loader's cache, by SONAME; none where the loader keeps no cache."""
    found: dict[str, str] = {}
    for match in _CACHED.finditer(_output("ldconfig", "-p")):
        if _ABI.get(machine, machine) in match["flags"] and "hwcap" not in match["flags"]:
            found.setdefault(match["soname"], match["path"])
    return found


def needed(files: Sequence[Path]) -> dict[Path, dict[str, str | None]]:
    """All libraries that each file needs, directly or not: by SONAME the path, None for one that is not there.

    The loader is one of them, by the name of its file. What is neither program nor library needs nothing.
    """
    found: dict[Path, dict[str, str | None]] = {file: {} for file in files}
    if not files:
        return found
    by_name = {f"{file}:": file for file in files}
    current = found[files[0]]  # of a single file, ldd does not tell the name
    for line in _output("ldd", *map(str, files)).splitlines():
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


def _output(name: str, *arguments: str) -> str:
    """What a program of the system prints; nothing where it is missing."""
    if not (program := shutil.which(name, path=PATH)):
        return ""
    # ldd ends with 1 where a file is static, and needs nothing. Its words are looked for, so it is not to translate.
    environment = {"PATH": PATH, "LC_ALL": "C"}
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, env=environment).stdout


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
    _output("strip", "--strip-unneeded", *map(str, files))
