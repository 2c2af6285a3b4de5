"""Reads what a ``pyproject.toml`` or a ``Pipfile`` declares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from harness.project import poetry
from harness.project.lines import Lines
from harness.project.reading import parse_toml, read_text, shown
from harness.project.requirements import read_requirements
from harness.project.values import MAIN, Asked, Declared, Group, Kind, MalformedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

DEV = Group(Kind.GROUP, "dev")


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it was read."""

    path: Path
    shown: str
    folder: Path
    table: Mapping[str, Any]
    lines: Lines

    def where(self, *way: str) -> str:
        """A place for a message."""
        line = self.lines.of(*way)
        return f"{self.shown}:{line}" if line else self.shown

    def at(self, *way: str) -> Any:  # noqa: ANN401 - any TOML
        """What stands at a key; None where nothing does."""
        found: Any = self.table
        for key in way:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def entries(self, *way: str) -> Mapping[str, Any]:
        """The table at a key; empty where there is none.

        Raises:
            MalformedFileError: It is no table.
        """
        found = self.at(*way)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise MalformedFileError(f"{self.where(*way)}: expected a table, found {found!r}")
        return found


def read_declared(path: Path, folder: Path) -> Declared:
    """What a project declares.

    Args:
        path: Its ``pyproject.toml``, or its ``Pipfile``.
        folder: The manifest's, which names of files are relative to.

    Raises:
        MalformedFileError: It is not what it should be.
    """
    name = shown(path, folder)
    text = read_text(path, name)
    document = Document(path, name, folder, parse_toml(text, name), Lines(text))
    return _pipfile(document) if path.name == "Pipfile" else _pyproject(document)


def _pyproject(document: Document) -> Declared:
    project, tools = document.entries("project"), document.entries("tool")
    uses_poetry = "poetry" in tools
    dynamic = "dependencies" in _strings(document, "project", "dynamic")
    name = project.get("name") or document.at("tool", "poetry", "name")
    own = canonicalize_name(name) if isinstance(name, str) else None
    tables = {MAIN: "[project] dependencies"}
    asked = [*_listed(document, ("project", "dependencies"), MAIN)]
    for extra in document.entries("project", "optional-dependencies"):
        group = Group(Kind.EXTRA, canonicalize_name(extra))
        asked += _listed(document, ("project", "optional-dependencies", extra), group)
        tables[group] = f"[project.optional-dependencies] {extra}"
    asked += _groups(document, tables)
    for group, way in _older_groups(document):
        asked += _listed(document, way, group)
        tables.setdefault(group, f"[{'.'.join(way[:-1])}] {way[-1]}")
    if uses_poetry:
        asked += _of_poetry(document)
        if "dependencies" not in project:
            tables[MAIN] = "[tool.poetry.dependencies]"
        for one in asked:
            if one.group.kind is Kind.GROUP:
                tables.setdefault(one.group, f"[tool.poetry.group.{one.group.name}.dependencies]")
    computed = dynamic and not uses_poetry
    if computed and (files := _dynamic_files(document)):
        asked += read_requirements([document.path.parent / file for file in files], document.folder).asked
        computed = False
    python, where = _python(document)
    return Declared(
        path=document.path,
        shown=document.shown,
        name=own,
        asked=tuple(_expanded(asked, own)),
        requires_python=python,
        requires_python_where=where,
        tool=_tool(document),
        dynamic=computed,
        group_tables=tables,
    )


def _listed(document: Document, way: tuple[str, ...], group: Group) -> Iterator[Asked]:
    """The requirements of an array of strings."""
    seen: dict[str, int] = {}
    for text in _strings(document, *way):
        nth = seen.get(text, 0)
        seen[text] = nth + 1
        line = document.lines.holding(text, way, nth)
        where = f"{document.shown}:{line}" if line else document.shown
        yield _asked(text, where, group)


def _asked(text: str, where: str, group: Group) -> Asked:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise MalformedFileError(f"{where}: expected a requirement such as name>=1.2, found {text!r}") from None
    return Asked(canonicalize_name(requirement.name), requirement, " ".join(text.split()), where, group)


def _strings(document: Document, *way: str) -> Sequence[str]:
    found = document.at(*way)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise MalformedFileError(f"{document.where(*way)}: expected a list of strings at {'.'.join(way)}")
    return found


def _groups(document: Document, tables: dict[Group, str]) -> Iterator[Asked]:
    """The dependency groups (PEP 735), each with those that it includes."""
    stated = document.entries("dependency-groups")
    names: dict[str, str] = {canonicalize_name(name): name for name in stated}
    for name in stated:
        try:
            resolve_dependency_groups(stated, name)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is the file's fault
            where = document.where("dependency-groups", name)
            raise MalformedFileError(f"{where}: expected a dependency group: {_first(error)}") from None
        group = Group(Kind.GROUP, canonicalize_name(name))
        tables[group] = f"[dependency-groups] {name}"
        yield from _members(document, name, names, group)


def _members(document: Document, name: str, names: Mapping[str, str], group: Group) -> Iterator[Asked]:
    way = ("dependency-groups", name)
    for one in document.at(*way):
        if isinstance(one, str):
            line = document.lines.holding(one, way)
            yield _asked(one, f"{document.shown}:{line}" if line else document.shown, group)
        else:
            yield from _members(document, names[canonicalize_name(one["include-group"])], names, group)


