"""Files that say which Python a tool is to use: pyenv's, asdf's, mise's, Heroku's, pipenv's."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from harness.dependencies.pythons.declaration import Kind, Mention
from harness.manifest.errors import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# `3.12.7`, `cpython-3.12`, `python-3.12.7`, `3.12.7/envs/shop`; the name of a virtual environment is none.
_NAMED: Final = re.compile(
    r"(?:c?python[-@]?|v)?(\d+(?:\.(?:\d+|[x*]))*(?:-?(?:dev|rc\d+|[ab]\d+))?t?)(?:/envs/.*|-(?:linux|macos|windows).*)?"
)
_OTHERS: Final = re.compile(r"(?:pypy|graalpy)-?(\d+\.\d+).*")
_RANGE: Final = re.compile(r"[<>=!~^].*\d")


def version(text: str) -> str | None:
    """The version that a name of a Python has; None where it tells none."""
    name = text.strip().strip("\"'")
    if _RANGE.match(name):
        return name
    found = _NAMED.fullmatch(name) or _OTHERS.fullmatch(name)
    return found[1] if found else None


def _lines(text: str, name: str) -> Iterator[Mention]:
    """``.python-version`` and ``runtime.txt``: a Python a line, or several on one."""
    for number, line in enumerate(text.splitlines(), 1):
        for word in line.partition("#")[0].split():
            if python := version(word):
                yield Mention(word, Kind.DEVELOPMENT, name, number, python)


def _tools(text: str, name: str) -> Iterator[Mention]:
    """``.tool-versions``."""
    for number, line in enumerate(text.splitlines(), 1):
        tool, *words = line.partition("#")[0].split() or [""]
        for word in words if tool == "python" else ():
            if python := version(word):
                yield Mention(f"python {word}", Kind.DEVELOPMENT, name, number, python)


def _mise(text: str, name: str) -> Iterator[Mention]:
    said = _table(_parsed(text), "tools").get("python")
    for one in said if isinstance(said, list) else [said]:
        value = one.get("version") if isinstance(one, dict) else one
        if isinstance(value, str) and (python := version(value)):
            number = line_of(text, ("tools", "python")) or 1
            yield Mention(f'python = "{value}"', Kind.DEVELOPMENT, name, number, python)


def _pipfile(text: str, name: str) -> Iterator[Mention]:
    requires = _table(_parsed(text), "requires")
    for key in ("python_version", "python_full_version"):
        value = requires.get(key)
        if isinstance(value, str) and (python := version(value)):
            number = line_of(text, ("requires", key)) or 1
            yield Mention(f'{key} = "{value}"', Kind.DEVELOPMENT, name, number, python)


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


READERS: Final[Mapping[str, Callable[[str, str], Iterator[Mention]]]] = {
    ".python-version": _lines,
    ".tool-versions": _tools,
    "runtime.txt": _lines,
    "mise.toml": _mise,
    ".mise.toml": _mise,
    ".config/mise.toml": _mise,
    "Pipfile": _pipfile,
}
"""Reads each of these files; from its text and how a sentence names it to what it says."""
