"""What executables and libraries say: those of Linux as its loader reads them, others only enough to name them.

And what the file name of a Python extension says, which need not be true.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from harness.facts.native import elf
from harness.facts.native.elf import Image, Tag
from harness.facts.native.elf_tables import init_functions, version_definitions, version_needs

if TYPE_CHECKING:
    import mmap


class Format(StrEnum):
    """Whose executables look like this: Linux's, Apple's, Windows'."""

    ELF = "ELF"
    MACHO = "Mach-O"
    PE = "PE"


@dataclass(frozen=True, slots=True)
class VersionNeed:
    """The versions of symbols that a library must offer (DT_VERNEED).

    Attributes:
        library: Its SONAME.
        versions: Without any one of these, the loader refuses the file.
        weak: These may be missing.
    """

    library: str
    versions: tuple[str, ...]
    weak: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """An executable, a library or a part of one. Of other formats than ELF, only the first five are known.

    Attributes:
        format: Its format.
        machines: ``x86_64``, ``arm64``, …; ``machine 123`` where the number has no name here. Several in a universal
            Mach-O file, none where its header is not whole.
        kind: ``shared``, ``executable``, ``object``, ``core``; ``type 123`` where it is something else.
        bits: 32 or 64; 0 where the header says neither. In a universal Mach-O file, those of the first machine.
        little_endian: Its byte order.
        soname: The name by which others need it.
        needed: The names of the libraries that it needs, in order.
        rpath: Folders that its libraries are looked for in, as they are written; the loader ignores them where there
            is a ``runpath``. An empty one is the working folder.
        runpath: Folders likewise.
        interpreter: The program that loads it.
        version_needs: Which versions of symbols it needs.
        version_definitions: Which versions of symbols it offers.
        init_functions: The Python modules that it is: what its exported ``PyInit_`` functions are for.
        faults: Why the loader would refuse it: clauses whose subject is the file.
        numpy_1: Whether it is an extension that was compiled for NumPy 1 alone.
    """

    format: Format
    machines: tuple[str, ...]
    kind: str
    bits: int
    little_endian: bool
    soname: str | None = None
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    interpreter: str | None = None
    version_needs: tuple[VersionNeed, ...] = ()
    version_definitions: tuple[str, ...] = ()
    init_functions: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    numpy_1: bool = False


@dataclass(frozen=True, slots=True)
class ExtensionName:
    """What the file name of a Python extension says.

    Attributes:
        module: Its name, without packages.
        tag: What is between the name and the ending: ``cpython-312-x86_64-linux-gnu``, ``abi3``.
        python: For which CPython alone.
        free_threaded: Whether it is for a CPython without the global interpreter lock.
        platform: ``x86_64-linux-gnu``, ``darwin``, ``win_amd64``, ….
    """

    module: str
    tag: str | None = None
    python: tuple[int, int] | None = None
    free_threaded: bool = False
    platform: str | None = None


_ELF_MACHINES: Final = {
    2: "sparc",
    3: "i386",
    8: "mips",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    43: "sparc64",
    62: "x86_64",
    183: "arm64",
    243: "riscv64",
    258: "loongarch64",
}
_ELF_KINDS: Final = {elf.OBJECT: "object", elf.EXECUTABLE: "executable", elf.SHARED: "shared", elf.CORE: "core"}

# By magic: bits, and the byte order of everything else.
_MACHO: Final = {
    b"\xce\xfa\xed\xfe": (32, "<"),
    b"\xcf\xfa\xed\xfe": (64, "<"),
    b"\xfe\xed\xfa\xce": (32, ">"),
    b"\xfe\xed\xfa\xcf": (64, ">"),
}
_MACHO_MACHINES: Final = {
    7: "i386",
    12: "arm",
    18: "ppc",
    0x01000007: "x86_64",
    0x0100000C: "arm64",
    0x0200000C: "arm64_32",
    0x01000012: "ppc64",
}
_MACHO_KINDS: Final = {1: "object", 2: "executable", 4: "core", 6: "shared", 7: "shared", 8: "shared"}
# By magic, one entry: the machine, then the offset and the size of its file.
_UNIVERSAL: Final = {b"\xca\xfe\xba\xbe": struct.Struct(">I4xII4x"), b"\xca\xfe\xba\xbf": struct.Struct(">I4xQQ8x")}
_MOST_MACHINES: Final = 44  # the same place in a Java class, which has the same magic, is its version: 45 and above
_STATIC_LIBRARY: Final = b"!<arch>\n"

