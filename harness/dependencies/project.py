"""The dependencies of a repository as values; nothing is judged here, and no marker evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from harness.dependencies.urls import masked
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.requirements import Requirement


class MalformedFileError(UsageError):
    """A file of the repository is not what it should be: file, line, and what was expected.

    Credentials of URLs, which a line that is quoted may have, are left out of the message.
    """

    def __init__(self, message: str) -> None:
        super().__init__(masked(message))


class Kind(StrEnum):
    """The purpose of a list of dependencies."""

    MAIN = "main"
    EXTRA = "extra"
    GROUP = "group"


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """A list of dependencies of a project: the main one, an extra, or a group such as ``dev``."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        """Its name in a message: ``main``, ``extra postgres``, ``group dev``."""
        return f"{self.kind} {self.name}" if self.name else str(self.kind)


MAIN = Group(Kind.MAIN)


def pin(requirement: Requirement) -> str | None:
    """The one version that a requirement lets in, where it is pinned with ``==``."""
    pins = [one for one in requirement.specifier if one.operator in {"==", "==="}]
    return next((one.version for one in pins if not one.version.endswith(".*")), None)


@dataclass(frozen=True, slots=True)
class Asked:
    """A dependency that a file asks for.

    Attributes:
        name: Normalised.
        requirement: Its name, extras, specifier, marker and URL (PEP 508).
        text: As it is written, on one line and without hashes.
        where: ``pyproject.toml:12``.
        group: The list that it is in; of a requirements file always the main one.
        hashed: Whether the hashes of what may be installed stand beside it.
        editable: Whether it is installed as a link to its sources.
        fixed: Whether its URL names certain bytes: a file with its hash, a full commit.
        folder: Of the repository, that it is installed from; its name in a message.
    """

    name: str
    requirement: Requirement
    text: str
    where: str
    group: Group = MAIN
    hashed: bool = False
    editable: bool = False
    fixed: bool = False
    folder: str | None = None

    @property
    def version(self) -> str | None:
        """The one version that it lets in, where it is pinned with ``==``."""
        return pin(self.requirement)


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A line that asks for something without saying its name: a local path, a URL."""

    text: str
    where: str
    editable: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """The declarations of a ``pyproject.toml`` or a ``Pipfile``.

    Attributes:
        path: The file.
        shown: Its name in a message.
        name: The project's own, normalised, where it has one.
        asked: Everything that is asked for, in every list; groups that are included in others, in each of them.
        requires_python: The specifier of ``requires-python`` (a Poetry constraint as its equivalent).
        requires_python_where: The place of that.
        tool: Who manages it: ``poetry``, ``uv``, ``pdm``, ``pipenv``; None where nothing tells.
        dynamic: Whether the build back-end computes the main list, so that it is not known here.
        group_tables: How each list is written, for a remedy: ``[project] dependencies``,
            ``[tool.poetry.group.dev.dependencies]``.
    """

    path: Path
    shown: str
    name: str | None = None
    asked: tuple[Asked, ...] = ()
    requires_python: str | None = None
    requires_python_where: str | None = None
    tool: str | None = None
    dynamic: bool = False
    group_tables: Mapping[Group, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A dependency of a locked distribution.

    Attributes:
        name: Normalised.
        extras: Those that are asked of it.
        marker: The condition under which it holds (PEP 508), as text.
        extra: The extra of the dependent that it belongs to; empty for its unconditional dependencies.
        version: Of which entry of the lock, where it has several of the name.
    """

    name: str
    extras: frozenset[str] = frozenset()
    marker: str | None = None
    extra: str = ""
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of a lock.

    Attributes:
        name: Normalised.
        version: None where it is locked to a path or a commit without one.
        where: ``poetry.lock:598``.
        groups: The lists of the project that need it; None where the lock does not say.
        marker: When it is installed at all (PEP 508), as text; ``by_group`` narrows it.
        by_group: The same for each list apart, where the lock tells them apart.
        dependencies: What it depends on; None where the lock does not say of any entry.
        url: Where it is from, if that is no index: a repository with its commit, a folder, a file.
        requires_python: As it is locked.
    """

    name: str
    version: str | None
    where: str
    groups: frozenset[Group] | None = None
    marker: str | None = None
    by_group: Mapping[Group, str] = field(default_factory=dict)
    dependencies: tuple[Edge, ...] | None = None
    url: str | None = None
    requires_python: str | None = None

    @property
    def lists(self) -> frozenset[Group]:
        """The lists that need it; a lock that does not say may mean any."""
        return frozenset({MAIN}) if self.groups is None else self.groups


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file.

    Attributes:
        path: The file.
        shown: Its name in a message.
        tool: Who writes it: ``poetry``, ``uv``, ``pdm``, ``pip`` (``pylock.toml``), ``pipenv``.
        version: Of its format.
        packages: Its entries; several of one name where they hold under different conditions.
        roots: What the project itself asks for, by list, where the lock says that (uv); else None, and the
            declaration tells.
        requires_python: For which versions it was made.
    """

    path: Path
    shown: str
    tool: str
    version: str
    packages: tuple[Locked, ...] = ()
    roots: Mapping[Group, tuple[Edge, ...]] | None = None
    requires_python: str | None = None


@dataclass(frozen=True, slots=True)
class UnknownLock:
    """A lock file whose format this release does not know: nothing is guessed from it.

    Attributes:
        reason: One sentence: the file, its version, those that are known, what to do.
    """

    path: Path
    shown: str
    reason: str


AnyLock: TypeAlias = Lock | UnknownLock


@dataclass(frozen=True, slots=True)
class BuildInput:
    """The build input: the requirements files that archives are installed from, with those that they include.

    Attributes:
        files: Every file that was read, included ones too, in the order of reading.
        shown: The names in a message of those that the manifest lists.
        asked: The requirements.
        constraints: Those of constraints files.
        unnamed: What asks for something without a name, or names a folder that computes what it needs.
        needed: What the folders of the repository need that lines name.
    """

    files: tuple[Path, ...] = ()
    shown: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    constraints: tuple[Asked, ...] = ()
    unnamed: tuple[Unnamed, ...] = ()
    needed: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """A folder that modules of the code archive may be copied from, and its name in a message."""

    path: Path
    shown: str


@dataclass(frozen=True, slots=True)
class Project:
    """The dependencies of a manifest's repository.

    Attributes:
        declared: What is declared; None where the manifest names no project.
        lock: The lock beside it, or the one that is named as what the archives are built from.
        build: What the archives are built from; None where the manifest names nothing.
        built_from_lock: Whether that is the lock itself.
        sources: Where first-party modules are looked for that no archive has.
    """

    declared: Declared | None = None
    lock: AnyLock | None = None
    build: BuildInput | None = None
    built_from_lock: bool = False
    sources: tuple[Sources, ...] = ()
