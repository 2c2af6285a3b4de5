"""The dynamic loader's search: the file that it takes for a library, and the libraries that it does not find."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT
from harness.artifact.entries import Kind
from harness.facts.native.binaries import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.facts.native.binaries import Binary
    from harness.facts.python.program import Program

LIBRARY_PATH = "LD_LIBRARY_PATH"
# Folders of the runtime itself: what is in them is the policy's to say.
_GIVEN = frozenset({"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/var/lang/lib", "/var/runtime", "/var/runtime/lib"})
_LAST = "/lib64"
_MOST_HOPS = 40  # as many links as the kernel follows
_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))")
_MUSL = re.compile(r"(?:libc\.musl-|ld-musl-).*|libc\.so")  # the last as Rust's compiler names it; glibc's is libc.so.6


@dataclass(frozen=True, slots=True)
class Mapped:
    """A file of the archives that the loader maps, and on whose behalf; None for the one that was asked for."""

    path: str
    parent: Mapped | None = None

    @property
    def chain(self) -> tuple[str, ...]:
        """The files from the one that was asked for to this one."""
        return (*(self.parent.chain if self.parent else ()), self.path)


@dataclass(frozen=True, slots=True)
class Absent:
    """A library that is looked for in vain.

    Attributes:
        name: As it is asked for: its SONAME.
        by: What needs it.
        unfit: A file of that name which is where the loader looks, and is none for this machine.
    """

    name: str
    by: Mapped
    unfit: str | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What it takes to load one file.

    Attributes:
        mapped: The files of the archives, the one that was asked for first.
        absent: What is not found.
        shipped: The libraries, by the name they are asked for, that the archives provide; what is neither here nor
            absent is the system's.
    """

    mapped: tuple[Mapped, ...]
    absent: tuple[Absent, ...]
    shipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Unfit:
    """A file that the loader passes over."""

    path: str


class Loader:
    """glibc's search for libraries, over the paths that a function sees.

    The order is DT_RPATH (of an object without DT_RUNPATH, and of those that led to it), LD_LIBRARY_PATH, DT_RUNPATH,
    the system's folders. What has been loaded once answers to its name and to its SONAME.
    """

    def __init__(self, program: Program) -> None:
        self._architecture = program.architecture
        self._binaries = program.facts.binaries
        self._items = program.facts.bundle.items
        self._system = program.policy.system_libraries
        image = dict(program.policy.image_environment)
        declared = dict(program.environment)
        stated = declared.get(LIBRARY_PATH, image.get(LIBRARY_PATH, ""))
        self.library_path = tuple(posixpath.normpath(folder) for folder in stated.split(":") if folder)
        self._loads: dict[str, Load] = {}

    def fits(self, path: str) -> bool:
        """Whether a file is a shared library or an executable for this system and this machine."""
        binary = self._binaries.get(path)
        return binary is not None and fits(binary, self._architecture)

    def load(self, path: str) -> Load:
        """What it takes to load a file, which fits."""
        if path not in self._loads:
            self._loads[path] = self._load(path)
        return self._loads[path]

    def opens(self, name: str) -> bool:
        """Whether it finds a library that Python code opens by its name alone."""
        folders = (*self.library_path, _LAST)
        given = any(folder in _GIVEN for folder in folders) and name in self._system
        return given or any(self._behind(f"{folder}/{name}") for folder in folders if folder not in _GIVEN)

    def _load(self, path: str) -> Load:
        start = Mapped(path)
        waiting, absent = [start], dict[str, Absent]()
        given = set[str]()
        shipped = dict.fromkeys(self._names(path), path)
        for by in waiting:  # grows on the way: the loader goes breadth first
            for name in self._binaries[by.path].needed:
                if name in shipped or name in given or name in absent:
                    continue
                found = self._find(name, by)
                if found is None:
                    given.add(name)
                elif isinstance(found, _Unfit):
                    absent[name] = Absent(name, by, found.path or None)
                else:
                    if all(one.path != found for one in waiting):
                        waiting.append(Mapped(found, by))
                    shipped |= dict.fromkeys((name, *self._names(found)), found)
        return Load(tuple(waiting), tuple(absent.values()), tuple(shipped.items()))

    def _names(self, path: str) -> Iterator[str]:
        if soname := self._binaries[path].soname:
            yield soname

    def _find(self, name: str, by: Mapped) -> str | _Unfit | None:
        """The file that is taken, None where it is the system's, or what was passed over."""
        if "/" in name:
            folders: Iterable[str] = (posixpath.join(CODE_ROOT, posixpath.dirname(name)),)
            name = posixpath.basename(name)
        else:
            folders = self._folders(by)
        passed_over = ""
        for folder in folders:
            if folder in _GIVEN:
                if name in self._system:
                    return None
                continue
            path = self._behind(posixpath.normpath(f"{folder}/{name}"))
            if path and self.fits(path):
                return path
            passed_over = passed_over or path or ""
        return _Unfit(passed_over)

    def _folders(self, by: Mapped) -> Iterator[str]:
        own = self._binaries[by.path]
        link: Mapped | None = by
        while link is not None and not own.runpath:
            binary = self._binaries[link.path]
            yield from () if binary.runpath else self._expanded(binary.rpath, link.path)
            link = link.parent
        yield from self.library_path
        yield from self._expanded(own.runpath, by.path)
        yield _LAST

    def _expanded(self, folders: Sequence[str], path: str) -> Iterator[str]:
        """The folders of a DT_RPATH or DT_RUNPATH."""
        tokens = {"ORIGIN": posixpath.dirname(path), "LIB": "lib64", "PLATFORM": self._architecture}
        for folder in folders:
            full = _TOKEN.sub(lambda match: tokens[match[1] or match[2]], folder)
            yield posixpath.normpath(posixpath.join(CODE_ROOT, full))

    def _behind(self, path: str) -> str | None:
        """The file that a path leads to, through symbolic links."""
        for _ in range(_MOST_HOPS):
            item = self._items.get(path)
            if item is None or item.entry.kind is Kind.DIRECTORY:
                return None
            if item.entry.kind is Kind.FILE:
                return path
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), item.entry.target or ""))
        return None

    @cached_property
    def by_name(self) -> Mapping[str, tuple[str, ...]]:
        """The libraries of the archives that fit, by file name and by SONAME, wherever they are."""
        found: dict[str, list[str]] = defaultdict(list)
        for path, binary in sorted(self._binaries.items()):
            if self.fits(path):
                for name in {posixpath.basename(path), binary.soname or posixpath.basename(path)}:
                    found[name].append(path)
        return {name: tuple(paths) for name, paths in found.items()}


def fits(binary: Binary, architecture: str) -> bool:
    """Whether Lambda's loader takes a file: ELF, for the architecture, and no object file."""
    return binary.format is Format.ELF and architecture in binary.machines and binary.kind != "object"


def is_cut_off(binary: Binary) -> bool:
    """Whether a file ends before the header of an ELF file does."""
    return binary.format is Format.ELF and not binary.machines


def is_musl(binary: Binary) -> bool:
    """Whether a file was linked with musl instead of glibc."""
    return musl(binary) is not None or "ld-musl-" in (binary.interpreter or "")


def musl(binary: Binary) -> str | None:
    """The name by which a file needs musl, if it does."""
    return next((name for name in binary.needed if _MUSL.fullmatch(name)), None)
