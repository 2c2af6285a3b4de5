"""The distributions that are known to have modules of other names than theirs.

``modules.json`` is made from the RECORD of wheels, ``documented.json`` from projects' documentation; ``alike.txt``
lists the distributions with a module of their own name.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


def providers(module: str) -> tuple[str, ...]:
    """The distributions that have a module, normalised, the one that is meant most often first.

    Args:
        module: Its dotted name; the longest part of it that the table has decides: ``google.cloud.storage.blob`` is of
            google-cloud-storage.

    Returns:
        Nothing for a module that no distribution of another name is known to have.
    """
    parts = module.split(".")
    names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((found for name in names if (found := _table().get(name))), ())


def alike(module: str) -> str | None:
    """The distribution that is known to have a module of its own name; None where nobody knows.

    Args:
        module: The top-level module's name.
    """
    name = module.lower().replace("_", "-")
    return name if name in _alike() else None


def modules(distribution: str) -> tuple[str, ...]:
    """The modules of another name that a distribution is known to have.

    Args:
        distribution: Its normalised name.
    """
    return _reversed().get(distribution, ())


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for name in ("documented.json", "modules.json"):
        read = msgspec.json.decode(files(__package__).joinpath(name).read_bytes(), type=_Document)
        for module, distributions in read.modules.items():
            merged[module] = tuple(dict.fromkeys((*merged.get(module, ()), *distributions)))
    return merged


@cache
def _alike() -> frozenset[str]:
    text = files(__package__).joinpath("alike.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


@cache
def _reversed() -> Mapping[str, tuple[str, ...]]:
    found = defaultdict(list)
    for module, distributions in _table().items():
        for distribution in distributions:
            found[distribution].append(module)
    return {distribution: tuple(several) for distribution, several in found.items()}


class _Document(msgspec.Struct):
    """One of the files."""

    modules: dict[str, tuple[str, ...]]