# What `import_array` of NumPy's headers asks for: since 2.0 it tries the second name first, and then the first.
_NUMPY_1: Final = re.compile(rb"numpy\.core\._multiarray_umath\0")
_NUMPY_2: Final = re.compile(rb"numpy\._core\._multiarray_umath\0")

_PE_MAGIC: Final = b"PE\0\0"
_PE_HEADER: Final = struct.Struct("<H16xHH")
_PE_MACHINES: Final = {0x14C: "i386", 0x1C0: "arm", 0x1C4: "arm", 0x8664: "x86_64", 0xAA64: "arm64"}
_PE_BITS: Final = {0x10B: 32, 0x20B: 64}
_PE_EXECUTABLE, _PE_LIBRARY = 0x0002, 0x2000

_EXTENSION: Final = re.compile(r"(?P<module>[^./]+)(?:\.(?P<tag>[^/]+))?\.(?:so|pyd)")
_TAG: Final = re.compile(
    r"abi3(?P<any>t)?"
    r"|(?:cpython-|cp)(?P<major>\d)(?P<minor>\d{1,3})(?P<flags>[a-z]*)(?:-(?P<platform>[^.]+))?"
    r"|(?:pypy|graalpy)\d[^.]*"
)
_TRIPLETS: Final = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def read_binary(data: bytes | bytearray | memoryview | mmap.mmap) -> Binary | None:
    """Read an executable or a library, whatever its name; never raises, and copies no more than it says.

    Returns:
        What it says; None where it is no ELF, Mach-O or PE file. A static library (``.a``) is none.
    """
    with memoryview(data) as view, view.cast("B") as whole:
        magic = bytes(whole[:4])
        if magic == elf.MAGIC:
            return _elf(whole)
        if magic in _MACHO:
            return _macho(whole)
        if magic in _UNIVERSAL:
            return _universal(whole)
        return _pe(whole) if magic[:2] == b"MZ" else None


def _elf(data: memoryview) -> Binary:
    image = Image(data)
    machine = _ELF_MACHINES.get(image.machine or 0, f"machine {image.machine}")
    if machine == "ppc64" and image.little_endian:
        machine = "ppc64le"
    kind = "executable" if image.is_executable else _ELF_KINDS.get(image.type or 0, f"type {image.type or 0}")
    sonames = image.names(Tag.SONAME)
    functions = tuple(sorted({_initialised(name) for name in init_functions(image)}))
    return Binary(
        format=Format.ELF,
        machines=() if image.machine is None else (machine,),
        kind=kind,
        bits=image.bits,
        little_endian=image.little_endian,
        soname=sonames[-1] if sonames else None,
        needed=image.names(Tag.NEEDED),
        rpath=_folders(image.names(Tag.RPATH)),
        runpath=_folders(image.names(Tag.RUNPATH)),
        interpreter=image.interpreter,
        version_needs=tuple(VersionNeed(*need) for need in version_needs(image)),
        version_definitions=version_definitions(image),
        init_functions=functions,
        faults=tuple(image.faults),  # the last of what is read by way of the image, for all of it adds to them
        numpy_1=bool(functions and _NUMPY_1.search(data) and not _NUMPY_2.search(data)),
    )


