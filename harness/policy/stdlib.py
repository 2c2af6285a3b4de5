"""Read ``stdlib.toml`` and ``stdlib_names.json``: the modules of each Python, and what newer ones removed or added."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from harness.policy.documents import Table, parse_version, read_json, read_toml
from harness.policy.values import Removed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_LAYER = "add {} to the requirements that the layer is built from"


def modules(python: tuple[int, int]) -> frozenset[str]:
    """The top-level modules of the standard library, as far as a build for Linux has them."""
    unlisted = read_toml("stdlib.toml")["unlisted"]["values"]
    also = (name for name, last in unlisted.items() if python <= parse_version(last))
    return (_as_of("modules", python) - frozenset(read_toml("stdlib.toml")["absent"]["values"])).union(also)


def builtins(python: tuple[int, int]) -> frozenset[str]:
    """The modules that are part of the interpreter."""
    return _as_of("builtins", python)


def bytecode_magic(python: tuple[int, int]) -> int | None:
    """The number at the beginning of bytecode; None where it is not known."""
    figure = read_toml("stdlib.toml")["bytecode"].get(f"{python[0]}.{python[1]}")
    return figure["value"] if figure else None


def removed(python: tuple[int, int], distributions: Iterable[str]) -> Iterator[tuple[str, Removed]]:
    """The modules that a version has no longer.

    Args:
        python: The version.
        distributions: What the runtime brings beside the standard library.
    """
    for version, gone in read_toml("stdlib.toml")["gone"].items():
        if parse_version(version) <= python:
            cause = f"Python {version} removed it from the standard library"
            for name, then in gone["values"].items():
                yield name, Removed(version, _remedy(then), cause)
    if "setuptools" not in distributions:
        cause = "Python 3.12 and newer come without setuptools"
        for name, requirement in read_toml("stdlib.toml")["unbundled"]["values"].items():
            yield name, Removed("3.12", _LAYER.format(requirement), cause)


def why_absent(python: tuple[int, int], module: str, name: str) -> str | None:
    """Why a module of the standard library has no such name in a version; None where it has, or nothing is known."""
    return future_names(python).get((module, name)) or removed_names(python).get((module, name))


@cache
def removed_names(python: tuple[int, int]) -> Mapping[tuple[str, str], str]:
    """The modules and names that a version has no longer, each with the reason."""
    return _names("gone", "Python {} removed it", lambda version: version <= python)


@cache
def future_names(python: tuple[int, int]) -> Mapping[tuple[str, str], str]:
    """The modules and names that only later versions have, each with the reason."""
    return _names("new", "Python {} is the first that has it", lambda version: version > python)


def _names(key: str, why: str, applies: Callable[[tuple[int, ...]], bool]) -> dict[tuple[str, str], str]:
    return {
        (module, name): why.format(version)
        for version, modules_ in read_json("stdlib_names.json")[key].items()
        if applies(parse_version(version))
        for module, names in modules_.items()
        for name in names
    }


def preinstalled(distributions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The top-level modules of distributions, each with its distribution."""
    known = read_toml("stdlib.toml")["preinstalled"]["values"]
    for distribution in sorted(distributions):
        for module in known[distribution]:
            yield module, distribution


def known() -> frozenset[str]:
    """Top-level modules that are a library's wherever they are met."""
    return frozenset(read_toml("stdlib.toml")["known"]["values"])


def _remedy(then: Table) -> str:
    ways = [then["instead"]] if "instead" in then else []
    if "distribution" in then:
        ways.append(_LAYER.format(then["distribution"]))
    return ", or ".join(ways)


def _as_of(name: str, python: tuple[int, int]) -> frozenset[str]:
    found: set[str] = set()
    for version, change in read_toml("stdlib.toml")[name].items():
        if parse_version(version) <= python:
            found = found.union(change.get("added", ())).difference(change.get("removed", ()))
    return frozenset(found)