def _first(error: BaseException) -> BaseException:
    """The first of several errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _older_groups(document: Document) -> Iterator[tuple[Group, tuple[str, ...]]]:
    """Groups as tools wrote them before there was a standard."""
    if document.at("tool", "uv", "dev-dependencies") is not None:
        yield DEV, ("tool", "uv", "dev-dependencies")
    for name in document.entries("tool", "pdm", "dev-dependencies"):
        yield Group(Kind.GROUP, canonicalize_name(name)), ("tool", "pdm", "dev-dependencies", name)


def _of_poetry(document: Document) -> Iterator[Asked]:
    """What Poetry's own tables declare; its main table only adds to ``[project] dependencies`` where that is there."""
    enriched = "dependencies" in document.entries("project")
    for one in poetry.written(document.entries("tool", "poetry"), main=not enriched):
        line = document.lines.of("tool", "poetry", *one.way)
        where = f"{document.shown}:{line}" if line else document.shown
        try:
            requirement = poetry.requirement(one)
        except ValueError as error:
            raise MalformedFileError(f"{where}: expected a dependency as Poetry writes it: {error}") from None
        yield Asked(canonicalize_name(requirement.name), requirement, one.text, where, one.group)


def _dynamic_files(document: Document) -> Sequence[str]:
    """The files that setuptools takes the main list from."""
    stated = document.at("tool", "setuptools", "dynamic", "dependencies", "file")
    files = [stated] if isinstance(stated, str) else stated
    return [one for one in files or () if isinstance(one, str)]


def _python(document: Document) -> tuple[str | None, str | None]:
    """What is required of Python, as a specifier, and where."""
    stated = document.at("project", "requires-python")
    if stated is not None:
        return _specifier(str(stated), document.where("project", "requires-python"))
    stated = document.at("tool", "poetry", "dependencies", "python")
    if isinstance(stated, str):
        where = document.where("tool", "poetry", "dependencies", "python")
        try:
            return str(poetry.specifier(stated)), where
        except ValueError as error:
            raise MalformedFileError(f"{where}: expected a constraint on Python: {error}") from None
    return None, None


def _specifier(text: str, where: str) -> tuple[str, str]:
    try:
        return str(SpecifierSet(text)), where
    except InvalidSpecifier:
        raise MalformedFileError(f"{where}: expected a specifier such as >=3.12, found {text!r}") from None


def _tool(document: Document) -> str | None:
    """Who manages the project."""
    backend = document.at("build-system", "build-backend")
    if "poetry" in document.entries("tool") or (isinstance(backend, str) and backend.startswith("poetry")):
        return "poetry"
    return next((tool for tool in ("uv", "pdm") if tool in document.entries("tool")), None)


def _expanded(asked: Sequence[Asked], own: str | None) -> Iterator[Asked]:
    """What is asked for, with the project's own extras in the place of itself: ``parcel-desk[postgres]``."""
    waiting, done = list(reversed(asked)), set[tuple[Group, str]]()
    while waiting:
        one = waiting.pop()
        if own is None or one.name != own:
            yield one
            continue
        for extra in sorted(canonicalize_name(extra) for extra in one.requirement.extras):
            if (one.group, extra) not in done:
                done.add((one.group, extra))
                meant = Group(Kind.EXTRA, extra)
                waiting += [replace(other, group=one.group) for other in asked if other.group == meant]


def _pipfile(document: Document) -> Declared:
    """A ``Pipfile``: its categories are tables beside a few with other uses."""
    asked: list[Asked] = []
    tables = {MAIN: "[packages]", DEV: "[dev-packages]"}
    for category, entries in document.table.items():
        if category in {"source", "requires", "scripts", "pipenv"}:
            continue
        group = {"packages": MAIN, "dev-packages": DEV}.get(category, Group(Kind.GROUP, canonicalize_name(category)))
        tables.setdefault(group, f"[{category}]")
        if not isinstance(entries, dict):
            raise MalformedFileError(f"{document.where(category)}: expected a table, found {entries!r}")
        for name, stated in entries.items():
            where = document.where(category, name)
            asked.append(_of_pipenv(name, stated, where, group))
    version = document.at("requires", "python_full_version") or document.at("requires", "python_version")
    where = document.where("requires", "python_version")
    return Declared(
        path=document.path,
        shown=document.shown,
        asked=tuple(asked),
        requires_python=f"=={version}.*" if isinstance(version, str) and version.count(".") == 1 else None,
        requires_python_where=where if version else None,
        tool="pipenv",
        group_tables=tables,
    )


def _of_pipenv(name: str, stated: object, where: str, group: Group) -> Asked:
    table: dict[str, Any] = stated if isinstance(stated, dict) else {"version": stated}
    version = table.get("version", "*")
    extras = f"[{','.join(map(str, table['extras']))}]" if isinstance(table.get("extras"), list) else ""
    systems = (f"{kind}+{table[kind]}@{table.get('ref', 'HEAD')}" for kind in ("git", "hg", "svn") if kind in table)
    url = next(systems, None) or table.get("file")
    specifier = f" @ {url}" if url else "" if version == "*" or "path" in table else str(version)
    marker = table.get("markers") or (f"sys_platform {table['sys_platform']}" if "sys_platform" in table else None)
    return _asked(f"{name}{extras}{specifier}{f' ; {marker}' if marker else ''}", where, group)
