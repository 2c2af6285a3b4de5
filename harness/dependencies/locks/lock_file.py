"""A lock file as a text: its entries' lines, the names in it, and the sentences about what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from harness.dependencies.project import Edge, MalformedFileError, UnknownLock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_REQUIREMENT = re.compile(
    rf"\s*(?P<name>{_NAME.pattern})\s*(?:\[(?P<extras>[^\]]*)\])?\s*"
    r"(?:@\s*(?P<url>\S+)(?P<gap>\s+|$)|(?P<version>[^;@]*))(?:;(?P<marker>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock file that was read and not yet understood.

    Attributes:
        path: The file.
        shown: How a sentence names it.
        text: Its content.
    """

    path: Path
    shown: str
    text: str

    def unknown(self, version: object, known: str) -> UnknownLock:
        """What is said of a format that this release does not know."""
        said = f"{self.shown}: format {version}, and this release knows {known}: what is locked was not compared"
        remedy = "use a release of lambda-artifact-harness that knows it, or leave this check out with --skip"
        return UnknownLock(self.path, self.shown, f"{said}; {remedy}")

    def places(self, table: str, count: int) -> tuple[str, ...]:
        """Where each entry of an array of tables has its name: ``poetry.lock:598``.

        One search for all of them: a lock may have thousands. Where the file is not as its tool writes it, so that
        there are not as many headers as entries, each place is the file alone.
        """
        found: list[int] = []
        line, position, named = 1, 0, True
        for one in re.finditer(rf"^[ \t]*(?:\[\[[ \t]*{table}[ \t]*\]\]|(name)[ \t]*=)", self.text, re.MULTILINE):
            line += self.text.count("\n", position, one.start())
            position = one.start()
            if not one[1]:
                found.append(line)
                named = False
            elif not named:
                found[-1] = line
                named = True
        return tuple(f"{self.shown}:{line}" for line in found) if len(found) == count else (self.shown,) * count


def normalised(name: str, where: str) -> str:
    """A distribution's name or an extra's, as it is compared.

    Raises:
        MalformedFileError: It is none.
    """
    if not _NAME.fullmatch(name):
        raise MalformedFileError(f"{where}: expected a name of letters, digits, '.', '_' and '-', found {name!r}")
    return canonicalize_name(name)


def extras_of(names: Iterable[str], where: str) -> frozenset[str]:
    """Extras, as they are compared.

    Raises:
        MalformedFileError: One is no name.
    """
    return frozenset(normalised(name.strip(), where) for name in names if name.strip())


def edge_of(text: str, where: str, extra: str = "") -> Edge:
    """A requirement as tools write it into locks: ``name[extra] (>=1) ; marker``.

    It is not PEP 508 everywhere: Poetry's constraints may stand in the brackets. No version is read, since an entry of
    the lock has it.

    Args:
        text: The requirement.
        where: The place of the dependent.
        extra: The extra of the dependent that it belongs to.

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
