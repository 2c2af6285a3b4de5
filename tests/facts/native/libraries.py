"""A library that says everything, what is true of it, and where it can be loaded."""

from __future__ import annotations

import platform
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import elf
from harness.facts.native.binaries import Binary, Format, VersionNeed

MACHINES: dict[str, elf.Machine] = {"x86_64": "x86_64", "aarch64": "arm64"}
HERE = MACHINES.get(platform.machine(), "x86_64")
LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1"}
needs_glibc = pytest.mark.skipif(not Path(LOADERS[HERE]).exists(), reason="glibc's loader is not here")

PLAIN = Binary(Format.ELF, ("x86_64",), "shared", 64, little_endian=True)
RICH = elf.shared_object(
    HERE,
    soname="libx.so.1",
    needed=("libm.so.6", "libdl.so.2"),
    versions={"libc.so.6": ("GLIBC_2.17", "GLIBC_2.34"), "libm.so.6": ("GLIBC_2.29",)},
    weak_versions={"libc.so.6": ("GLIBC_9.9",)},
    rpath="$ORIGIN/../x.libs:/opt/lib",
    runpath="$ORIGIN",
    init="PyInit__x",
    defines=("X_1.0", "X_2.0"),
)
RICH_FACTS = replace(
    PLAIN,
    machines=(HERE,),
    soname="libx.so.1",
    needed=("libm.so.6", "libdl.so.2", "libc.so.6"),
    rpath=("$ORIGIN/../x.libs", "/opt/lib"),
    runpath=("$ORIGIN",),
    version_needs=(
        VersionNeed("libc.so.6", ("GLIBC_2.17", "GLIBC_2.34"), weak=("GLIBC_9.9",)),
        VersionNeed("libm.so.6", ("GLIBC_2.29",)),
    ),
    version_definitions=("X_1.0", "X_2.0"),
    init_functions=("_x",),
)


def patched(data: bytes, offset: int, layout: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(f"<{layout}", changed, offset, value)
    return bytes(changed)
