"""Requirements of installed distributions on Lambda."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.markers import UndefinedComparison
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.markers import Marker

    from harness.facts.view import Installed

_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
# AWS keeps a runtime at its newest patch release; a marker that asks for one wants to know whether it is recent.
_PATCH: Final = 99


@dataclass(frozen=True, slots=True)
class Required:
    """A requirement that holds on Lambda.

    Attributes:
        name: Of what is required, normalised.
        requirement: As it is stated.
        by: The distribution that states it.
    """

    name: str
    requirement: Requirement
    by: Installed

    @property
    def text(self) -> str:
        """The requirement without its condition: ``urllib3<3,>=1.26``."""
        extras = f"[{','.join(sorted(self.requirement.extras))}]" if self.requirement.extras else ""
        return f"{self.requirement.name}{extras}{self.requirement.specifier}"


def marker_environment(python: tuple[int, int], architecture: str) -> dict[str, str]:
    """What the variables of environment markers are on Lambda (PEP 508).

    Args:
        python: The version of the runtime.
        architecture: ``x86_64`` or ``arm64``.
    """
    short = f"{python[0]}.{python[1]}"
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{short}.{_PATCH}",
        "os_name": "posix",
        "platform_machine": _MACHINES.get(architecture, architecture),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{short}.{_PATCH}",
        "python_version": short,
        "sys_platform": "linux",
    }


def required(distributions: Mapping[str, Sequence[Installed]], environment: Mapping[str, str]) -> tuple[Required, ...]:
    """Every requirement that holds, those of extras included that another distribution asks for.

    Args:
        distributions: What is installed, by normalised name.
        environment: See ``marker_environment``.
    """
    extras: dict[str, set[str]] = defaultdict(set)
    while True:
        found = tuple(_required(distributions, environment, extras))
        asked = {(one.name, extra) for one in found for extra in one.requirement.extras}
        if all(extra in extras[name] for name, extra in asked):
            return found
        for name, extra in asked:
            extras[name].add(extra)


def _required(
    distributions: Mapping[str, Sequence[Installed]], environment: Mapping[str, str], extras: Mapping[str, set[str]]
) -> Iterator[Required]:
    for key, several in distributions.items():
        wanted = ("", *sorted(extras.get(key, ())))
        for installed in several:
            for text in installed.distribution.requires:
                requirement = parsed(text)
                if requirement and any(holds(requirement.marker, environment, extra) for extra in wanted):
                    yield Required(canonicalize_name(requirement.name), requirement, installed)


def parsed(text: str) -> Requirement | None:
    """A requirement, if the text is one."""
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError):  # from before there was a standard
        return None


def holds(marker: Marker | None, environment: Mapping[str, str], extra: str = "") -> bool:
    """Whether a condition is met; one that cannot be judged, such as one on the kernel's release, is not."""
    try:
        return marker is None or marker.evaluate({**environment, "extra": extra})
    except (UndefinedComparison, InvalidVersion, RecursionError):
        return False


def accepts(requirement: Requirement, version: str) -> bool | None:
    """Whether a version meets a requirement; None where the version is none, or was made up by a build without tags."""
    try:
        parsed = Version(version)
    except InvalidVersion:
        return None
    if requirement.specifier.contains(parsed, prereleases=True):
        return True
    unversioned = parsed.is_devrelease or parsed.release == (0,) * len(parsed.release)
    return None if unversioned else False


def python_fits(specifier: str | None, python: tuple[int, int]) -> bool:
    """Whether ``Requires-Python`` lets the runtime's version in; what cannot be read does."""
    if not specifier:
        return True
    try:
        requirement = Requirement(f"python {specifier}")
    except (InvalidRequirement, RecursionError):
        return True
    return requirement.specifier.contains(f"{python[0]}.{python[1]}.{_PATCH}", prereleases=True)
