"""The modules that the runtime loads before it looks into the archives: data, in ``preloaded.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from harness.policy.documents import parse_version, read_toml


@dataclass(frozen=True, slots=True)
class Early:
    """Top-level modules that an archive cannot replace, since they are loaded, or frozen into the interpreter.

    Attributes:
        stdlib: Of the standard library, without the built-in modules.
        packages: Of the runtime's distributions, each with its distribution's name.
    """

    stdlib: frozenset[str]
    packages: tuple[tuple[str, str], ...]


@cache
def early(python: tuple[int, int]) -> Early:
    """The modules that the runtime of one version of Python has loaded."""
    document = read_toml("preloaded.toml")
    table = document["standard-library"]
    stdlib = set(table["values"])
    for version, names in table["since"].items():
        stdlib.update(names if python >= parse_version(version) else ())
    for version, names in table["until"].items():
        stdlib.update(names if python <= parse_version(version) else ())
    return Early(frozenset(stdlib), tuple(document["packages"]["values"].items()))
