"""What the distributions that the runtime brings hold: data, in ``preinstalled.json``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

VENDORED = {"botocore.vendored.requests": "requests"}
"""Modules that once were copies of a distribution, which is meant where more of them is used than is left.

Source: botocore's CHANGELOG, 1.13.0.
"""


class Contents(msgspec.Struct, frozen=True):
    """The table.

    Attributes:
        versions: The distributions that it describes.
        modules: The public names of each of their modules; None where its text does not show them all.
    """

    versions: dict[str, str]
    modules: dict[str, frozenset[str] | None]


def has_submodule(name: str) -> bool:
    """Whether a distribution may have a module of that dotted name."""
    modules = contents().modules
    parent = name.rpartition(".")[0]
    return name in modules or modules.get(parent) is None


def has_name(module: str, name: str) -> bool:
    """Whether a module of a distribution may have a name, be it a submodule or not."""
    names = contents().modules.get(module)
    return names is None or name in names or name.startswith("_") or f"{module}.{name}" in contents().modules


@cache
def contents() -> Contents:
    """The table."""
    return msgspec.json.decode(files(__package__).joinpath("preinstalled.json").read_bytes(), type=Contents)
