"""The lists of a ``Pipfile``."""

from __future__ import annotations

import re
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from harness.dependencies.declared.groups import DEV, Listed
from harness.dependencies.declared.requirement_line import requirement as parsed
from harness.dependencies.declared.toml_file import culprit
from harness.dependencies.project import MAIN, Asked, Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.dependencies.declared.toml_file import TomlFile

_OTHER: Final = frozenset({"source", "requires", "scripts", "pipenv"})
_SYSTEMS: Final = ("git", "hg", "svn", "bzr")
# Conditions that have a key of their own, which holds the rest of the comparison.
_CONDITIONS: Final = (
    *("os_name", "sys_platform", "platform_machine", "platform_python_implementation", "platform_release"),
    *("platform_system", "platform_version", "python_version", "python_full_version", "implementation_name"),
    "implementation_version",
)


def pipfile_lists(file: TomlFile) -> Iterator[Listed]:
    """The lists: each table that has no other use is one."""
    for category in ("packages", *(one for one in file.content if one not in _OTHER and one != "packages")):
        name = file.name(category, "a category", category)
        if name:
            group = {"packages": MAIN, "dev-packages": DEV}.get(category, Group(Kind.GROUP, name))
            yield Listed(group, f"[{category}]", (*_asked(file, group, category),))


def pipfile_python(file: TomlFile) -> tuple[str, str] | None:
    """The Python that is required, as a specifier, and its place."""
    for key, suffix in (("python_full_version", ""), ("python_version", ".*")):
        if (text := file.string("requires", key)) is not None:
            if re.fullmatch(r"[0-9]+(\.[0-9]+)*", text, re.ASCII):
                return f"=={text}{suffix}", file.where("requires", key)
            if text != "*":
                file.expected('a version such as "3.12"', text, "requires", key)
    return None


def _asked(file: TomlFile, group: Group, category: str) -> Iterator[Asked]:
    for key, stated in file.table(category).items():
        if file.name(key, "a distribution", category, key) is None:
            continue
        table: dict[str, Any] = stated if isinstance(stated, dict) else {"version": stated}
        try:
            requirement = _requirement(key, table, file.path.parent)
        except (InvalidRequirement, RecursionError, TypeError):
            _refused(file, stated, category, key)
            continue
        yield file.entry(key, stated, requirement, group, category, key)


def _refused(file: TomlFile, stated: object, category: str, name: str) -> None:
    """Take note of what is wrong with an entry: a part of its table, or the version."""
    table = stated if isinstance(stated, dict) else {}
    key = culprit(table, lambda one: _requirement(name, one, file.path.parent))
    if key == "markers":
        file.expected("a marker such as os_name == 'posix'", table[key], category, name, key)
    elif key in _CONDITIONS:
        file.expected("a comparison such as == 'posix'", table[key], category, name, key)
    else:
        found = table.get("version", stated)
        file.expected('a version such as "==1.2" or "*", or a table with one', found, category, name)


def _requirement(name: str, table: dict[str, Any], folder: Path) -> Requirement:
    """An entry in the words of PEP 508.

    Raises:
        InvalidRequirement: It is none.
        TypeError: A part of it is of another type.
    """
    version, extras = table.get("version", "*"), table.get("extras", [])
    if not isinstance(version, str) or not isinstance(extras, list):
        raise TypeError
    specifier = "" if version == "*" else f"=={version}" if version[:1].isdecimal() else version
    conditions = [table["markers"]] if "markers" in table else []
    conditions += [f"{key} {table[key]}" for key in _CONDITIONS if key in table]
    marker = f" ; {' and '.join(f'({one})' for one in conditions)}" if conditions else ""
    found = parsed(f"{name}[{','.join(extras)}]{specifier}{marker}")
    if url := _url(table, folder):
        found.url, found.specifier = url, SpecifierSet()
    return found


def _url(table: dict[str, Any], folder: Path) -> str | None:
    """The origin of an entry, if that is no index."""
    for system in _SYSTEMS:
        if system in table:
            return f"{system}+{table[system]}" + (f"@{table['ref']}" if "ref" in table else "")
    if path := table.get("path"):
        return Path(normpath(folder.absolute() / str(path))).as_uri()
    return str(table["file"]) if "file" in table else None
