"""Reads what a folder declares to setuptools: in a ``setup.cfg``, or as literals in a ``setup.py``."""

from __future__ import annotations

import ast
import configparser
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.declared.requirement_line import NotARequirementError, parse_line
from harness.dependencies.project import Asked
from harness.dependencies.text_files import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LARGEST: Final = 1024 * 1024  # bytes
_MAIN: Final = "install_requires"


@dataclass(frozen=True, slots=True)
class Described:
    """The declarations of a folder.

    Attributes:
        name: Its distribution's; None where that is computed.
        asked: What it requires; None where that is computed.
    """

    name: str | None
    asked: tuple[Asked, ...] | None


def described(folder: Path, root: Path) -> Described | None:
    """Read the declarations of a folder; None where it has neither file."""
    for name, read in (("setup.cfg", _configuration), ("setup.py", _program)):
        with suppress(OSError, UnicodeDecodeError):
            values = read(regular_files.read(folder / name, _LARGEST).decode("utf-8"))
            if values:
                listed = values.get(_MAIN, [])
                where = shown(folder / name, root)
                own = values.get("name")
                texts = listed if isinstance(listed, list) else None
                asked = None if texts is None else tuple(_asked(texts, where))
                return Described(own if isinstance(own, str) else None, asked)
    return None


def _asked(texts: list[str], where: str) -> Iterator[Asked]:
    for text in texts:
        with suppress(NotARequirementError):
            found = parse_line(text, where)
            if isinstance(found, Asked):
                yield found


def _configuration(text: str) -> Mapping[str, str | list[str] | None]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    if not parser.has_option("metadata", "name") and not parser.has_option("options", _MAIN):
        return {}  # for linters alone
    listed = parser.get("options", _MAIN, fallback="")
    found = [line.strip() for line in listed.splitlines() if line.strip()]
    return {"name": parser.get("metadata", "name", fallback=None), _MAIN: None if listed.startswith("file:") else found}


def _program(text: str) -> Mapping[str, str | list[str] | None]:
    """The arguments of ``setup(…)``: literals, or names that the module gives a literal."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    known = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) == "setup":
            given = {one.arg: _literal(one.value, known) for one in node.keywords if one.arg in {"name", _MAIN}}
            return {str(key): value for key, value in given.items()} or {"name": None}
    return {}


def _called(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def _literal(node: ast.expr, known: Mapping[str, ast.expr]) -> str | list[str] | None:
    node = known.get(node.id, node) if isinstance(node, ast.Name) else node
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    if isinstance(value, str):
        return value
    texts = [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else None
    return texts if texts is not None and len(texts) == len(value) else None
