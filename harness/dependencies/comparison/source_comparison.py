"""An archive of code beside the sources that it is made of."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.artifact.bundle import CODE_ROOT, found_at
from harness.artifact.contents import read_file
from harness.artifact.entries import Kind, Refused
from harness.artifact.stamp import STAMP
from harness.dependencies.source_files import SourceFile, SourceFiles, excluded, is_developers, is_tool, sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.artifact.bundle import Bundle, Item
    from harness.artifact.entries import Archive, Entry
    from harness.facts.python.program import Program
    from harness.manifest import Manifest

_INSTALLED: Final = re.compile(r"(?:^|.*/)(?:[^/]+\.(?:dist-info|egg-info|libs|data)|__pycache__|node_modules)/.*")


@dataclass(frozen=True, slots=True)
class Shift:
    """A difference between the names in an archive and those of its sources.

    Attributes:
        source: The folder below the sources whose content the archive has at its root; empty for themselves.
        archive: The folder of the archive that has what the sources have at their root; the same.
        example: A file, as the archive has it.
    """

    source: str
    archive: str
    example: str


def source_of(manifest: Manifest, code: Archive) -> Path | None:
    """The folder that a code archive is made of, where the manifest says so."""
    for function in manifest.functions:
        if function.source and _is(function.code.path, function.code.text, code):
            return function.source
    if manifest.source and manifest.code and _is(manifest.code.path, manifest.code.text, code):
        return manifest.source
    return None


def _is(path: Path | None, text: str, code: Archive) -> bool:
    return path == code.path if path else text == code.source


@dataclass(frozen=True)  # without slots: what is derived is computed once, and cached properties keep it in __dict__
class Comparison:
    """A code archive beside the folder that it is made of.

    Attributes:
        program: What the archives make; its bundle has a code archive.
        folder: The folder.
        manifest: What stays out of the archive, and which files are stamped.
    """

    program: Program
    folder: Path
    manifest: Manifest

    @property
    def _bundle(self) -> Bundle:
        return self.program.facts.bundle

    @cached_property
    def files(self) -> tuple[SourceFile, ...]:
        """The sources that belong into the archive, and what is for developers."""
        return tuple(one for one in self._sources.files if one.name not in self._stamped)

    @cached_property
    def unread(self) -> tuple[str, ...]:
        """Folders of the sources that were not read to their end, and so not compared; empty for all of them."""
        return self._sources.unread

    @cached_property
    def _sources(self) -> SourceFiles:
        return sources(self.folder, self.manifest.source_excludes, self._left_out)

    @cached_property
    def there(self) -> Mapping[str, Entry]:
        """The entries of the archive, without folders."""
        entries = self._bundle.code.entries if self._bundle.code else ()
        return {entry.name: entry for entry in entries if entry.kind is not Kind.DIRECTORY}

    @cached_property
    def shared(self) -> tuple[SourceFile, ...]:
        """The sources that the archive has, as bytecode too."""
        return tuple(one for one in self.files if self._has(one.name))

    def _has(self, name: str) -> bool:
        return name in self.there or (name.endswith(".py") and f"{name}c" in self.there)

    @cached_property
    def apart(self) -> bool:
        """Whether the two have nothing in common: no module, or where one of them has none, no file."""
        modules = [one for one in self.files if one.name.endswith(".py")]
        if modules and self._own:
            return not any(one.name.endswith(".py") for one in self.shared)
        return not self.shared

    @cached_property
    def shift(self) -> Shift | None:
        """The shift between the two, if they have nothing in common because one has a folder more."""
        mine = Counter[tuple[str, str]]()
        examples: dict[tuple[str, str], str] = {}
        by_base: dict[str, list[str]] = {}
        for name in self._own:
            by_base.setdefault(posixpath.basename(name), []).append(name)
        for one in self.files:
            base = posixpath.basename(one.name)
            for name in by_base.get(base, ()) if base != "__init__.py" else ():
                pair = _prefixes(one.name, name)
                if pair:
                    mine[pair] += 1
                    examples.setdefault(pair, name)
        if not mine:
            return None
        (best, _), *_ = mine.most_common(1)
        return Shift(*best, examples[best])

    @cached_property
    def different(self) -> tuple[SourceFile, ...]:
        """Those whose content is another, what a function does with them first."""
        found = [one for one in self.shared if not is_developers(one.name) and not self._is_same(one)]
        return tuple(sorted(found, key=self._rank))

    @cached_property
    def endings(self) -> tuple[SourceFile, ...]:
        """Those of them that differ by their line endings alone."""
        return tuple(one for one in self.different if self._is_same_text(one))

    @cached_property
    def missing(self) -> tuple[SourceFile, ...]:
        """Those that the archive lacks, and that are not for developers alone."""
        inhabited = {posixpath.dirname(name) for name in self.there}
        lacking = [one for one in self.files if not self._has(one.name) and not is_developers(one.name)]
        found = [one for one in lacking if _is_missed(one.name, inhabited)]
        return tuple(sorted(found, key=self._rank))

    @cached_property
    def extra(self) -> tuple[Item, ...]:
        """The files that only the archive has, and no distribution brought."""
        names = [name for name in self.there if self._is_extra(name)]
        items = (self._bundle.items[f"{CODE_ROOT}/{name}"] for name in sorted(names, key=self._order))
        return tuple(items)

    def _is_extra(self, name: str) -> bool:
        path = f"{CODE_ROOT}/{name}"
        if name in self._stamped or (is_developers(name) and not name.endswith(".pyc")):
            return False
        if excluded(name, self.manifest.source_excludes) or regular_files.exists(self.folder / name):
            return False
        if name.endswith(".py"):
            return path in self.program.own
        if name.endswith(".pyc") and (name[:-1] in self.there or regular_files.exists(self.folder / name[:-1])):
            return False
        if path in self.program.facts.owners or _INSTALLED.fullmatch(name) or self._is_compiled(name):
            return False
        return "/" not in name or name.partition("/")[0] in self._tops

    def _is_compiled(self, name: str) -> bool:
        """Whether a file is made of one that is in the sources: an extension, a catalogue of translations."""
        if name.endswith(".mo"):
            return regular_files.exists(self.folder / f"{name[:-3]}.po")
        return name.endswith(".so") and bool(self.program.facts.distributions)

    @cached_property
    def _own(self) -> tuple[str, ...]:
        """The first-party modules of the code archive, by their names in it."""
        root = f"{CODE_ROOT}/"
        return tuple(sorted(path[len(root) :] for path in self.program.own if path.startswith(root)))

    @cached_property
    def _tops(self) -> frozenset[str]:
        """The folders at the archive's root that are the application's own."""
        names = (*self._own, *(one.name for one in self.files))
        return frozenset(name.partition("/")[0] for name in names if "/" in name)

    @cached_property
    def _stamped(self) -> frozenset[str]:
        """The files whose content is written when the archive is built."""
        paths = (posixpath.normpath(posixpath.join(CODE_ROOT, one.file)) for one in self.manifest.version_stamps)
        return frozenset((STAMP, *(path.removeprefix(f"{CODE_ROOT}/") for path in paths)))

    @cached_property
    def _left_out(self) -> frozenset[Path]:
        """The files that the manifest itself names: none is the application's."""
        manifest = self.manifest
        archives = {manifest.code, *manifest.layers}
        archives |= {one for function in manifest.functions for one in (function.code, *function.layers)}
        paths = [one.path for one in archives if one]
        paths += [manifest.path, manifest.project, *manifest.requirements, *manifest.inputs]
        paths += [event.path for function in manifest.functions for event in function.events]
        return frozenset(path.absolute() for path in paths if path)

    def _order(self, name: str) -> tuple[bool, bool, str]:
        """Sorts files that a handler reaches first, then other modules, then the rest."""
        return f"{CODE_ROOT}/{name}" not in self.program.graph.reached, not name.endswith(".py"), name

    def _rank(self, one: SourceFile) -> tuple[bool, bool, str]:
        return self._order(one.name)

    def _is_same(self, one: SourceFile) -> bool:
        """Whether the archive's file has the same content; bytecode in its place is not opened."""
        item = found_at(self._bundle, f"{CODE_ROOT}/{one.name}")
        if item is None:
            return True
        try:
            if item.archive.is_folder:
                return regular_files.size(one.path) == item.entry.size and _read(one) == _content(item)
            return one.is_same(item.entry.size, item.entry.crc)
        except OSError:
            return True

    def _is_same_text(self, one: SourceFile) -> bool:
        item = found_at(self._bundle, f"{CODE_ROOT}/{one.name}")
        try:
            return item is not None and _plain(_read(one)) == _plain(_content(item))
        except (OSError, Refused):
            return False


def _read(one: SourceFile) -> bytes:
    return regular_files.read(one.path, regular_files.LARGEST_ARCHIVE)


def _content(item: Item) -> bytes:
    return read_file(item.archive, item.entry, max(item.entry.size, 1))


def _plain(content: bytes) -> bytes:
    return content if b"\0" in content else content.replace(b"\r\n", b"\n")


def _prefixes(source: str, archive: str) -> tuple[str, str] | None:
    """The folders before what two names have in common, one of which has none."""
    if source.endswith(f"/{archive}"):
        return source[: -len(archive) - 1], ""
    if archive.endswith(f"/{source}"):
        return "", archive[: -len(source) - 1]
    return None


def _is_missed(name: str, inhabited: set[str]) -> bool:
    """Whether a source that the archive lacks should be there: a module, or a file beside others that are there."""
    folder = posixpath.dirname(name)
    if folder in inhabited:
        return True
    if is_tool(name):
        return False
    return name.endswith(".py") or any(above in inhabited for above in _above(folder))


def _above(folder: str) -> Iterator[str]:
    """The folders that a folder is in, without the root."""
    while folder := posixpath.dirname(folder):
        yield folder
