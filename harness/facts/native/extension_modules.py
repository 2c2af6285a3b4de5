"""Compiled modules that an import takes and that Python cannot load as that module."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from harness.facts.files.impostors import EMPTY
from harness.facts.installed.contents import effective
from harness.facts.native.binaries import Format, extension_name, extension_suffixes
from harness.facts.native.loader import fits, is_cut_off, is_musl
from harness.facts.python.search import Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.native.binaries import Binary
    from harness.facts.python.program import Program
    from harness.facts.view import Installed

NUMPY: Final = "numpy"
_HEADER: Final = 64  # bytes of an ELF file; of less, the loader says that it is too short


@dataclass(frozen=True, slots=True)
class Unloadable:
    """A file that an import takes, and that Python cannot load as that module.

    Attributes:
        module: The name under which it is imported.
        words: What the import says.
        cause: What is wrong with the file, as a clause.
        numpy: The NumPy that is beside it, where it was compiled for another one.
    """

    path: str
    module: str
    words: str
    cause: str
    numpy: Installed | None = None


class Compiled:
    """The files that imports take for compiled modules, by their names."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._facts = program.facts
        self._suffixes = extension_suffixes(program.policy.python, program.architecture)

    @cached_property
    def modules(self) -> tuple[tuple[str, str], ...]:
        """Every file that has the ending of this Python's extensions and that an import takes, with its module's name.

        A library without that module in it counts where something imports it.
        """
        paths = {*self._facts.binaries, *self._facts.impostors}
        return tuple((path, name) for path in sorted(paths) if (name := self._module(path)))

    def _module(self, path: str) -> str | None:
        suffix = next((one for one in self._suffixes if path.endswith(one)), None)
        named = extension_name(path)
        if suffix is None or named is None:
            return None
        binary = self._facts.binaries.get(path)
        if binary and binary.format is not Format.ELF:
            return None  # foreign-binaries speaks of it
        whole = binary is not None and not is_cut_off(binary)
        likely = named.module in binary.init_functions or binary.faults if binary and whole else named.tag is not None
        if not likely and path not in self._program.graph.reached:
            return None
        name = self._program.search.module_name(f"{posixpath.dirname(path)}/{named.module}.py")
        found = self._program.search.find(name) if name else None
        return name if isinstance(found, Found) and found.path == path else None

    def unloadable(self) -> Iterator[Unloadable]:
        """Those that cannot be loaded, as far as their bytes tell; a damaged library is the loader's affair."""
        for path, module in self.modules:
            binary = self._facts.binaries.get(path)
            if binary is None or is_cut_off(binary):
                yield self._impostor(path, module)
            elif not binary.faults and fits(binary, self._program.architecture) and not is_musl(binary):
                yield from self._fault(path, module, binary)

    def _impostor(self, path: str, module: str) -> Unloadable:
        kind, size = self._facts.impostors.get(path), self._facts.bundle.items[path].entry.size
        words = f"{path}: {'file too short' if size < _HEADER else 'invalid ELF header'}"
        if path in self._facts.pointers:
            return Unloadable(path, module, words, "it is a pointer of Git LFS in place of the file")
        if kind is None:
            return Unloadable(path, module, words, f"it is cut off after {size} bytes")
        return Unloadable(path, module, words, "it is empty" if kind == EMPTY else f"it is {kind}, no machine code")

    def _fault(self, path: str, module: str, binary: Binary) -> Iterator[Unloadable]:
        last = module.rpartition(".")[2]
        if last not in binary.init_functions:
            others = ", ".join(binary.init_functions[:3])
            if others:
                what = f"it is the module {others}"
            elif binary.kind == "executable":
                what = "it is a program"
            else:
                what = f"it is the library {binary.soname}" if binary.soname else "it is a library"
            words = f"dynamic module does not define module export function (PyInit_{last})"
            yield Unloadable(path, module, words, f"{what}, under the name of {last}")
        elif binary.numpy_1 and (numpy := self._numpy_2) and self._facts.owners.get(path) is not numpy:
            yield Unloadable(
                path,
                module,
                "numpy.core.multiarray failed to import",
                f"it was compiled for NumPy 1, and {numpy.distribution.version} is there: a module that was compiled "
                "using NumPy 1.x cannot be run in NumPy 2",
                numpy,
            )

    @cached_property
    def _numpy_2(self) -> Installed | None:
        """The NumPy that is imported, if it is one that modules compiled for NumPy 1 cannot be used with."""
        for one in effective(self._program).get(NUMPY, ()):
            try:
                return one if Version(one.distribution.version).major >= 2 else None  # noqa: PLR2004 - NumPy 2
            except InvalidVersion:
                return None
        return None
