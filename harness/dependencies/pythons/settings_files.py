"""Files in which tools are given a Python: version managers, linters, type checkers, tox and nox."""

from __future__ import annotations

import configparser
import re
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from harness.dependencies.pythons.pin import Kind, PythonPin
from harness.manifest.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Reader: TypeAlias = "Callable[[str, str], Iterator[PythonPin]]"
"""From a file's text and its name in a message to what it declares."""
_Ways: TypeAlias = "Sequence[tuple[str, ...]]"

# `3.12.7`, `cpython-3.12`, `python-3.12.7`, `3.12.7/envs/shop`; the name of a virtual environment is none.
_NAMED: Final = re.compile(
    r"(?:c?python[-@]?|v)?(\d+(?:\.(?:\d+|[x*]))*(?:-?(?:dev|rc\d+|[ab]\d+))?t?)(?:/envs/.*|-(?:linux|macos|windows).*)?"
)
_OTHERS: Final = re.compile(r"(?:pypy|graalpy)-?(\d+\.\d+).*")
_RANGE: Final = re.compile(r"[<>=!~^].*\d")
_TARGET: Final = re.compile(r"py(\d)(\d+)|(\d+)\.(\d+)")  # a linter's
_ENVIRONMENT: Final = re.compile(r"(?<![\w.])py(\d)\.?(\d+)(?![\d.])")  # tox's
_BRACED: Final = re.compile(r"([\w.-]*)\{([\w.,-]+)\}")
_NOX: Final = re.compile(r"\bpython\s*=\s*(\[[^\]]*\]|[\"'][\d.]+[\"'])")
_LINTER_KEYS: Final = (
    ("tool", "ruff", "target-version"),
    ("tool", "black", "target-version"),
    ("tool", "mypy", "python_version"),
    ("tool", "pyright", "pythonVersion"),
    ("tool", "basedpyright", "pythonVersion"),
    ("tool", "ty", "environment", "python-version"),
    ("tool", "pylint", "main", "py-version"),
    ("tool", "pylint", "MASTER", "py-version"),
)


def version(text: str) -> str | None:
    """The version in a name of a Python, or a range of versions; None where there is none."""
    name = text.strip().strip("\"'")
    if _RANGE.match(name):
        return name
    found = _NAMED.fullmatch(name) or _OTHERS.fullmatch(name)
    return found[1] if found else None


def _lines(text: str, name: str, tool: str = "") -> Iterator[PythonPin]:
    """A Python a line, or several on one; in ``.tool-versions`` behind the name of the tool."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if tool and words[:1] != [tool]:
            continue
        for word in words[bool(tool) :]:
            if python := version(word):
                yield PythonPin(f"{tool} {word}".strip(), Kind.DEVELOPMENT, name, number, python)


def _pins(text: str, name: str, ways: _Ways) -> Iterator[PythonPin]:
    """The keys of a TOML file that pin developers' Python."""
    for way, value, line in _values(text, ways):
        for item in _listed(value):
            pin = item.get("version") if isinstance(item, dict) else item
            if isinstance(pin, str) and (python := version(pin)):
                yield PythonPin(f'{way[-1]} = "{pin}"', Kind.DEVELOPMENT, name, line, python)


def _targets(text: str, name: str, ways: _Ways) -> Iterator[PythonPin]:
    """The keys of a TOML file that give linters a Python; of several, the newest counts."""
    for way, value, line in _values(text, ways):
        newest = max(filter(None, map(_target, _listed(value))), default=None)
        if newest:
            written = f"{way[-1]} = {value!r}".replace("'", '"')
            yield PythonPin(written, Kind.LINTER, name, line, "{}.{}".format(*newest))


def _target(value: object) -> tuple[int, int] | None:
    """The Python that a linter is given: ``py311``, ``3.11``."""
    found = _TARGET.fullmatch(value) if isinstance(value, str) else None
    return (int(found[1] or found[3]), int(found[2] or found[4])) if found else None


def _pyproject(text: str, name: str) -> Iterator[PythonPin]:
    yield from _targets(text, name, _LINTER_KEYS)
    for way, value, line in _values(text, (("tool", "tox", "legacy_tox_ini"), ("tool", "tox", "env_list"))):
        if way[-1] == "env_list":
            yield from (found for item in _listed(value) for found in _environments(str(item), name, line))
        elif isinstance(value, str):
            yield from _tox(value, name, line)


def _mypy(text: str, name: str) -> Iterator[PythonPin]:
    for value, line in _options(text, "mypy", "python_version"):
        if target := _target(value):
            yield PythonPin(f"python_version = {value}", Kind.LINTER, name, line, "{}.{}".format(*target))


def _tox(text: str, name: str, first: int = 1) -> Iterator[PythonPin]:
    for value, line in _options(text, "tox", "envlist", "env_list"):
        yield from _environments(value, name, first + line - 1)


def _environments(text: str, name: str, line: int) -> Iterator[PythonPin]:
    """The interpreters of a list of environments: ``py311, py{311,312}-unit, 3.12``."""
    spread = _BRACED.sub(lambda found: ",".join(found[1] + one for one in found[2].split(",")), text)
    for found in _ENVIRONMENT.finditer(spread):
        yield PythonPin(found[0], Kind.DEVELOPMENT, name, line, f"{found[1]}.{found[2]}")


def _nox(text: str, name: str) -> Iterator[PythonPin]:
    for found in _NOX.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        for python in re.findall(r"[\"'](\d\.\d+)[\"']", found[1]):
            yield PythonPin(f'python = "{python}"', Kind.DEVELOPMENT, name, line, python)


def _values(text: str, ways: _Ways) -> Iterator[tuple[tuple[str, ...], Any, int]]:
    """The values of a TOML file under keys, each with its line."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    for way in ways:
        value: Any = document
        for key in way:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield way, value, line_of(text, way) or 1


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _options(text: str, section: str, *keys: str) -> Iterator[tuple[str, int]]:
    """The values of options of an INI file, each with its line."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for key in keys:
        if parser.has_option(section, key):
            found = re.search(rf"^{re.escape(key)}\s*[=:]", text, re.MULTILINE | re.IGNORECASE)
            yield parser.get(section, key).strip(), text.count("\n", 0, found.start()) + 1 if found else 1


DEVELOPERS: Final[Mapping[str, Reader]] = {
    ".python-version": _lines,
    ".tool-versions": partial(_lines, tool="python"),
    "runtime.txt": _lines,
    **dict.fromkeys(("mise.toml", ".mise.toml", ".config/mise.toml"), partial(_pins, ways=(("tools", "python"),))),
    "Pipfile": partial(_pins, ways=(("requires", "python_version"), ("requires", "python_full_version"))),
}
"""The readers of the files that give developers a Python, by name."""
LINTERS: Final[Mapping[str, Reader]] = {
    "pyproject.toml": _pyproject,
    **dict.fromkeys(("ruff.toml", ".ruff.toml"), partial(_targets, ways=(("target-version",),))),
    **dict.fromkeys(("mypy.ini", ".mypy.ini", "setup.cfg"), _mypy),
    "tox.ini": _tox,
    "noxfile.py": _nox,
}
"""The readers of the files that give linters and test runners a Python, by name."""
