"""A place that names a Python, and the versions that it lets in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

_PATCHES: Final = 100  # no minor release has had as many
_EXACT: Final = re.compile(
    r"v?(\d+)(?:\.(\d+|[xX*]))?(?:\.(?:\d+|[xX*]))*t?(?:[-+.]?(?:a|b|rc|alpha|beta|dev)[\w.-]*)?"
)


class Kind(StrEnum):
    """The purpose of the Python that is named."""

    FUNCTION = "function"
    LAYER = "layer"
    BUILD = "build"
    DEVELOPMENT = "development"
    PIPELINE = "pipeline"
    LINTER = "linter"


@dataclass(frozen=True, slots=True)
class PythonPin:
    """A place that names a Python.

    Attributes:
        text: What it says, fit for a sentence: ``runtime = "python3.11"``.
        kind: What runs on that Python.
        file: Relative to the manifest's folder.
        line: Of the file.
        python: One version (``3.11``, ``3.12.7``), or which ones (``>=3.9``, ``^3.12``).
        handler: The handler of the function that it is for, if that is named with it; of an image, its command.
        function: What that function is called there.
        tool: What deploys what the file says: ``sam``, ``terraform``, ``cdk``.
    """

    text: str
    kind: Kind
    file: str
    line: int
    python: str
    handler: str | None = None
    function: str | None = None
    tool: str = ""

    @property
    def where(self) -> str:
        """Its place for a message."""
        return f"{self.file}:{self.line}"

    def agrees(self, python: tuple[int, int]) -> bool:
        """Whether it lets a Python in; what is no version says nothing against it."""
        return lets_in(self.python, python) is not False


@lru_cache(maxsize=256)
def lets_in(versions: str, python: tuple[int, int]) -> bool | None:
    """Whether a version or a range of versions lets some release of a Python in; None where it is neither.

    Args:
        versions: ``3.12``, ``3.12.7``, ``3.x``, ``>=3.9,<3.13``, Poetry's ``^3.12``, ``>=3.9 <3.13`` as npm writes it.
        python: As in ``(3, 12)``.
    """
    text = versions.strip()
    if found := _EXACT.fullmatch(text):
        major, minor = found.groups()
        return int(major) == python[0] and (minor is None or not minor.isdecimal() or int(minor) == python[1])
    releases = [f"{python[0]}.{python[1]}.{patch}" for patch in range(_PATCHES)]
    try:
        specifier = SpecifierSet(re.sub(r"(?<=[\dxX*])\s+(?=[<>=!~])", ",", text))
    except InvalidSpecifier:
        return _constraint(text, releases)
    return any(specifier.contains(release, prereleases=True) for release in releases)


def _constraint(text: str, releases: list[str]) -> bool | None:
    from poetry.core.constraints.version import Version, parse_constraint  # noqa: PLC0415 - few need it, and it is slow

    try:
        constraint = parse_constraint(text)
    except ValueError:
        return None
    return any(constraint.allows(Version.parse(release)) for release in releases)
