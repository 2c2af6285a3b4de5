"""A lock file that was parsed: its entries' names and lines, and the sentences about what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from packaging.utils import canonicalize_name

from harness.dependencies.project import Edge, Lock, MalformedFileError, UnknownLock
from harness.dependencies.text_files import convert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.dependencies.project import Declared, Group, Locked

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_REQUIREMENT = re.compile(
    rf"\s*(?P<name>{_NAME.pattern})\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"(?:@\s*(?P<url>\S+)(?P<gap>\s+|$)|(?P<version>[^;@]*))(?:;(?P<marker>.*))?",
    re.DOTALL,
)
T = TypeVar("T")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock file that was parsed.

    Attributes:
        path: The file.
        shown: Its name in a message.
        text: Its content.
        document: The TOML or JSON document that the text is.
        declared: The project beside it.
    """

    path: Path
    shown: str
    text: str
    document: Any
    declared: Declared | None = None

    def convert(self, expected: type[T]) -> T:
        """The document, or the part of it that a Struct names; MalformedFileError where it does not fit."""
        return convert(self.document, expected, self.text, self.shown)

    def unknown(self, version: object, known: str) -> UnknownLock:
        """The result for a version of the format that this release does not know."""
        reason = f"{self.shown}: format {version}, and this release knows {known}: what is locked was not compared"
        remedy = "use a release of lambda-artifact-harness that knows it, or leave this check out with --skip"
        return UnknownLock(self.path, self.shown, f"{reason}; {remedy}")

    def lock(
        self,
        tool: str,
        version: object,
        packages: Iterable[Locked],
        requires_python: str | None,
        roots: Mapping[Group, tuple[Edge, ...]] | None = None,
    ) -> Lock:
        """The lock with these entries."""
        return Lock(self.path, self.shown, tool, str(version), tuple(packages), roots, requires_python)

    def placed(self, table: str, entries: Sequence[N]) -> list[tuple[N, str, str]]:
        """The entries of an array of tables, each with its normalised name and its place: ``poetry.lock:598``."""
        places = self._places(table, len(entries))
        return [(entry, normalised(entry.name, where), where) for entry, where in zip(entries, places, strict=True)]

    def _places(self, table: str, count: int) -> tuple[str, ...]:
        """The lines of all entries' names, found in one search, since a lock may have thousands.

        Where the file is not laid out as its tool writes it, with a header for each entry, each place is the file
        alone.
        """
        lines: list[int] = []
        line, position, named = 1, 0, True
        for found in re.finditer(rf"^[ \t]*(?:\[\[[ \t]*{table}[ \t]*\]\]|(name)[ \t]*=)", self.text, re.MULTILINE):
            line += self.text.count("\n", position, found.start())
            position = found.start()
            if not found[1]:
                lines.append(line)
            elif not named:
                lines[-1] = line
            named = bool(found[1])
        return tuple(f"{self.shown}:{line}" for line in lines) if len(lines) == count else (self.shown,) * count

    def group_of(self, name: str) -> Group | None:
        """The list of the project with a name; an extra before a group."""
        groups = (group for group in known_groups(self.declared) if group.name == name)
        return min(groups, default=None)


def known_groups(declared: Declared | None) -> set[Group]:
    """The lists that a project declares."""
    return {*declared.group_tables, *(one.group for one in declared.asked)} if declared else set()


def normalised(name: str, where: str) -> str:
    """A distribution's name or an extra's, as it is compared; MalformedFileError where it is none."""
    if not _NAME.fullmatch(name):
        raise MalformedFileError(f"{where}: expected a name of letters, digits, '.', '_' and '-', found {name!r}")
    return canonicalize_name(name)


def extras_of(names: Iterable[str], where: str) -> frozenset[str]:
    """Extras, as they are compared; MalformedFileError where one is no name."""
    return frozenset(normalised(name.strip(), where) for name in names if name.strip())


def edge_of(text: str, where: str, extra: str = "") -> Edge:
    """A requirement as tools write it into locks: ``name[extra] (>=1) ; marker``.

    It is not always PEP 508: Poetry's constraints may stand in the brackets. Its version is not read, since an entry
    of the lock has it.

    Raises:
        MalformedFileError: It has no name.
    """
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        raise MalformedFileError(f"{where}: expected a requirement such as name>=1.2, found {text!r}")
    name, marker = normalised(found["name"], where), (found["marker"] or "").strip()
    return Edge(name, extras_of((found["extras"] or "").split(","), where), marker or None, extra)


def major(version: str) -> int | None:
    """The first number of a format's version; None where it is none."""
    found = re.fullmatch(r"([0-9]{1,9})(?:\.[0-9]+)*", version, re.ASCII)
    return int(found[1]) if found else None


def vcs_url(system: str, repository: str, commit: str | None) -> str:
    """The URL of a commit, as installers write it."""
    return f"{system}+{repository}{f'@{commit}' if commit else ''}"
