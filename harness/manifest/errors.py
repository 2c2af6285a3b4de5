"""The errors of a table: the place of each, the expected type, and the value."""

from __future__ import annotations

import copy
import difflib
import json
import re
from dataclasses import dataclass
from datetime import date
from inspect import isclass
from itertools import takewhile
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union, get_args, get_origin

import msgspec

from harness.manifest.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

At: TypeAlias = tuple[str | int, ...]
"""The keys that lead to a value: ``("functions", "api", "memory")``, ``("waivers", 0, "expires")``."""

NATIVE = (date,)
"""The types that TOML has a notation for: a quoted date is a string, and not a date."""

_LONGEST_FOUND = 60


@dataclass(frozen=True, slots=True)
class InFile:
    """Names the places of a file.

    Attributes:
        path: The file.
        text: Its content, in which lines are found.
        table: The table that holds the manifest: empty, or ``("tool", "lambda-artifact")``.
    """

    path: Path
    text: str
    table: tuple[str, ...]

    def line(self, at: At) -> int | None:
        """The line that comes nearest to a key."""
        return line_of(self.text, (*self.table, *at))

    def __call__(self, at: At) -> str:
        """File, line where it can be had, and key."""
        line = self.line(at)
        place = f"{self.path}:{line}" if line else str(self.path)
        return f"{place}: `{_dotted(at)}`" if at else place


_OPTIONS = {
    "architecture": "--arch",
    "environment": "--env",
    "events": "--event",
    "functions": "--handler",
    "inputs": "--input",
    "layers": "--layer",
    "required-files": "--require",
}


def on_command_line(at: At) -> str:
    """The option of a value."""
    return _OPTIONS.get(str(at[0]), f"--{at[0]}")


def diagnose(value: object, expected: object, at: At = ()) -> Iterator[tuple[At, str]]:
    """Every error of a value, where msgspec stops at the first.

    Args:
        value: The value in the file.
        expected: A table of ``harness.manifest.tables``, or the type of one of its fields.
        at: The keys that lead to the value.

    Yields:
        The keys that lead to each wrong value, and the sentence about it.
    """
    expected = _without_none(expected)
    arguments = get_args(expected)
    if isclass(expected) and issubclass(expected, msgspec.Struct):
        yield from _diagnose_table(value, expected, at)
    elif get_origin(expected) is tuple and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from diagnose(item, arguments[0], (*at, index))
    elif get_origin(expected) is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from diagnose(key, arguments[0], (*at, key))
            yield from diagnose(item, arguments[1], (*at, key))
    elif not _fits(value, expected):
        yield at, f"expected {_expectation(expected)}, found {_found(value)}"


def without(table: object, wrong: Collection[At]) -> object:
    """A copy of a table without the values at some places, and without a list of which an item is wrong.

    None where the table is wrong itself.
    """
    rest = {"": copy.deepcopy(table)}
    for at in wrong:
        *to, last = ("", *takewhile(lambda part: isinstance(part, str), at))
        holder: Any = rest
        for key in to:
            holder = holder.get(key, {})
        holder.pop(last, None)
    return rest.get("")


def _diagnose_table(value: object, expected: type[msgspec.Struct], at: At) -> Iterator[tuple[At, str]]:
    if not isinstance(value, dict):
        yield at, f"expected a table, found {_found(value)}"
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(expected)}
    for key, item in value.items():
        if key in fields:
            yield from diagnose(item, fields[key].type, (*at, key))
        else:
            yield (*at, key), _unknown(key, sorted(fields))
    for key, field in fields.items():
        if field.required and key not in value:
            yield at, f"`{key}` is missing"


def _unknown(key: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(key, known, n=1)
    return f"unknown key; did you mean `{nearest[0]}`?" if nearest else f"unknown key; known are {', '.join(known)}"


def _fits(value: object, expected: object) -> bool:
    try:
        msgspec.convert(value, expected, builtin_types=NATIVE)
    except msgspec.ValidationError:
        return False
    return True


def _without_none(expected: object) -> object:
    if get_origin(expected) in (Union, UnionType):
        return next(argument for argument in get_args(expected) if argument is not NoneType)
    return expected


def _expectation(expected: object) -> str:
    if get_origin(expected) is Annotated:
        return ", ".join(meta.description for meta in get_args(expected)[1:])
    return "a table" if get_origin(expected) is dict else "a list"


def _found(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case str() | bool():
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}…"


def _dotted(at: At) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_quoted(part)}" for part in at)
    return text.removeprefix(".")


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
