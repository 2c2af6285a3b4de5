"""Reads files of a repository, and says of one that is malformed which line it is and what was expected."""

from __future__ import annotations

import json
import os
import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from harness import regular_files
from harness.dependencies.project import MalformedFileError
from harness.manifest.toml_lines import line_of

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_PLACE = re.compile(r" \(at line (\d+), column \d+\)$")
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def shown(path: Path, folder: Path) -> str:
    """The name of a file in a message: relative to the manifest's folder, where it is not far from it."""
    relative = os.path.relpath(path, folder)
    return str(path) if relative.startswith("../../../") else relative.replace(os.sep, "/")


def read_text(path: Path, name: str, limit: int = regular_files.LARGEST) -> str:
    """The text of a file.

    Raises:
        MalformedFileError: It cannot be read, has more bytes, or is not UTF-8.
    """
    try:
        return regular_files.read(path, limit).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise MalformedFileError(f"{name}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise MalformedFileError(f"{name}: expected text in UTF-8; byte {error.start} is none") from None


def text_or_none(path: Path, limit: int = regular_files.LARGEST) -> str | None:
    """The text of a file; None where it cannot be read."""
    try:
        return read_text(path, path.name, limit)
    except MalformedFileError:
        return None


def conflict(text: str, name: str) -> str | None:
    """The problem of a text with a merge conflict; None where there is none.

    Args:
        text: A text that is not what it should be: a sound one may well have such a line, in a string.
        name: Its name in a message.
    """
    found = _CONFLICT.search(text)
    if found is None:
        return None
    line = text.count("\n", 0, found.start()) + 1
    return f"{name}:{line}: unresolved merge conflict: expected one version, without git's marks"


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The document that a TOML text is.

    Raises:
        MalformedFileError: It is none.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        sentence = f"{name}:{place[1]}: expected TOML: {message[: place.start()]}" if place else None
        raise MalformedFileError(conflict(text, name) or sentence or f"{name}: expected TOML: {message}") from None
    except RecursionError:
        raise MalformedFileError(f"{name}: expected TOML that is not nested beyond reason") from None
    except ValueError:  # Python's own limit, which the reader passes on
        raise MalformedFileError(f"{name}: expected TOML whose numbers are not long beyond reason") from None


def parse_json(text: str, name: str) -> Any:  # noqa: ANN401 - any JSON
    """The document that a JSON text is.

    Raises:
        MalformedFileError: It is none.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        sentence = f"{name}:{error.lineno}: expected JSON: {error.msg}"
        raise MalformedFileError(conflict(text, name) or sentence) from None
    except RecursionError:
        raise MalformedFileError(f"{name}: expected JSON that is not nested beyond reason") from None
    except ValueError:  # Python's own limit, which the reader passes on
        raise MalformedFileError(f"{name}: expected JSON whose numbers are not long beyond reason") from None


def convert(document: object, expected: type[T], text: str, name: str) -> T:
    """A document as a value of a type.

    Args:
        document: What was parsed.
        expected: A msgspec Struct; keys that it does not name are ignored.
        text: What the document was parsed from, for the line.
        name: Its name in a message.

    Raises:
        MalformedFileError: It does not fit.
    """
    try:
        return msgspec.convert(document, expected)
    except msgspec.ValidationError as error:
        sentence, _, at = str(error).partition(" - at `$")
        way = tuple(int(index) if index.isdecimal() else key or index for key, index in _PART.findall(at.rstrip("`")))
        line = line_of(text, way)
        place = "".join(
            f"[{part}]" if isinstance(part, int) or part == "..." else f".{part}" for part in way
        ).removeprefix(".")
        where = f"{name}:{line}" if line else name
        message = sentence[:1].lower() + sentence[1:]
        raise MalformedFileError(f"{where}: {message}{f' at {place}' if place else ''}") from None
