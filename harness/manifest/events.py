"""Read an event file: the event itself, or ``{"event": …, "expect": …}``."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, NoReturn

from harness import regular_files
from harness.manifest.values import Event

TEMPLATE = "template:"
"""What the name of an event begins with that the template has, in place of a file."""

if TYPE_CHECKING:
    from pathlib import Path


def read(text: str, path: Path) -> Event:
    """The event of a file that the user names by a text.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not JSON.
        RecursionError: It is nested too deep.
    """
    content = json.loads(regular_files.read(path), parse_constant=_refuse_constant, parse_float=_finite)
    if isinstance(content, dict) and "event" in content and content.keys() <= {"event", "expect"}:
        expect = json.dumps(content["expect"]) if "expect" in content else None
        return Event(text, path, json.dumps(content["event"]), expect)
    return Event(text, path, json.dumps(content), None)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's, not JSON's")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):  # Python would write it as Infinity, which no other reader of JSON takes
        raise ValueError(f"{text} is too large a number")
    return number
