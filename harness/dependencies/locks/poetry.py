"""Reads ``poetry.lock``, formats 1.0 to 2.x."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from msgspec import Struct, field
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from harness.dependencies.declared.poetry import specifier
from harness.dependencies.locks.lock_file import edge_of, extras_of, major, normalised
from harness.dependencies.locks.markers import Lists, UnreadableMarkerError, by_list, lists
from harness.dependencies.project import MAIN, AnyLock, Edge, Group, Kind, Lock, Locked, MalformedFileError
from harness.dependencies.text_files import convert, parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.dependencies.locks.lock_file import LockFile
    from harness.dependencies.project import Declared

_KNOWN = {1, 2}
_ANY = "*"


class _Metadata(Struct, rename="kebab"):
    lock_version: str = "1.0"  # the first format did not say
    python_versions: str = _ANY


class _Header(Struct):
    metadata: _Metadata


class _Dependency(Struct):
    extras: list[str] = []
    markers: str | None = None
    python: str | None = None
    optional: bool = False


class _Source(Struct):
    type: str
    url: str
    reference: str | None = None
    resolved_reference: str | None = None
    subdirectory: str | None = None


class _Package(Struct, rename="kebab"):
    name: str
    version: str
    python_versions: str = _ANY
    optional: bool = False
    category: str | None = None
    groups: list[str] | None = None
    markers: str | dict[str, str] | None = None
    dependencies: dict[str, str | _Dependency | list[str | _Dependency]] = {}
    extras: dict[str, list[str]] = {}
    source: _Source | None = None


class _Document(Struct):
    package: list[_Package] = []
    extras: dict[str, list[str]] = field(default_factory=dict)


def read(file: LockFile, declared: Declared | None) -> AnyLock:
    """The lock that the file is.

    Raises:
        MalformedFileError: It is none.
    """
    raw = parse_toml(file.text, file.shown)
    metadata = convert(raw, _Header, file.text, file.shown).metadata
    if major(metadata.lock_version) not in _KNOWN:
        return file.unknown(metadata.lock_version, "1.x and 2.x")
    document = convert(raw, _Document, file.text, file.shown)
    places = file.places("package", len(document.package))
    names = [normalised(one.name, where) for one, where in zip(document.package, places, strict=True)]
    edges = [tuple(_edges(one, where)) for one, where in zip(document.package, places, strict=True)]
    graph: dict[str, set[str]] = defaultdict(set)
    for name, several in zip(names, edges, strict=True):
        graph[name].update(edge.name for edge in several if not edge.extra)
    extras = _extras(document, graph, file.shown)
    packages = []
    for one, name, where, several in zip(document.package, names, places, edges, strict=True):
        needed = _lists(one, extras.get(name, frozenset()), declared)
        packages.append(
            Locked(
                name=name,
                version=one.version,
                where=where,
                groups=needed.groups,
                marker=needed.marker,
                by_group=needed.by_group,
                dependencies=several,
                url=_url(one.source) if one.source else None,
                requires_python=None if one.python_versions == _ANY else one.python_versions,
            )
        )
    python = _specifier(metadata.python_versions, file.shown)
    return Lock(file.path, file.shown, "poetry", metadata.lock_version, tuple(packages), requires_python=python)


def _edges(package: _Package, where: str) -> Iterator[Edge]:
    listed = set()
    for extra, texts in package.extras.items():
        for text in texts:
            edge = edge_of(text, where, normalised(extra, where))
            listed.add(edge.name)
            yield edge
    for written, value in package.dependencies.items():
        name = normalised(written, where)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield Edge(name)
            elif not (one.optional and name in listed):  # what an extra brings is told by the extra
                yield Edge(name, extras_of(one.extras, where), _marker(one, where))


def _marker(dependency: _Dependency, where: str) -> str | None:
    """The condition of a dependency; the first Poetry wrote that on Python's version as a constraint."""
    if dependency.python is None or dependency.python == _ANY:
        return dependency.markers
    from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - dear, and hardly ever needed
    from poetry.core.packages.utils.utils import create_nested_marker  # noqa: PLC0415 - the same

    try:
        python = create_nested_marker("python_version", parse_constraint(dependency.python))
    except Exception as error:  # noqa: BLE001 - Poetry raises whatever comes to its mind at what it cannot read
        raise MalformedFileError(f"{where}: expected a constraint on Python: {error}") from None
    return " and ".join(f"({text})" for text in (dependency.markers, python) if text) or None


def _extras(document: _Document, graph: Mapping[str, set[str]], shown: str) -> Mapping[str, frozenset[Group]]:
    """Which of the project's extras lead to a name; formats before 2.1 only say of it that some extra does."""
    found: dict[str, set[Group]] = defaultdict(set)
    for extra, texts in document.extras.items():
        group = Group(Kind.EXTRA, normalised(extra, shown))
        waiting = deque(edge_of(text, shown).name for text in texts)
        while waiting:
            name = waiting.popleft()
            if group not in found[name]:
                found[name].add(group)
                waiting.extend(graph.get(name, ()))
    return {name: frozenset(groups) for name, groups in found.items()}


def _lists(package: _Package, extras: frozenset[Group], declared: Declared | None) -> Lists:
    """Which lists need an entry; formats before 2.1 know little of that."""
    if package.groups is not None:
        return _by_group(package.groups, package.markers)
    if package.optional and extras:
        return Lists(extras)
    if package.category is None:
        return Lists()
    if package.category == MAIN.kind:
        return Lists(frozenset({MAIN}))
    known = {*declared.group_tables, *(one.group for one in declared.asked)} if declared else set[Group]()
    groups = {one for one in known if one.kind is Kind.GROUP}  # "dev" is every group together
    return Lists(frozenset(groups or {Group(Kind.GROUP, canonicalize_name(package.category))}))


def _by_group(groups: list[str], markers: str | dict[str, str] | None) -> Lists:
    found: dict[Group, str | None] = {}
    for name in groups:
        marker = markers.get(name) if isinstance(markers, dict) else markers
        if name != MAIN.kind:
            found[Group(Kind.GROUP, canonicalize_name(name))] = marker
            continue
        try:
            found.update(by_list(marker))
        except UnreadableMarkerError:
            found[MAIN] = marker
    return lists(found)


def _url(source: _Source) -> str | None:
    match source.type:
        case "legacy":  # an index
            return None
        case "git":
            commit = source.resolved_reference or source.reference
            return f"git+{source.url}{f'@{commit}' if commit else ''}"
        case _:
            return source.url


def _specifier(constraint: str, shown: str) -> str | None:
    """A constraint on Python's version as a specifier; Poetry has a language of its own for it."""
    if constraint == _ANY:
        return None
    try:
        SpecifierSet(constraint)
    except InvalidSpecifier:
        try:
            return str(specifier(constraint)) or None
        except ValueError as error:
            raise MalformedFileError(f"{shown}: expected a constraint on Python: {error}") from None
    return constraint
