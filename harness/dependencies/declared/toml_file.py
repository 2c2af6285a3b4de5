"""A TOML file of a repository: its values, their lines, and what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from harness.dependencies.declared.requirement_line import requirement
from harness.dependencies.project import Asked, Group, Kind
from harness.dependencies.text_files import parse_toml, read_text, shown
from harness.dependencies.urls import masked, names_bytes
from harness.manifest.toml_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_LONGEST: Final = 80


@dataclass
class TomlFile:
    """A file that was read and not yet understood.

    Attributes:
        path: The file.
        shown: Its name in a message.
        content: What it says.
        lines: Where.
        problems: What was found to be wrong so far: a sentence each, with its line.
    """

    path: Path
    shown: str
    content: Mapping[str, Any]
    lines: Lines
    problems: list[str] = field(default_factory=list)

    def where(self, *way: str | int) -> str:
        """The place of the value at the end of a way, or of what holds it: ``pyproject.toml:12``."""
        line = self.lines.of(*way)
        return f"{self.shown}:{line}" if line else self.shown

    def at(self, *way: str) -> Any:  # noqa: ANN401 - any TOML
        """The value at the end of a way; None where there is none. The way must lead through tables."""
        found: Any = self.content
        for depth, key in enumerate(way):
            if found is not None and not isinstance(found, dict):
                self.expected("a table", found, *way[:depth])
                return None
            found = found.get(key) if found is not None else None
        return found

    def table(self, *way: str) -> Mapping[str, Any]:
        """A table; empty where there is none."""
        found = self.at(*way)
        if isinstance(found, dict):
            return found
        if found is not None:
            self.expected("a table", found, *way)
        return {}

    def string(self, *way: str) -> str | None:
        """A string; None where there is none."""
        found = self.at(*way)
        if found is None or isinstance(found, str):
            return found
        self.expected("a string", found, *way)
        return None

    def items(self, *way: str) -> Iterator[tuple[int, Any]]:
        """The items of an array, each with its index; none where there is no array."""
        found = self.at(*way)
        if isinstance(found, list):
            yield from enumerate(found)
        elif found is not None:
            self.expected("an array", found, *way)

    def strings(self, *way: str) -> Iterator[tuple[int, str]]:
        """The items of an array of strings, each with its index."""
        for index, one in self.items(*way):
            if isinstance(one, str):
                yield index, one
            else:
                self.expected("a string", one, *way, index)

    def requirements(self, group: Group, *way: str) -> Iterator[Asked]:
        """The requirements of an array (PEP 508), as those of a list of the project."""
        for index, text in self.strings(*way):
            if one := self.requirement(text, group, *way, index):
                yield one

    def requirement(self, text: str, group: Group, *way: str | int) -> Asked | None:
        """A requirement (PEP 508); None where it is none, which is a problem then."""
        try:
            found = requirement(text)
        except (InvalidRequirement, RecursionError):
            self.expected("a requirement such as name>=1.2", text, *way)
            return None
        name, fixed = canonicalize_name(found.name), names_bytes(found.url)
        return Asked(name, found, masked(" ".join(text.split())), self.where(*way), group, fixed=fixed)

    def entry(self, key: str, stated: object, found: Requirement, group: Group, *way: str | int) -> Asked:
        """The entry of a table, as a requirement in the words of PEP 508."""
        is_editable = isinstance(stated, dict) and any(stated.get(flag) is True for flag in ("editable", "develop"))
        text, fixed = masked(f"{key} = {written(stated)}"), names_bytes(found.url)
        return Asked(canonicalize_name(key), found, text, self.where(*way), group, editable=is_editable, fixed=fixed)

    def name(self, text: str, what: str, *way: str | int) -> str | None:
        """A name of a distribution, an extra or a group, normalised; None where it is none, which is a problem then."""
        try:
            return canonicalize_name(text, validate=True)
        except InvalidName:
            self.expected(f"the name of {what}, of letters, digits, '.', '_' and '-'", text, *way)
            return None

    def groups(self, kind: Kind, *way: str) -> Iterator[tuple[str, Group]]:
        """The keys of a table that name extras or groups."""
        for key in self.table(*way):
            if name := self.name(key, f"a{'n' if kind is Kind.EXTRA else ''} {kind}", *way, key):
                yield key, Group(kind, name)

    def specifier(self, *way: str) -> str | None:
        """A specifier of versions, as it is written; None where there is none."""
        text = self.string(*way)
        try:
            SpecifierSet(text or "")
        except InvalidSpecifier:
            self.expected("a specifier such as >=3.12", text, *way)
            return None
        return text

    def expected(self, what: str, found: object, *way: str | int) -> None:
        """Take note of something that is not what it should be."""
        self.problems.append(f"{self.where(*way)}: expected {what}, found {quoted(found)}")


def read_toml(path: Path, folder: Path) -> TomlFile:
    """A file of a repository.

    Raises:
        MalformedFileError: It cannot be read, or is no TOML.
    """
    name = shown(path, folder)
    text = read_text(path, name)
    return TomlFile(path, name, parse_toml(text, name), Lines(text))


def culprit(table: Mapping[str, Any], read: Callable[[dict[str, Any]], object]) -> str | None:
    """The key of a dependency's table that cannot be read even alone; None where only the whole cannot."""
    for key, value in table.items():
        try:
            read({"version": "*", key: value})
        except (ValueError, TypeError, RecursionError):
            return key
    return None


def quoted(found: object) -> str:
    """A value, for a message."""
    match found:
        case dict():
            return "a table"
        case list():
            return "an array"
        case _:
            text = repr(found) if isinstance(found, str) else str(found).lower()
    text = masked(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def written(value: object) -> str:
    """A value as it is written in TOML, on one line."""
    match value:
        case dict():
            return f"{{{', '.join(f'{key} = {written(one)}' for key, one in value.items())}}}"
        case list():
            return f"[{', '.join(map(written, value))}]"
        case str() | bool():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
