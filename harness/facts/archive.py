"""Everything that one archive's bytes say, found in one pass over them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.artifact.reading import files
from harness.artifact.stamp import STAMP
from harness.facts import distributions
from harness.facts.binaries import Binary, read_binary
from harness.facts.bytecode import Bytecode, read_bytecode
from harness.facts.distributions import EDITABLE, Distribution, distribution
from harness.facts.modules import Module, module
from harness.facts.secrets import Secret, secrets
from harness.facts.syntax import syntax_faults

if TYPE_CHECKING:
    from harness.artifact.entries import Archive, Entry
    from harness.artifact.reading import Content

SCHEMA = 9
"""Raised with every change of what is found or how it is written, so that older facts are not taken for newer."""

_LONGEST_TEXT = 1024 * 1024
_LONGEST_SOURCE = 16 * 1024 * 1024
_LONGEST_SHEBANG = 256
# What is kept whole, beside the metadata of distributions and editable installs' finders: what configures paths.
_KEPT = (".pth", "alembic.ini", "pyproject.toml")
_MAGICS = {
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
}


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What is true of the contents of one archive; the keys are names inside it.

    Attributes:
        modules: Every ``.py``.
        binaries: Every ELF, Mach-O and PE file, by content.
        bytecode: Every ``.pyc``.
        distributions: By their metadata, wherever that is.
        shebangs: The first line of files that begin with ``#!``, its line ending included.
        texts: ``.pth`` files, what configures migrations, and the stamp, whole.
        packed: Files that are archives themselves, or compressed, with their format.
        secrets: Files that hold secrets.
    """

    modules: dict[str, Module] = field(default_factory=dict)
    binaries: dict[str, Binary] = field(default_factory=dict)
    bytecode: dict[str, Bytecode] = field(default_factory=dict)
    distributions: tuple[Distribution, ...] = ()
    shebangs: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    packed: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, tuple[Secret, ...]] = field(default_factory=dict)


def analyse(archive: Archive, python: tuple[int, int], scratch: Path, tree: Path | None = None) -> ArchiveFacts:
    """Read an archive for what it says.

    Args:
        archive: An accepted archive.
        python: The version of the runtime, on which the meaning of source code depends.
        scratch: A folder for files that are gone afterwards.
        tree: Where the archive was unpacked to, if it was.

    Raises:
        Refused: The bytes are not what the archive declares.
        OSError: Something cannot be read or written.
    """
    with tempfile.TemporaryDirectory(prefix="facts-", dir=scratch) as folder:
        pass_ = _Pass(python, Path(folder) / "sources")
        for entry, content in files(archive, Path(folder), tree):
            pass_.take(entry, content)
        return pass_.facts()


class _Pass:
    """One pass over the files of an archive."""

    def __init__(self, python: tuple[int, int], sources: Path) -> None:
        self._python = python
        self._sources = sources
        self._names: list[str] = []
        self._metadata: dict[str, dict[str, str]] = {}
        self._facts = ArchiveFacts()

    def take(self, entry: Entry, content: Content) -> None:
        """Note what one file says."""
        name, head = entry.name, bytes(content[:8])
        if binary := read_binary(content):
            self._facts.binaries[name] = binary
        elif name.endswith(".py") and len(content) <= _LONGEST_SOURCE:
            self._take_source(name, bytes(content))
        elif name.endswith(".pyc"):
            self._facts.bytecode[name] = read_bytecode(bytes(content[:16]))
        elif packed := next((kind for magic, kind in _MAGICS.items() if head.startswith(magic)), None):
            self._facts.packed[name] = packed
        if head.startswith(b"#!"):
            line = bytes(content[:_LONGEST_SHEBANG]).splitlines(keepends=True)[0]
            self._facts.shebangs[name] = line.decode("utf-8", "replace")
        if len(content) <= _LONGEST_TEXT:
            self._take_text(name, bytes(content))
            if held := secrets(name, bytes(content)):
                self._facts.secrets[name] = held

    def _take_source(self, name: str, source: bytes) -> None:
        """Put a module aside: how closely it is read depends on whose it is, which only the end of the pass tells."""
        path = self._sources / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source)
        self._names.append(name)

    def _take_text(self, name: str, content: bytes) -> None:
        folder, _, file = name.rpartition("/")
        if folder.endswith(distributions.FOLDERS):
            self._metadata.setdefault(folder, {})[file] = content.decode("utf-8", "replace")
        elif name.endswith(".egg-info"):  # a file instead of a folder: what distutils wrote
            self._metadata[name] = {"PKG-INFO": content.decode("utf-8", "replace")}
        elif file.endswith(_KEPT) or file.startswith(EDITABLE) or name == STAMP:
            self._facts.texts[name] = content.decode("utf-8", "replace")

    def facts(self) -> ArchiveFacts:
        """What was found."""
        found = tuple(distribution(folder, texts) for folder, texts in sorted(self._metadata.items()))
        recorded = {recorded.path for one in found for recorded in one.record or ()}
        faults = syntax_faults(self._sources, self._python) if self._names else {}
        for name in self._names:
            source = (self._sources / name).read_bytes()
            self._facts.modules[name] = module(source, self._python, faults.get(name), recorded=name in recorded)
        return replace(self._facts, distributions=found)
