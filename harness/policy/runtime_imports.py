"""What modules of the runtime import in their turn: data, in ``runtime_imports.json``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from harness.policy.documents import parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping

Imports: TypeAlias = "Mapping[str, Mapping[str, tuple[str, ...]]]"
"""For each module, the modules that it certainly imports, with the names that it takes out of each."""


class _Document(msgspec.Struct, frozen=True):
    pythons: frozenset[str]
    client: dict[str, dict[str, tuple[str, ...]]]
    modules: dict[str, dict[str, tuple[str, ...]]]


def imports(python: tuple[int, int]) -> Imports:
    """The imports of modules of the standard library and of the SDK; nothing of a version that was not read."""
    return _document().modules if python in {parse_version(one) for one in _document().pythons} else {}


def client(python: tuple[int, int]) -> Mapping[str, tuple[str, ...]]:
    """What the runtime client takes out of which modules after the handler's module is loaded."""
    since = {parse_version(version): wanted for version, wanted in _document().client.items()}
    return next((wanted for version, wanted in sorted(since.items(), reverse=True) if version <= python), {})


@cache
def _document() -> _Document:
    return msgspec.json.decode(files(__package__).joinpath("runtime_imports.json").read_bytes(), type=_Document)
