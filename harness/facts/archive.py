"""Everything that an archive's bytes say, read in one pass."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import regular_files
from harness.artifact.content_digest import ContentDigest
from harness.artifact.contents import files, read_file
from harness.artifact.stamp import STAMP
from harness.facts.files.impostors import impostor, pointer
from harness.facts.files.secrets import Secret, secrets
from harness.facts.installed import distributions
from harness.facts.installed.distributions import EDITABLE, Distribution, distribution
from harness.facts.native.binaries import Binary, read_binary
from harness.facts.python.bytecode import Bytecode, read_bytecode
from harness.facts.python.module import notable
from harness.facts.python.sources import LONGEST, Sources
from harness.facts.python.wrapped_handlers import TOOLS

if TYPE_CHECKING:
    from harness.artifact.contents import Content
    from harness.artifact.entries import Archive, Entry
    from harness.facts.python.sources import Known

_LONGEST_TEXT = 1024 * 1024
_LONGEST_SHEBANG = 256
_LONGEST_SCRIPT = 64 * 1024
# What is kept whole, beside the metadata of distributions and editable installs' finders: what configures paths, and
# what names handlers.
_KEPT = (".pth", "alembic.ini", "pyproject.toml", *(tool.file for tool in TOOLS))
_MAGICS = {
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What is true of the contents of one archive without reading its sources; the keys are names inside it.

    Attributes:
        sources: Every ``.py``, in the archive's order.
        notable: Those that look something up in the metadata of distributions, or that may be migrations.
        binaries: Every ELF, Mach-O and PE file, by content.
        bytecode: Every ``.pyc``.
        distributions: By their metadata, wherever that is.
        shebangs: The first line of files that begin with ``#!``, its line ending included.
        texts: ``.pth`` files, what configures migrations or names handlers, scripts that set ``PYTHONPATH``, and the
            stamp, whole.
        packed: Files that are archives themselves, or compressed, with their format.
        pointers: Pointers of Git LFS, each with the size of the file that it stands for.
        impostors: Files with the name of a library that are neither ELF nor Mach-O nor PE, with what they are.
        secrets: Files that hold secrets.
        digest: SHA-256 of what is unpacked, in hexadecimal: see ``ContentDigest.of``; empty where nothing was read.
    """

    sources: tuple[str, ...] = ()
    notable: tuple[str, ...] = ()
    binaries: dict[str, Binary] = field(default_factory=dict)
    bytecode: dict[str, Bytecode] = field(default_factory=dict)
    distributions: tuple[Distribution, ...] = ()
    shebangs: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    packed: dict[str, str] = field(default_factory=dict)
    pointers: dict[str, int] = field(default_factory=dict)
    impostors: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, tuple[Secret, ...]] = field(default_factory=dict)
    digest: str = ""

    @property
    def recorded(self) -> frozenset[str]:
        """The files that distributions brought, by their RECORD."""
        return frozenset(recorded.path for one in self.distributions for recorded in one.record or ())


@dataclass(frozen=True, slots=True)
class ArchiveFacts(Contents):
    """What is true of the contents of one archive.

    Attributes:
        modules: Every ``.py``, read when it is asked for.
    """

    modules: Sources = field(default_factory=Sources)


def contents_of(archive: Archive, scratch: Path, tree: Path | None = None) -> Contents:
    """Read an archive for what it says, in one pass.

    Args:
        archive: An accepted archive.
        scratch: A folder for files that are gone afterwards.
        tree: Where the archive was unpacked to, if it was.

    Raises:
        Refused: The bytes are not what the archive declares.
        OSError: Something cannot be read or written.
    """
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=scratch) as folder:
        pass_ = _Pass()
        for entry, content in files(archive, Path(folder), tree):
            pass_.take(entry, content)
        return pass_.contents(archive)


def analyse(archive: Archive, python: tuple[int, int], scratch: Path, tree: Path | None = None) -> ArchiveFacts:
    """Everything that an archive says; for the arguments and what it raises see ``contents_of`` and ``described``."""
    return described(archive, contents_of(archive, scratch, tree), python, tree, scratch=scratch)


def described(  # noqa: PLR0913, PLR0917 - what is known, and where
    archive: Archive,
    contents: Contents,
    python: tuple[int, int],
    tree: Path | None = None,
    known: Known | None = None,
    scratch: Path | None = None,
) -> ArchiveFacts:
    """The facts of an archive, which read its sources when they are asked for.

    Args:
        archive: The archive.
        contents: What is known without.
        python: The version of the runtime, on which the meaning of source code depends.
        tree: Where the archive was unpacked to, if it was.
        known: What was found of its sources before.
        scratch: A folder for files that are gone afterwards; None for the system's.
    """
    entries = {entry.name: entry for entry in archive.files}
    root = archive.path if archive.is_folder else tree

    def content(name: str) -> bytes:
        return regular_files.read(root / name, LONGEST) if root else read_file(archive, entries[name], LONGEST)

    sources = Sources(contents.sources, contents.recorded, python, content, known, scratch)
    return ArchiveFacts(**{one.name: getattr(contents, one.name) for one in fields(contents)}, modules=sources)


def _changes_path(content: bytes) -> bool:
    """Whether it is a script that says where Python is to look for modules."""
    return content.startswith(b"#!") and len(content) <= _LONGEST_SCRIPT and b"PYTHONPATH=" in content


class _Pass:
    """One pass over the files of an archive."""

    def __init__(self) -> None:
        self._sources: list[str] = []
        self._notable: list[str] = []
        self._metadata: dict[str, dict[str, str]] = {}
        self._facts = Contents()
        self._digest = ContentDigest()

    def take(self, entry: Entry, content: Content) -> None:
        """Note what one file says."""
        name, head = entry.name, bytes(content[:8])
        self._digest.add(entry, content)
        if binary := read_binary(content):
            self._facts.binaries[name] = binary
        elif kind := impostor(name, content):
            self._facts.impostors[name] = kind
        elif name.endswith(".py") and len(content) <= LONGEST:
            self._sources.append(name)
            if notable(bytes(content)):
                self._notable.append(name)
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

    def _take_text(self, name: str, content: bytes) -> None:
        if (size := pointer(content)) is not None:
            self._facts.pointers[name] = size
        folder, _, file = name.rpartition("/")
        if folder.endswith(distributions.FOLDERS):
            self._metadata.setdefault(folder, {})[file] = content.decode("utf-8", "replace")
        elif name.endswith(".egg-info"):  # a file instead of a folder: what distutils wrote
            self._metadata[name] = {"PKG-INFO": content.decode("utf-8", "replace")}
        elif file.endswith(_KEPT) or file.startswith(EDITABLE) or name == STAMP or _changes_path(content):
            self._facts.texts[name] = content.decode("utf-8", "replace")

    def contents(self, archive: Archive) -> Contents:
        """What was found."""
        return replace(
            self._facts,
            sources=tuple(self._sources),
            notable=tuple(self._notable),
            distributions=tuple(distribution(folder, texts) for folder, texts in sorted(self._metadata.items())),
            digest=self._digest.of(archive),
        )
