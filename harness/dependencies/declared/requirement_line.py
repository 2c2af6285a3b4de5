"""Parses requirements and lines of requirements files, as pip does; no variable is expanded, no path looked at."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from harness.dependencies.project import Asked, Unnamed
from harness.dependencies.urls import masked, names_bytes, of_archive

if TYPE_CHECKING:
    from packaging.markers import Marker

_DEEPEST: Final = 100  # parentheses within one another: whatever reads a requirement later must get there
VARIABLE: Final = re.compile(r"\$\{[A-Z0-9_]+\}")
"""A variable that pip takes from the environment of the build."""

_BEGINNING: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:\[[^\]]*\])?(?=\s*[=<>~!@(;])")
_ARCHIVE: Final = re.compile(r"\.(?:whl|zip|tar\.gz|tgz|tar|tar\.bz2|tbz|tar\.xz|txz)$", re.IGNORECASE)


class NotARequirementError(ValueError):
    """A line is no requirement."""


def requirement(text: str) -> Requirement:
    """A requirement (PEP 508).

    Raises:
        InvalidRequirement: It is none, or its condition is nested beyond reason.
    """
    if is_deep(text):
        raise InvalidRequirement(text)
    return Requirement(text)


def is_deep(text: str) -> bool:
    """Whether parentheses are nested beyond reason."""
    depth = 0
    for mark in re.findall(r"[()]", text):
        depth += 1 if mark == "(" else -1
        if depth > _DEEPEST:
            return True
    return False


def parse_line(text: str, where: str, *, is_editable: bool = False, is_hashed: bool = False) -> Asked | Unnamed:
    """Parse a line of a requirements file.

    Args:
        text: A requirement (PEP 508), or the path or the URL of one, without the line's options.
        where: The line.
        is_editable: Whether it is to be a link to its sources.
        is_hashed: Whether hashes stand beside it.

    Raises:
        NotARequirementError: It is none of that.
    """
    text = " ".join(text.split())
    shown = masked(f"-e {text}" if is_editable else text)
    found = _editable(text) if is_editable else _requirement(text)
    if found is None:
        return Unnamed(shown, where, is_editable)
    url = found.url
    archive = of_archive(url) if url else None
    if archive and archive[0] == canonicalize_name(found.name):
        # PEP 508 has a URL or a version, and the version is what can be compared.
        found.url, found.specifier = None, SpecifierSet(f"=={archive[1]}")
    return Asked(
        name=canonicalize_name(found.name),
        requirement=found,
        text=shown,
        where=where,
        hashed=is_hashed,
        editable=is_editable,
        fixed=names_bytes(url) or (is_hashed and url is not None),
    )


def _requirement(text: str) -> Requirement | None:
    """A requirement; None for one without a name."""
    if is_deep(text):
        raise NotARequirementError(text)
    with suppress(InvalidRequirement, RecursionError):
        found = Requirement(text)
        if found.url or not _ARCHIVE.search(found.name):  # the name of a file would pass for a name
            return found
    # Here, since it is needed where a requirements file is named, and takes longer than --help may.
    from pip_requirements_parser import PipError, parse_reqparts_from_string  # noqa: PLC0415

    try:
        parts = parse_reqparts_from_string(text)
    except (PipError, ValueError, AssertionError, RecursionError) as error:
        if VARIABLE.search(text):
            return _with_variables(text)
        raise NotARequirementError(text) from error
    if parts.link is None:
        raise NotARequirementError(text)
    return _at(parts, parts.marker)


def _editable(text: str) -> Requirement | None:
    """An editable requirement: a folder, a repository; None for one without a name."""
    with suppress(InvalidRequirement, RecursionError):
        if (found := requirement(text)).url:
            return found
    from pip_requirements_parser import PipError, parse_reqparts_from_editable  # noqa: PLC0415 - as above

    try:
        return _at(parse_reqparts_from_editable(text), None)
    except (PipError, ValueError, AssertionError, RecursionError):
        return None  # a repository without a name, which younger releases of pip accept


def _at(parts: Any, marker: Marker | None) -> Requirement | None:  # noqa: ANN401 - of a library without types
    """The requirement at a path or a URL."""
    url = parts.link.url
    archive = of_archive(url)
    if parts.requirement is not None:
        found = Requirement(str(parts.requirement.name))
    elif archive is not None:
        found = Requirement(archive[0])
    else:
        return None
    found.url = url
    found.marker = marker
    found.extras = {*parts.extras, *(parts.requirement.extras if parts.requirement else ())}
    return found


def _with_variables(text: str) -> Requirement | None:
    """The name at least, where a version or a URL is in the environment of the build."""
    if beginning := _BEGINNING.match(text):
        with suppress(InvalidRequirement, RecursionError):
            return Requirement(beginning[0])
    return None
