"""The text of a file of an artifact, or a value of the JSON or TOML document in it."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Final

_FORMATS: Final = {".json": "JSON", ".toml": "TOML"}


class NoValueError(Exception):
    """A file has no such value; the message is a clause with what it has instead."""


def value_in(name: str, content: bytes, key: str | None) -> str:
    """The text of a file, or a value in it, without white space around it.

    Args:
        name: The file's, whose ending says what it is; without a telling one it is JSON, or else TOML.
        content: Its bytes.
        key: The way to a text or a number in the document: ``build.commit``. None for the whole file.

    Raises:
        NoValueError: It is no text, no such document, or has no such key.
    """
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise NoValueError("is no text in UTF-8") from None
    if key is None:
        return text
    value = _value(_document(name, text), key.split("."), key)
    if isinstance(value, bool) or value is None or not isinstance(value, str | int | float):
        raise NoValueError(f"has {_kind(value)} under the key {key}, and no text")
    return str(value).strip()


def _document(name: str, text: str) -> object:
    suffix = next((ending for ending in _FORMATS if name.lower().endswith(ending)), None)
    faults = []
    for ending, format_ in _FORMATS.items():
        if suffix in {None, ending}:
            try:
                return _parsed(text, format_)
            except (ValueError, RecursionError) as error:
                faults.append(f"is no {format_}: {str(error) or 'it is nested beyond reason'}")
    raise NoValueError(faults[0] if suffix else "is neither JSON nor TOML, so that there is no key in it")


def _parsed(text: str, format_: str) -> object:
    # Numbers stay as they are written: of 3.10, a number makes 3.1.
    if format_ == "JSON":
        return json.loads(text, parse_float=str, parse_int=str)
    return tomllib.loads(text, parse_float=str)


def _value(document: object, parts: list[str], key: str) -> Any:  # noqa: ANN401 - any JSON or TOML
    """The value under a key, parts of which may have dots of their own."""
    if not parts:
        return document
    if isinstance(document, dict):
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            if name in document:
                return _value(document[name], parts[end:], key)
    there = f"; it has {', '.join(sorted(map(str, document))[:5])}" if isinstance(document, dict) and document else ""
    raise NoValueError(f"has no key {key}{there}")


def _kind(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return json.dumps(value, default=str)
