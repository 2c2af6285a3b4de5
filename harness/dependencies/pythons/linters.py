"""The Pythons that linters, type checkers and test runners are told."""

from __future__ import annotations

import configparser
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from harness.dependencies.pythons.declaration import Kind, Mention
from harness.manifest.errors import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_SHORT: Final = re.compile(r"py(\d)(\d+)")
_LONG: Final = re.compile(r"\d+\.\d+")
_TOX: Final = re.compile(r"(?<![\w.])py(\d)\.?(\d+)(?![\d.])")
_BRACED: Final = re.compile(r"([\w.-]*)\{([\w.,-]+)\}")
_NOX: Final = re.compile(r"\bpython\s*=\s*(\[[^\]]*\]|[\"'][\d.]+[\"'])")
_KEYS: Final[Sequence[tuple[str, ...]]] = (
    ("tool", "ruff", "target-version"),
    ("tool", "black", "target-version"),
    ("tool", "mypy", "python_version"),
    ("tool", "pyright", "pythonVersion"),
    ("tool", "basedpyright", "pythonVersion"),
    ("tool", "ty", "environment", "python-version"),
    ("tool", "pylint", "main", "py-version"),
    ("tool", "pylint", "MASTER", "py-version"),
)


def _version(value: object) -> str | None:
    """What one of them is told: ``py311``, ``3.11``."""
    text = value if isinstance(value, str) else ""
    if found := _SHORT.fullmatch(text):
        return f"{found[1]}.{found[2]}"
    return text if _LONG.fullmatch(text) else None


def _pyproject(text: str, name: str) -> Iterator[Mention]:
    yield from _keys(text, name, _KEYS)
    yield from _tox_table(text, name)


def _ruff(text: str, name: str) -> Iterator[Mention]:
    yield from _keys(text, name, (("target-version",),))


def _keys(text: str, name: str, ways: Sequence[tuple[str, ...]]) -> Iterator[Mention]:
    document = _parsed(text)
    for way in ways:
        value: Any = document
        for key in way:
            value = value.get(key) if isinstance(value, dict) else None
        newest = max((found for one in _several(value) if (found := _version(one))), key=_order, default=None)
        if newest:
            said = f"{way[-1]} = {value!r}".replace("'", '"')
            yield Mention(said, Kind.LINTER, name, line_of(text, way) or 1, newest)


def _tox_table(text: str, name: str) -> Iterator[Mention]:
    tox = _parsed(text).get("tool", {})
    tox = tox.get("tox", {}) if isinstance(tox, dict) else {}
    if not isinstance(tox, dict):
        return
    if isinstance(legacy := tox.get("legacy_tox_ini"), str):
        yield from _tox(legacy, name, line_of(text, ("tool", "tox", "legacy_tox_ini")) or 1)
    for one in _several(tox.get("env_list")):
        yield from _environments(str(one), name, line_of(text, ("tool", "tox", "env_list")) or 1)


def _several(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]


def _mypy(text: str, name: str) -> Iterator[Mention]:
    """``mypy.ini``, ``setup.cfg``."""
    found = _option(text, "mypy", "python_version")
    if found and (python := _version(found[0])):
        yield Mention(f"python_version = {found[0]}", Kind.LINTER, name, found[1], python)


def _tox(text: str, name: str, first: int = 1) -> Iterator[Mention]:
    """``tox.ini``."""
    for key in ("envlist", "env_list"):
        if found := _option(text, "tox", key):
            yield from _environments(found[0], name, first + found[1] - 1)


def _environments(text: str, name: str, number: int) -> Iterator[Mention]:
    """The interpreters of a list of environments: ``py311, py{311,312}-unit, 3.12``."""
    spread = _BRACED.sub(lambda found: ",".join(found[1] + one for one in found[2].split(",")), text)
    for found in _TOX.finditer(spread):
        yield Mention(found[0], Kind.DEVELOPMENT, name, number, f"{found[1]}.{found[2]}")


def _nox(text: str, name: str) -> Iterator[Mention]:
    """``noxfile.py``."""
    for found in _NOX.finditer(text):
        number = text.count("\n", 0, found.start()) + 1
        for python in re.findall(r"[\"'](\d\.\d+)[\"']", found[1]):
            yield Mention(f'python = "{python}"', Kind.DEVELOPMENT, name, number, python)


def _option(text: str, section: str, key: str) -> tuple[str, int] | None:
    """The value of an option, and its line."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
        value = parser.get(section, key)
    except configparser.Error:
        return None
    found = re.search(rf"^{re.escape(key)}\s*[=:]", text, re.MULTILINE | re.IGNORECASE)
    return value.strip(), text.count("\n", 0, found.start()) + 1 if found else 1


def _order(python: str) -> tuple[int, ...]:
    return tuple(map(int, python.split(".")))


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


READERS: Final[Mapping[str, Callable[[str, str], Iterator[Mention]]]] = {
    "pyproject.toml": _pyproject,
    "ruff.toml": _ruff,
    ".ruff.toml": _ruff,
    "mypy.ini": _mypy,
    ".mypy.ini": _mypy,
    "setup.cfg": _mypy,
    "tox.ini": _tox,
    "noxfile.py": _nox,
}
"""Reads each of these files; from its text and how a sentence names it to what it says."""
