"""The versions of symbols that native files need of the libraries that the loader gives them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.native.roles import NativeFile, NativeFiles
    from harness.facts.python.program import Program

_NUMBERED = re.compile(r"([A-Z]+)_(\d+(?:\.\d+)*)")
# Names without a number in them, which say that the loader must understand something, and since when it does.
_ABILITIES: Final = {"GLIBC_ABI_DT_RELR": ("GLIBC", (2, 36))}


@dataclass(frozen=True, slots=True)
class Demand:
    """A version that a file needs of a library.

    Attributes:
        version: As the loader prints it: ``GLIBC_2.38``.
        library: The SONAME that it is needed of.
        by: The file that needs it.
        native: What is loaded, and brings the file along.
        provider: The file of the archives that is taken for the library, which lacks the version; None where the
            library is the system's.
    """

    version: str
    library: str
    by: str
    native: NativeFile
    provider: str | None = None


def demands(natives: NativeFiles, program: Program) -> Iterator[Demand]:
    """What is demanded of the system's libraries, and what is demanded in vain of those in the archives."""
    binaries = program.facts.binaries
    for native in natives.started:
        load = natives.load(native)
        shipped, absent = dict(load.shipped), {one.name for one in load.absent}
        for mapped in load.mapped:
            for need in binaries[mapped.path].version_needs:
                provider = shipped.get(need.library)
                offered = binaries[provider].version_definitions if provider else ()
                for version in need.versions:
                    if need.library in absent or (provider and (not offered or version in offered)):
                        continue
                    yield Demand(version, need.library, mapped.path, native, provider)


def numbered(version: str) -> tuple[str, tuple[int, ...]] | None:
    """A version's family and number: ``GLIBC_2.38`` is ``("GLIBC", (2, 38))``; None where it has none."""
    if version in _ABILITIES:
        return _ABILITIES[version]
    match = _NUMBERED.fullmatch(version)
    return (match[1], tuple(map(int, match[2].split(".")))) if match else None
