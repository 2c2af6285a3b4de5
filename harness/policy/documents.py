"""Read the TOML and JSON files of this package."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

Table: TypeAlias = dict[str, Any]


@cache
def read_toml(name: str) -> Table:
    """A file of this package, read when it is first asked for."""
    return tomllib.loads(files(__package__).joinpath(name).read_text("utf-8"))


@cache
def read_json(name: str) -> Table:
    """The same, in JSON."""
    document: Table = json.loads(files(__package__).joinpath(name).read_text("utf-8"))
    return document


def parse_version(text: str) -> tuple[int, ...]:
    """The numbers of a version: ``(3, 12)``."""
    return tuple(map(int, text.split(".")))
