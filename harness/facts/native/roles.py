"""The role of each native file: what loads it, and whose it is."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT, LAYER_ROOT
from harness.facts.native.binaries import extension_name
from harness.facts.native.loader import Loader, is_musl
from harness.facts.python.search import Found
from harness.facts.python.startup import sure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.facts.native.loader import Load
    from harness.facts.python.program import Program
    from harness.facts.python.walk import Reach
    from harness.facts.view import Installed

EXTENSIONS = f"{LAYER_ROOT}/extensions"
_BIN = (f"{LAYER_ROOT}/bin/", f"{CODE_ROOT}/bin/")


class Role(StrEnum):
    """What loads a native file."""

    MODULE = "an import"
    AGENT = "Lambda, as an extension"
    PROGRAM = "a program of the function"
    LIBRARY = "code that opens it"


@dataclass(frozen=True, slots=True)
class NativeFile:
    """A native file for this system and machine that is loaded for its own sake.

    Attributes:
        module: The name under which it is imported, where that is its use.
        reach: How it is reached, where a handler cannot start, or answer, without it.
    """

    path: str
    use: Role
    module: str | None = None
    reach: Reach | None = None

    @property
    def is_certain(self) -> bool:
        """Whether it is loaded by every start, or for every event."""
        return self.reach is not None or self.use is Role.AGENT


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a file is: a distribution's, or, where no record says so, that of the folder that it is in.

    Attributes:
        name: ``pydantic_core 2.41.5``, or the folder: ``/opt/lib``.
    """

    name: str
    installed: Installed | None = None


class NativeFiles:
    """The native files of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._binaries = program.facts.binaries
        self.loader = Loader(program)

    def module(self, path: str) -> str | None:
        """The name under which a file would be imported if it were an extension that fits; None for any other file.

        A file without a tag in its name is one if it defines what an extension must.
        """
        named = extension_name(path)
        if named is None:
            return None
        binary = self._binaries[path]
        if not (named.tag or named.module in binary.init_functions):
            return None
        return self._program.search.module_name(f"{posixpath.dirname(path)}/{named.module}.py")

    @cached_property
    def modules(self) -> tuple[NativeFile, ...]:
        """The extension modules that an import takes."""
        return tuple(self._modules())

    def _modules(self) -> Iterator[NativeFile]:
        search = self._program.search
        for path in sorted(self._binaries):
            name = self.module(path) if self._is_ours(path) else None
            found = search.find(name) if name else None
            if isinstance(found, Found) and found.path == path:
                yield NativeFile(path, Role.MODULE, name, sure(path, self._program))

    @cached_property
    def started(self) -> tuple[NativeFile, ...]:
        """What is loaded for its own sake: modules, programs, Lambda extensions, libraries that nothing else needs."""
        modules = {native.path: native for native in self.modules}
        others = [path for path in sorted(self._binaries) if path not in modules and self._is_ours(path)]
        loaded = [*modules, *others]
        needed = {mapped.path for path in loaded for mapped in self.loader.load(path).mapped[1:]}
        natives = (NativeFile(path, self._use(path)) for path in others)
        free = (native for native in natives if native.path not in needed or native.use is not Role.LIBRARY)
        return (*self.modules, *free)

    @cached_property
    def needed(self) -> Mapping[str, NativeFile]:
        """The libraries that another file needs, each with one that does, the most certain first."""
        found: dict[str, NativeFile] = {}
        for native in sorted(self.started, key=lambda one: (not one.is_certain, one.use is not Role.MODULE)):
            for mapped in self.loader.load(native.path).mapped[1:]:
                found.setdefault(mapped.path, native)
        return found

    def load(self, native: NativeFile) -> Load:
        """What it takes to load it."""
        return self.loader.load(native.path)

    def _is_ours(self, path: str) -> bool:
        return self.loader.fits(path) and not is_musl(self._binaries[path]) and not self.is_astray(path)

    def is_astray(self, path: str) -> bool:
        """Whether a file is an extension module in a folder that no import leads to, such as ``node_modules``."""
        named, program = extension_name(path), self._program
        if named is None or not named.tag:
            return False
        if "/node_modules/" in path:  # whatever code adds to the search path, it is not that
            return True
        known = not program.added.unknown and not program.added.outside
        return known and program.widest.module_name(f"{posixpath.dirname(path)}/{named.module}.py") is None

    def _use(self, path: str) -> Role:
        if posixpath.dirname(path) == EXTENSIONS:
            return Role.AGENT
        if path.startswith(_BIN) or self._binaries[path].interpreter:
            return Role.PROGRAM
        return Role.LIBRARY

    def owner(self, path: str) -> Owner:
        """Whose a file is."""
        owners = self._program.facts.owners
        installed = owners.get(path) or owners.get(f"{posixpath.dirname(path)}/__init__.py") or self._unrecorded(path)
        if installed:
            return Owner(f"{installed.distribution.name} {installed.distribution.version}", installed)
        site = next((folder for folder in self._sites if path.startswith(f"{folder}/")), None)
        if site is None:
            return Owner(posixpath.dirname(path))
        top = path[len(site) + 1 :].partition("/")[0]
        return Owner(site if f"{site}/{top}" == path else f"{site}/{top}")

    def _unrecorded(self, path: str) -> Installed | None:
        """The distribution without a RECORD that says itself that the file's package is its own."""
        for installed in self._program.facts.distributions:
            if installed.distribution.record is None and path.startswith(f"{installed.site}/"):
                top = path[len(installed.site) + 1 :].split("/", maxsplit=1)[0].partition(".")[0]
                if top in {*installed.distribution.top_level, installed.distribution.key.replace("-", "_")}:
                    return installed
        return None

    @cached_property
    def _sites(self) -> tuple[str, ...]:
        return tuple(sorted(self._program.search.path, key=len, reverse=True))
