"""The operating system's programs and libraries: of this machine, copied as far as the runtime has them.

What one of them, or CPython, needs and the runtime lacks is copied under a private name, by which nothing of an archive
asks for it.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engines.protocol import Unavailable
from harness.policy import runtime_policy
from harness.policy.programs import system_programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.engines.interpreters import Interpreter
    from harness.policy import RuntimePolicy

LIBRARIES = ("/usr/lib64", "/usr/lib/{machine}-linux-gnu", "/usr/lib")  # where a system without other architectures has
_CACHED = re.compile(r"^\s+(?P<soname>\S+) \((?P<flags>[^)]*)\) => (?P<path>\S+)$", re.MULTILINE)
_LINKED = re.compile(r"\s+(?P<soname>\S+)(?: => (?P<path>/\S+|not found))?(?: \(0x[0-9a-f]+\))?")
_ABI = {"x86_64": "x86-64", "aarch64": "AArch64"}
_PT_INTERP = 3
_VIRTUAL = ("linux-vdso", "linux-gate")  # libraries that the kernel provides
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
SUCCESSOR = "python3.12"  # the first runtime on Amazon Linux 2023, whose list is complete
OTHER_NAMES = {"libbz2.so.1.0": "libbz2.so.1"}  # Debian's SONAME, and Amazon Linux's


def copy(root: Path, policy: RuntimePolicy, interpreter: Interpreter, binaries: Mapping[Path, Path]) -> set[str]:
    """Copy them into a root that has CPython already, and what that needs.

    Args:
        root: Where to.
        policy: What the runtime has.
        interpreter: The CPython that was copied.
        binaries: For the copy of each of its programs and libraries, the original. An extension module whose libraries
            are not on this machine is removed.

    Returns:
        What the runtime has and this machine lacks: programs by their name, libraries by their SONAME.

    Raises:
        Unavailable: CPython itself needs a library that is not there.
    """
    public, shared = offered(policy), root / "usr/lib64"
    programs = {Path("usr", folder, name): path for folder in ("bin", "sbin") for name, path in _programs(folder)}
    here = installed(interpreter.machine)
    listed = {soname: path for soname, path in here.items() if OTHER_NAMES.get(soname, soname) in public}
    needs = needed([*dict.fromkeys([*programs.values(), *map(Path, listed.values())])])

    system = Copies(public, shared, shared)
    for soname, path in listed.items():
        system.bring({**needs[Path(path)], soname: path})
    for name, program in programs.items():
        if system.bring(needs[program]):
            system.files[root / name] = program

    python = f"lib{policy.runtime}.so.1.0"  # the runtime's, and copied already
    own = None if interpreter.prefix == Path("/usr") else interpreter.prefix
    language = Copies(public, shared, root / "var/lang/lib", system.files, own)
    for binary, own_needs in zip(binaries, needed([*binaries.values()]).values(), strict=True):
        own_needs.pop(python, None)
        if language.bring(own_needs):
            language.renamed.append(binary)
        elif binary.parent.name == "lib-dynload":
            binary.unlink()
        else:
            missing = ", ".join(soname for soname, path in own_needs.items() if path is None)
            raise Unavailable(f"{binaries[binary]} needs {missing}, which this machine lacks.")
    system.finish()
    language.finish()
    _link(root, interpreter.machine)
    wanted = {*system_programs("bin"), *system_programs("sbin"), *policy.system_libraries} - {
        name for _, name in policy.loaders
    }
    return {name for name in wanted if not any((folder / name).exists() for folder in _folders(root))}


def offered(policy: RuntimePolicy) -> frozenset[str]:
    """The SONAMEs that archives may find.

    Where the list of a runtime's system is known to have gaps, what its successor has is added: a library that may be
    there must not be missing here.
    """
    if policy.system_libraries_complete:
        return policy.system_libraries
    return policy.system_libraries | runtime_policy(SUCCESSOR).system_libraries


class Copies:
    """Copies of libraries and programs, in which a library that is not the runtime's has a private name.

    Args:
        public: The SONAMEs that an archive may ask for.
        shared: The folder of libraries by these names.
        private: The folder of the others.
        files: What is copied already, as :attr:`files`.
        prefix: The folder of CPython, where it may bring libraries of its own: in the runtime they are its own, too.

    Attributes:
        files: For each copy, the original.
        renamed: The copies that may name libraries by another name than the one that those have here.
    """

    def __init__(
        self,
        public: frozenset[str],
        shared: Path,
        private: Path,
        files: Mapping[Path, Path] | None = None,
        prefix: Path | None = None,
    ) -> None:
        self.files: dict[Path, Path] = dict(files or {})
        self.renamed: list[Path] = []
        self._public, self._shared, self._private, self._prefix = public, shared, private, prefix
        self._done = frozenset(self.files)
        self._names: dict[str, str] = {}

    def bring(self, needed: Mapping[str, str | None]) -> bool:
        """Copy libraries, by their SONAME, with all that they need among them; False and none if one is not there."""
        if None in needed.values():
            return False
        for soname, path in needed.items():
            if path is not None:
                self._name(soname, Path(path))
        return True

    def _name(self, soname: str, path: Path) -> None:
        name, folder = OTHER_NAMES.get(soname, soname), self._shared
        if name not in self._public or (self._prefix and path.is_relative_to(self._prefix)):
            name, folder = private_name(soname), self._private
        if name != soname:
            self._names[soname] = name
        self.files.setdefault(folder / name, path)

    def finish(self) -> None:
        """Make the copies; a program that exists under several names is copied once, with links to it."""
        first: dict[Path, Path] = {}
        for copied, original in self.files.items():
            if copied in self._done:
                continue
            real = original.resolve()
            if copied.parent == first.setdefault(real, copied).parent and first[real] != copied:
                copied.symlink_to(first[real].name)
                continue
            shutil.copyfile(real, copied)
            copied.chmod(0o755)
            self.renamed.append(copied)
        for copied in self.renamed:
            rename(copied, self._names)


def watched(interpreter: Interpreter, policy: RuntimePolicy) -> Iterator[Path]:
    """The files of this machine that a root is made of, and where others of them would be."""
    yield from (interpreter.executable, interpreter.stdlib / "os.py")
    for folder in ("bin", "sbin"):
        yield from (Path("/usr", folder, name) for name in system_programs(folder))
    for place in LIBRARIES:
        folder = place.format(machine=interpreter.machine)
        yield from (Path(folder, soname) for soname in sorted(offered(policy)))


def _programs(folder: str) -> Iterator[tuple[str, Path]]:
    """Those of a folder that this machine has; ``sh`` is bash."""
    known = {*system_programs("bin"), *system_programs("sbin")}
    for name in system_programs(folder):
        found = shutil.which("bash" if name == "sh" else name, path=PATH)
        if found and _reader(Path(found)) in {"", *known}:
            yield name, Path(found)


def _reader(program: Path) -> str:
    """The name of the program that reads a script; empty for what is no script."""
    with program.open("rb") as file:
        line = file.readline(256)
    words = line.removeprefix(b"#!").split() if line.startswith(b"#!") else []
    return os.fsdecode(words[0]).rpartition("/")[2] if words else ""


def _link(root: Path, machine: str) -> None:
    """Lead the loader, as this machine's distribution built it, to the folder where Amazon Linux has libraries."""
    if Path("/usr/lib", f"{machine}-linux-gnu").is_dir():
        (root / f"usr/lib/{machine}-linux-gnu").symlink_to("../lib64")
    if machine == "aarch64":  # its loader's path is in /lib
        (root / "usr/lib/ld-linux-aarch64.so.1").symlink_to("../lib64/ld-linux-aarch64.so.1")


def _folders(root: Path) -> Iterator[Path]:
    return (root / folder for folder in ("usr/bin", "usr/sbin", "usr/lib64", "var/lang/lib"))


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
