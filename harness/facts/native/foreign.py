"""Native files for another system, another machine or another Python."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.tags import Tag, parse_tag

from harness.facts.native.binaries import Format, extension_name, extension_suffixes
from harness.facts.native.loader import fits, is_cut_off, is_musl, musl
from harness.facts.native.roles import NativeFiles, Owner
from harness.facts.python.search import Found, Given, Missing, Portions, Unknown
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.facts.installed.distributions import Distribution
    from harness.facts.native.binaries import Binary, ExtensionName
    from harness.facts.python.program import Program
    from harness.facts.python.search import Resolution
    from harness.facts.python.walk import Reach
    from harness.facts.view import Installed

_DASHES = 2  # of a tag: python-abi-platform
_SYSTEMS = {Format.MACHO: "macOS", Format.PE: "Windows"}


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A native file that Lambda cannot load.

    Attributes:
        built_for: ``macOS (arm64)``, ``CPython 3.11``.
        module: The extension module that it would be.
        instead: What an import of that module finds; None where that is this file, or nothing.
        wanted: How what imports that module is reached, where the import must succeed for a handler to start.
        words: What the import, or the loader, says; nothing where the import succeeds nevertheless.
        is_sure: Whether its package surely has no other way to make the module.
    """

    path: str
    owner: Owner
    built_for: str
    module: str | None
    instead: str | None
    wanted: Reach | None
    words: str
    is_sure: bool = True


class ForeignFiles:
    """The native files of a program that do not fit it."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._natives = NativeFiles(program)
        self._suffixes = extension_suffixes(program.policy.python, program.architecture)

    @cached_property
    def found(self) -> tuple[ForeignFile, ...]:
        """All of them, by path."""
        return tuple(self._found())

    def _found(self) -> Iterator[ForeignFile]:
        for path, binary in sorted(self._program.facts.binaries.items()):
            built_for = self._built_for(path, binary)
            if built_for is None or self._natives.is_astray(path):
                continue
            module = self._natives.module(path) or self._by_name(path, binary)
            found = self._program.search.find(module) if module else None
            if isinstance(found, Given):  # the runtime's comes first, whatever this is
                module = found = None
            instead = found.path if isinstance(found, Found) and found.path != path else None
            yield ForeignFile(
                path,
                self._natives.owner(path),
                built_for,
                module,
                instead,
                self._wanted.get(module) if module and not instead else None,
                _words(path, binary, module, found),
                is_sure=not isinstance(found, Unknown),
            )

    def _built_for(self, path: str, binary: Binary) -> str | None:
        """What a file was made for, if that is not what the function is."""
        if binary.kind == "object" or is_cut_off(binary):
            return None
        if not fits(binary, self._program.architecture):
            system = _SYSTEMS.get(binary.format, "Linux")
            return f"{system} on {' and '.join(binary.machines)}" if binary.machines else system
        if is_musl(binary):
            return "musl, the C library of Alpine Linux"
        named = extension_name(path)
        if named is None or not named.tag or f".{named.tag}.so" in self._suffixes:
            return None
        return self._python(named) or f"what its name calls {named.tag}"

    def _python(self, named: ExtensionName) -> str | None:
        if named.python is None or (named.python == self._program.policy.python and not named.free_threaded):
            return None
        return f"{'free-threaded ' if named.free_threaded else ''}CPython {named.python[0]}.{named.python[1]}"

    def _by_name(self, path: str, binary: Binary) -> str | None:
        """The module that a file without a tag would be, where its format does not show what it defines."""
        name = posixpath.basename(path)
        if binary.format is Format.ELF or not name.endswith((".so", ".pyd")) or name.startswith("lib"):
            return None
        stem = path.rpartition(".")[0]
        return self._program.search.module_name(f"{stem}.py")

    @cached_property
    def _wanted(self) -> Mapping[str, Reach]:
        """The modules that a handler cannot start, or answer, without, each with what imports it first."""
        program = self._program
        found: dict[str, Reach] = {}
        for path, reach in program.graph.reached.items():
            module = program.facts.modules.get(path)
            for one in module.imports if module else ():
                if not one.certain or not program.graph.applies(one, path):
                    continue
                when = program.when(path, one.line) if one.lazy else reach.when
                base = program.graph.absolute(one.module, one.level, path)
                if base is None or when not in {When.AT_START, When.AT_EVENT}:
                    continue
                for name in (base, *(f"{base}.{name}" for name in one.names)):
                    if name not in found or when < found[name].when:
                        found[name] = replace(reach, when=when)
        return found

    def named(self, installed: Installed) -> frozenset[str]:
        """The modules that the sources of a distribution import, certainly or not."""
        program, found = self._program, set[str]()
        for path, owner in program.facts.owners.items():
            if owner is installed and path in program.facts.modules:
                for one in program.facts.modules[path].imports:
                    base = program.graph.absolute(one.module, one.level, path)
                    found.update((base, *(f"{base}.{name}" for name in one.names)) if base else ())
        return frozenset(found)

    @cached_property
    def needed(self) -> Mapping[str, tuple[str, str]]:
        """Files that the loader passes over while it looks for a library, each with its SONAME and what needs it."""
        found: dict[str, tuple[str, str]] = {}
        for native in self._natives.started:
            for absent in self._natives.load(native).absent:
                if absent.unfit:
                    found.setdefault(absent.unfit, (absent.name, absent.by.path))
        return found

    def tagged(self, distribution: Distribution) -> bool:
        """Whether its wheel was for something else, by all of its tags."""
        tags = _tags(distribution)
        return bool(tags) and not any(self._accepts(tag) for tag in tags)

    def _accepts(self, tag: Tag) -> bool:
        machine = {"arm64": "aarch64"}.get(self._program.architecture, self._program.architecture)
        linux = tag.platform.startswith(("manylinux", "linux_")) and tag.platform.endswith(f"_{machine}")
        if not (linux or tag.platform == "any"):
            return False
        major, minor = self._program.policy.python
        if tag.abi == "none" and tag.interpreter.startswith("py"):
            return True
        if tag.abi == "abi3":
            since = tag.interpreter.removeprefix(f"cp{major}")
            return since.isdecimal() and int(since) <= minor
        return tag.interpreter == f"cp{major}{minor}" and tag.abi in {tag.interpreter, "none"}


def is_local(distribution: Distribution) -> bool:
    """Whether its wheel was built for no platform but the machine that built it."""
    tags = _tags(distribution)
    return bool(tags) and all(tag.platform.startswith("linux_") for tag in tags)


def _tags(distribution: Distribution) -> list[Tag]:
    whole = [text for text in distribution.tags if text.count("-") == _DASHES]
    return [tag for text in whole for tag in parse_tag(text)]


def _words(path: str, binary: Binary, module: str | None, found: Resolution | None) -> str:
    """What an import of the module says, or the loader of a file that it is told to load; nothing where that works."""
    if isinstance(found, Found) and found.path != path:
        return ""
    if isinstance(found, Missing | Unknown):
        return f"No module named {module!r}"
    if isinstance(found, Portions):  # a folder of that name, with stubs
        return f"cannot import name … from {module!r} (unknown location)"
    if binary.format is not Format.ELF:
        return f"{path}: invalid ELF header"
    return f"{musl(binary) or path}: cannot open shared object file: No such file or directory"
