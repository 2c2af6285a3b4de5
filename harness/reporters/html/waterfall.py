"""The imports of an init on its time line, without those that are too short to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.reporters.init_costs import Cost, costs, importer, own_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import FunctionInfo, InitProfile

_SHORTEST: Final = 0.015  # of the init
_MOST_BARS: Final = 50
_MOST_COSTS: Final = 12
_DEEPEST: Final = 8
_MOST_FUNCTIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One import.

    Attributes:
        depth: How far it is indented.
        left: Where it begins, in percent of the init, and
        width: how long it is.
        own: Seconds without the imports that are a part of it.
    """

    name: str
    depth: int
    left: float
    width: float
    seconds: float
    own: float
    importer: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The init of one function.

    Attributes:
        imported: Seconds of all imports together, Python's start among them.
        left: How many imports are not shown.
    """

    function: str
    profile: InitProfile
    imported: float
    bars: tuple[Bar, ...]
    left: int
    costs: tuple[Cost, ...]


def waterfalls(functions: Sequence[FunctionInfo]) -> Iterator[Waterfall]:
    """The inits that were profiled, the slowest first."""
    profiled = [(one.name, one.profile) for one in functions if one.profile]
    profiled.sort(key=lambda one: -one[1].seconds)
    return (_waterfall(name, profile) for name, profile in profiled[:_MOST_FUNCTIONS])


def _waterfall(function: str, profile: InitProfile) -> Waterfall:
    imports, whole = profile.imports, max(1e-9, profile.seconds)
    longest = sorted((one.seconds for one in imports), reverse=True)[:_MOST_BARS]
    shortest = max(whole * _SHORTEST, longest[-1])
    own = own_seconds(imports)
    depths, bars = dict[int, int](), list[Bar]()
    for number, one in enumerate(imports):
        if one.seconds >= shortest and len(bars) < _MOST_BARS:
            depths[number] = depths[one.within] + 1 if one.within in depths else 0
            left = min(100 * one.began / whole, 100.0)
            width = min(100 * one.seconds / whole, 100 - left)
            depth = min(depths[number], _DEEPEST)
            bars.append(Bar(one.name, depth, left, width, one.seconds, own[number], importer(one, imports)))
    imported = sum(one.seconds for one in imports if one.within is None)
    return Waterfall(function, profile, imported, tuple(bars), len(imports) - len(bars), costs(profile)[:_MOST_COSTS])
