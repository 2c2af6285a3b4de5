"""The facts of all archives, as the function sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from harness.artifact.bundle import Bundle
from harness.facts.python.file_uses import Uses
from harness.facts.python.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.artifact.entries import Archive
    from harness.facts.archive import ArchiveFacts
    from harness.facts.files.secrets import Secret
    from harness.facts.installed.distributions import Distribution
    from harness.facts.migrations.revisions import Revision
    from harness.facts.native.binaries import Binary
    from harness.facts.python.bytecode import Bytecode
    from harness.facts.python.sources import Sources
    from harness.facts.python.syntax import SyntaxFault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Installed:
    """A distribution, and where it is.

    Attributes:
        archive: Which archive it came in.
        root: Where that archive stands: ``/var/task`` or ``/opt``.
    """

    distribution: Distribution
    archive: Archive
    root: str

    @property
    def folder(self) -> str:
        """Its ``.dist-info``, as in the function."""
        return f"{self.root}/{self.distribution.folder}"

    @property
    def site(self) -> str:
        """The folder that it is installed in, as in the function."""
        return self.folder.rpartition("/")[0]

    @property
    def where(self) -> str:
        """Its place for a message."""
        return f"{self.archive.source}{'/' if self.archive.is_folder else '!'}{self.distribution.folder}"


class Modules(Mapping[str, Module]):
    """What each source file says, by the path that the function sees; read when it is asked for."""

    def __init__(self, places: Mapping[str, tuple[Sources, str]]) -> None:
        """Give each path its archive's sources, and its name there."""
        self._places = places

    def __getitem__(self, path: str) -> Module:
        """What a file says."""
        sources, name = self._places[path]
        return sources[name]

    def __contains__(self, path: object) -> bool:
        """Whether there is such a file; reads nothing."""
        return path in self._places

    def __iter__(self) -> Iterator[str]:
        """The paths."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)

    def may_bind(self, path: str, name: str, package: str | None) -> bool:
        """Whether a file may have a name at its level; see ``module_names.may_bind``.

        Raises:
            OSError: The archive cannot be read any more.
        """
        sources, source = self._places[path]
        return sources.may_bind(source, name, package)

    def faults(self, paths: Iterable[str]) -> dict[str, SyntaxFault]:
        """Why some files do not compile for the runtime; without those that do.

        Raises:
            OSError: They cannot be judged.
        """
        asked: dict[int, tuple[Sources, dict[str, str]]] = {}
        for path in paths:
            sources, name = self._places[path]
            asked.setdefault(id(sources), (sources, {}))[1][name] = path
        found = ((names, sources.faults(names)) for sources, names in asked.values())
        return {names[name]: fault for names, faults in found for name, fault in faults.items()}


@dataclass(frozen=True)  # without slots: what is derived is computed once, and cached properties keep it in __dict__
class Facts:
    """What the archives of a function say, by the paths that it sees.

    Attributes:
        bundle: The archives.
        of: The facts of each archive, in the order of ``bundle.archives``.
    """

    bundle: Bundle = field(default_factory=Bundle)
    of: tuple[ArchiveFacts, ...] = ()

    @cached_property
    def modules(self) -> Modules:
        """The source files that the function sees: of one that a later layer replaced, only the later."""
        return Modules(self._seen(lambda facts: {name: (facts.modules, name) for name in facts.modules}))

    @cached_property
    def notable(self) -> frozenset[str]:
        """The source files that look something up in the metadata of distributions, or that may be migrations."""
        return frozenset(self._seen(lambda facts: dict.fromkeys(facts.notable, True)))

    @cached_property
    def unrecorded(self) -> tuple[str, ...]:
        """The source files that no distribution brought, by its RECORD."""
        return tuple(self._seen(lambda facts: dict.fromkeys(set(facts.modules) - facts.recorded, 0)))

    @cached_property
    def binaries(self) -> Mapping[str, Binary]:
        """The executables and libraries that it sees."""
        return self._seen(lambda facts: facts.binaries)

    @cached_property
    def bytecode(self) -> Mapping[str, Bytecode]:
        """The ``.pyc`` files that it sees."""
        return self._seen(lambda facts: facts.bytecode)

    @cached_property
    def shebangs(self) -> Mapping[str, str]:
        """The first lines of the scripts that it sees."""
        return self._seen(lambda facts: facts.shebangs)

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The configuration files that it sees, whole."""
        return self._seen(lambda facts: facts.texts)

    @cached_property
    def packed(self) -> Mapping[str, str]:
        """The archives inside the archives, with their format."""
        return self._seen(lambda facts: facts.packed)

    @cached_property
    def pointers(self) -> Mapping[str, int]:
        """The pointers of Git LFS that it sees, with the sizes of what they stand for."""
        return self._seen(lambda facts: facts.pointers)

    @cached_property
    def impostors(self) -> Mapping[str, str]:
        """The files with the name of a library that are none, with what they are."""
        return self._seen(lambda facts: facts.impostors)

    @cached_property
    def revisions(self) -> Mapping[str, Revision]:
        """The migrations that it sees."""
        found = ((path, self.modules[path].revision) for path in self.modules if path in self.notable)
        return {path: revision for path, revision in found if revision}

    @cached_property
    def uses(self) -> Mapping[str, Uses]:
        """What the modules that it sees do with paths; those of distributions are left out."""
        found = ((path, self.modules[path].uses) for path in self.unrecorded)
        return {path: uses for path, uses in found if uses != Uses()}

    @cached_property
    def secrets(self) -> Mapping[str, tuple[Secret, ...]]:
        """The files that hold secrets, of those that it sees."""
        return self._seen(lambda facts: facts.secrets)

    @cached_property
    def distributions(self) -> tuple[Installed, ...]:
        """Every distribution of every archive whose metadata the function sees, wherever that is."""
        return tuple(
            Installed(distribution, archive, root)
            for (root, archive), facts in zip(self.bundle.rooted, self.of, strict=True)
            for distribution in facts.distributions
            if any(
                self._wins(f"{root}/{distribution.folder}{file}", archive)
                for file in ("/METADATA", "/PKG-INFO", "/RECORD", "/WHEEL", "/INSTALLER", "")
            )
        )

    @cached_property
    def owners(self) -> Mapping[str, Installed]:
        """The distribution that each recorded file belongs to."""
        return {
            f"{installed.root}/{recorded.path}": installed
            for installed in self.distributions
            for recorded in installed.distribution.record or ()
        }

    def _seen(self, what: Callable[[ArchiveFacts], Mapping[str, T]]) -> Mapping[str, T]:
        return {
            path: value
            for (root, archive), facts in zip(self.bundle.rooted, self.of, strict=True)
            for name, value in what(facts).items()
            if self._wins(path := f"{root}/{name}", archive)
        }

    def _wins(self, path: str, archive: Archive) -> bool:
        item = self.bundle.items.get(path)
        return item is not None and item.archive is archive
