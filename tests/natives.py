"""Archives with native files in them, without any native file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from harness.artifact.entries import Role
from harness.facts.native.binaries import Binary, Format, VersionNeed
from tests.build import analysed, subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.check import Subject
    from harness.dependencies.project import Project
    from harness.manifest import Function, Manifest

Files: TypeAlias = "Mapping[str, str | Binary]"

X86_64 = Binary(Format.ELF, ("x86_64",), "shared", 64, little_endian=True)
ARM64 = replace(X86_64, machines=("arm64",))
MACOS = Binary(Format.MACHO, ("arm64",), "shared", 64, little_endian=True)
WINDOWS = Binary(Format.PE, ("x86_64",), "shared", 64, little_endian=True)
MUSL = replace(X86_64, needed=("libc.musl-x86_64.so.1",))
PROGRAM = replace(X86_64, kind="executable", interpreter="/lib64/ld-linux-x86-64.so.2")


def needing(*libraries: str, rpath: str = "", init: str | None = None) -> Binary:
    """A library that needs others; an extension where the module that it initialises is named."""
    folders = tuple(rpath.split(":")) if rpath else ()
    return replace(X86_64, needed=libraries, rpath=folders, init_functions=(init,) if init else ())


def demanding(library: str, *versions: str) -> Binary:
    """A library that needs versions of symbols of another's."""
    return replace(X86_64, needed=(library,), version_needs=(VersionNeed(library, versions),))


def native(
    code: Files,
    *layers: Files,
    function: Function | None = None,
    declared: Manifest | None = None,
    project: Project | None = None,
) -> Subject:
    """What a check looks at, of files that are written here; instead of its bytes, a native file has what they say."""
    archives, facts = [], []
    for role, files in ((Role.CODE, code), *((Role.LAYER, layer) for layer in layers)):
        archive, said = analysed({name: one if isinstance(one, str) else b"" for name, one in files.items()}, role)
        said.binaries.update({name: one for name, one in files.items() if isinstance(one, Binary)})
        archives.append(archive)
        facts.append(said)
    return subject(*archives, facts=tuple(facts), function=function, declared=declared, project=project)


def installed(name: str, version: str, files: Files, *tags: str, prefix: str = "python/") -> dict[str, str | Binary]:
    """A distribution as an installer leaves it, with its RECORD."""
    info = f"{name}-{version}.dist-info"
    made = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags or ("py3-none-any",)),
    }
    record = "".join(f"{path},,\n" for path in (*made, f"{info}/RECORD"))
    return {f"{prefix}{path}": one for path, one in {**made, f"{info}/RECORD": record}.items()}
