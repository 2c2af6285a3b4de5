"""What an init spends its time on: each import without those that it makes itself, and the packages that cost most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.reporters import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.model import FunctionInfo, Import, InitProfile

_SHOWN: Final = 3
_RUNTIME: Final = "the runtime"


@dataclass(frozen=True, slots=True)
class Cost:
    """A package with all of its modules.

    Attributes:
        seconds: Wall time, without the packages that it imports.
        modules: How many of its modules are imported.
        importer: The module outside of it that imports it first.
    """

    package: str
    seconds: float
    modules: int
    importer: str


def own_seconds(imports: Sequence[Import]) -> tuple[float, ...]:
    """The time of each import without those that are a part of it."""
    own = [one.seconds for one in imports]
    for one in imports:
        if one.within is not None:
            own[one.within] -= one.seconds
    return tuple(max(0.0, seconds) for seconds in own)


def costs(profile: InitProfile) -> tuple[Cost, ...]:
    """The packages of an init, what costs most first."""
    imports = profile.imports
    timed = zip(imports, own_seconds(imports), strict=True)
    packages = text.gather((_package(one), (one, seconds)) for one, seconds in timed)
    found = (
        Cost(package, sum(seconds for _, seconds in each), len(each), _importer(each[0][0], imports))
        for package, each in packages.items()
    )
    return tuple(sorted(found, key=lambda cost: -cost.seconds))


def in_words(functions: Sequence[FunctionInfo]) -> tuple[str, ...]:
    """The packages that cost most in the init of each function, a line for each, the slowest first."""
    profiled = [(one.name, one.profile) for one in functions if one.profile]
    profiled.sort(key=lambda one: -one[1].seconds)
    return tuple(f"{name} in {profile.seconds:.2f} s: {_most(profile)}" for name, profile in profiled)


def _most(profile: InitProfile) -> str:
    several = [one for one in costs(profile) if one.importer != _RUNTIME][:_SHOWN]
    return ", ".join(f"{one.package} {one.seconds:.2f} s (imported by {one.importer})" for one in several)


def importer(one: Import, imports: Sequence[Import]) -> str:
    """The module whose code makes an import: a package that is loaded for a module of its own does not."""
    within = one.within
    while within is not None and imports[within].name.startswith(f"{one.name}."):
        within = imports[within].within
    return _RUNTIME if within is None else imports[within].name


def _package(one: Import) -> str:
    return one.name.partition(".")[0]


def _importer(one: Import, imports: Sequence[Import]) -> str:
    within = one.within
    while within is not None and _package(imports[within]) == _package(one):
        within = imports[within].within
    return _RUNTIME if within is None else imports[within].name