def _folders(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(paths[-1].split(":")) if paths and paths[-1] else ()


def _initialised(function: str) -> str:
    """The name of the module that a function initialises (PEP 489: in punycode, where it is not ASCII)."""
    plain = function.removeprefix("PyInit_")
    if plain != function:
        return plain
    encoded = function.removeprefix("PyInitU_")
    ascii_part, _, rest = encoded.rpartition("_")
    try:
        name = (f"{ascii_part}-{rest}" if ascii_part else rest).encode().decode("punycode")
        name.encode()
    except ValueError:
        return encoded
    return name


def _macho(data: memoryview) -> Binary:
    bits, order = _MACHO[bytes(data[:4])]
    header = struct.Struct(f"{order}3I12x" if bits == 32 else f"{order}3I16x")  # noqa: PLR2004 - bits
    try:
        machine, _, kind = header.unpack_from(data, 4)
    except struct.error:
        fault = f"is truncated: its Mach-O header ends at {4 + header.size} and the file at {len(data)}"
        return Binary(Format.MACHO, (), "type 0", bits, order == "<", faults=(fault,))
    machines = (_MACHO_MACHINES.get(machine, f"machine {machine}"),)
    return Binary(Format.MACHO, machines, _MACHO_KINDS.get(kind, f"type {kind}"), bits, order == "<")


def _universal(data: memoryview) -> Binary | None:
    """Several Mach-O files in one: what the first is, for the machines of all."""
    layout = _UNIVERSAL[bytes(data[:4])]
    count = int.from_bytes(data[4:8], "big")
    if not 0 < count <= _MOST_MACHINES or 8 + count * layout.size > len(data):
        return None
    files = [layout.unpack_from(data, 8 + number * layout.size) for number in range(count)]
    machines = tuple(dict.fromkeys(_MACHO_MACHINES.get(machine, f"machine {machine}") for machine, _, _ in files))
    end = max(offset + size for _, offset, size in files)
    faults = (f"is truncated: a file inside it ends at {end:,} and the file at {len(data):,}",) * (end > len(data))
    start = files[0][1]
    if bytes(data[start : start + len(_STATIC_LIBRARY)]) == _STATIC_LIBRARY:
        return None
    known = bytes(data[start : start + 4]) in _MACHO
    first = _macho(data[start:]) if known else Binary(Format.MACHO, (), "type 0", 0, little_endian=True)
    return replace(first, machines=machines, faults=faults or first.faults)


def _pe(data: memoryview) -> Binary | None:
    """A file with its PE header; programs for DOS begin likewise, and have none."""
    start = int.from_bytes(data[0x3C:0x40], "little")
    if bytes(data[start : start + 4]) != _PE_MAGIC:
        return None
    header = bytes(data[start + 4 : start + 26])
    if len(header) < _PE_HEADER.size:
        fault = f"is truncated: its PE header ends at {start + 4 + _PE_HEADER.size:,} and the file at {len(data):,}"
        return Binary(Format.PE, (), "type 0", 0, little_endian=True, faults=(fault,))
    machine, flags, magic = _PE_HEADER.unpack(header)
    kind = "shared" if flags & _PE_LIBRARY else "executable" if flags & _PE_EXECUTABLE else "object"
    machines = (_PE_MACHINES.get(machine, f"machine {machine}"),)
    return Binary(Format.PE, machines, kind, _PE_BITS.get(magic, 0), little_endian=True)


def extension_name(path: str) -> ExtensionName | None:
    """Read the file name of an extension, whatever the file is.

    Returns:
        What it says. None where no Python imports a file of that name: ``libfoo.so.1``, ``libfoo-1.2.so``. A plain
        ``libfoo.so`` could be an extension.
    """
    name = _EXTENSION.fullmatch(path.rpartition("/")[2])
    if name is None or name["tag"] is None:
        return name and ExtensionName(name["module"])
    tag = _TAG.fullmatch(name["tag"])
    if tag is None:
        return None
    return ExtensionName(
        module=name["module"],
        tag=name["tag"],
        python=(int(tag["major"]), int(tag["minor"])) if tag["major"] else None,
        free_threaded=bool(tag["any"]) or "t" in (tag["flags"] or ""),
        platform=tag["platform"],
    )


def extension_suffixes(python: tuple[int, int], architecture: str) -> tuple[str, ...]:
    """The endings of the extensions that Lambda's Python imports, in its order.

    Args:
        python: The version of the runtime.
        architecture: In Lambda's spelling.
    """
    return (f".cpython-{python[0]}{python[1]}-{_TRIPLETS[architecture]}.so", ".abi3.so", ".so")
