"""The distributions that the archives have."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from harness.facts.installed.requirements import holds, parsed
from harness.facts.installed.union import Union
from harness.facts.python.search import Found, Portions
from harness.policy.providers import modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.facts.python.program import Program
    from harness.facts.view import Installed


class Presence(StrEnum):
    """Whether the artifact has a distribution."""

    HERE = "here"
    BARE = "here without its metadata"
    REPLACED = "replaced by another that has its modules"
    RUNTIME = "brought by the runtime"
    ELSEWHERE = "in the archives of other functions"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Built:
    """A distribution in the archives, or the absence of it.

    Attributes:
        installed: It, or what replaces it; what Python finds first.
        path: A module of it that is there without metadata.
    """

    presence: Presence
    installed: Installed | None = None
    path: str | None = None

    @property
    def version(self) -> str | None:
        """Its version, where metadata tells."""
        return self.installed.distribution.version if self.installed and self.presence is Presence.HERE else None


@dataclass(frozen=True)  # without slots: cached properties keep what is computed once in __dict__
class BuiltDistributions:
    """The distributions in the archives of a function, and of the manifest's other functions.

    Attributes:
        program: The archives of the function.
        siblings: Gives those of the other functions.
    """

    program: Program
    siblings: Callable[[], tuple[Program, ...]] = field(default=tuple, compare=False)

    @cached_property
    def union(self) -> Union:
        """The distributions that Python finds in code and layers."""
        return Union(self.program)

    def find(self, name: str) -> Built:
        """Find a distribution in the archives."""
        if found := self.union.installed.get(name):
            return Built(Presence.HERE, found[0])
        if bare := self._by_modules(name):
            return bare
        if name in self.program.policy.preinstalled:
            return Built(Presence.RUNTIME)
        if any(name in union.installed for union in self._elsewhere):
            return Built(Presence.ELSEWHERE)
        return Built(Presence.ABSENT)

    def _by_modules(self, name: str) -> Built | None:
        """Find a distribution without its metadata, by the modules that it is known to have."""
        search, facts = self.program.search, self.program.facts
        for module in (*modules(name), name.replace("-", "_")):
            match search.find(module):
                case Found(path=path) if (owner := facts.owners.get(path)) is None or owner.distribution.key == name:
                    return Built(Presence.BARE, path=path)
                case Found(path=path):
                    return Built(Presence.REPLACED, facts.owners[path], path)
                case Portions(folders=folders) if "." in module or not self._shared(folders):
                    return Built(Presence.BARE, path=folders[0])
                case _:
                    pass
        return None

    @cached_property
    def _elsewhere(self) -> tuple[Union, ...]:
        """The archives of the manifest's other functions: requirements are of all of them together."""
        return tuple(map(Union, self.siblings()))

    def requires(self, name: str, extra: str, environment: Mapping[str, str]) -> Iterator[tuple[str, frozenset[str]]]:
        """The requirements of a built distribution by its metadata, always or with an extra."""
        for installed in self.union.installed.get(name, ()):
            for text in installed.distribution.requires:
                requirement = parsed(text)
                if requirement is None or not holds(requirement.marker, environment, extra):
                    continue
                if not extra or not holds(requirement.marker, environment):
                    yield canonicalize_name(requirement.name), frozenset(requirement.extras)

    def _shared(self, folders: tuple[str, ...]) -> bool:
        """Whether what is in a namespace's folders belongs to distributions that are known."""
        return any(path.startswith(f"{folder}/") for path in self.program.facts.owners for folder in folders)


def same(wanted: str, found: str) -> bool:
    """Whether two versions are one: a build's own label, such as ``+cpu``, counts where both have one."""
    try:
        one, other = Version(wanted), Version(found)
    except InvalidVersion:
        return wanted == found
    return one == other or (not (one.local and other.local) and one.public == other.public)
