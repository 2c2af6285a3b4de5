"""Reads ``modules.json``: which distributions are known to have modules of other names than theirs."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


def providers(module: str) -> tuple[str, ...]:
    """The distributions that have a module, normalised, the one that is downloaded most first.

    Args:
        module: Its dotted name; the longest part of it that the table has decides: ``google.cloud.storage.blob`` is of
            google-cloud-storage.

    Returns:
        Nothing for a module that no distribution of another name is known to have.
    """
    parts = module.split(".")
    names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((found for name in names if (found := _table().get(name))), ())


def modules(distribution: str) -> tuple[str, ...]:
    """The modules of another name that a distribution is known to have.

    Args:
        distribution: Its normalised name.
    """
    return _reversed().get(distribution, ())


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    return msgspec.json.decode(files(__package__).joinpath("modules.json").read_bytes(), type=_Document).modules


@cache
def _reversed() -> Mapping[str, tuple[str, ...]]:
    found = defaultdict(list)
    for module, distributions in _table().items():
        for distribution in distributions:
            found[distribution].append(module)
    return {distribution: tuple(several) for distribution, several in found.items()}


class _Document(msgspec.Struct):
    """The file."""

    modules: dict[str, tuple[str, ...]]
