"""The facts of all archives, as the function sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from harness.artifact.bundle import Bundle
from harness.facts.uses import Uses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.artifact.entries import Archive
    from harness.facts.archive import ArchiveFacts
    from harness.facts.binaries import Binary
    from harness.facts.bytecode import Bytecode
    from harness.facts.distributions import Distribution
    from harness.facts.modules import Module
    from harness.facts.revisions import Revision
    from harness.facts.secrets import Secret

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
    def modules(self) -> Mapping[str, Module]:
        """The source files that the function sees: of one that a later layer replaced, only the later."""
        return self._seen(lambda facts: facts.modules)

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
    def revisions(self) -> Mapping[str, Revision]:
        """The migrations that it sees."""
        return {path: module.revision for path, module in self.modules.items() if module.revision}

    @cached_property
    def uses(self) -> Mapping[str, Uses]:
        """What the modules that it sees do with paths; those of distributions are left out."""
        return {path: module.uses for path, module in self.modules.items() if module.uses != Uses()}

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
