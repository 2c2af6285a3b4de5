"""Reads ``poetry.lock``, formats 1.0 to 2.x."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from msgspec import Struct, field
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from harness.dependencies.declared.poetry import specifier
from harness.dependencies.locks.lock_file import edge_of, extras_of, known_groups, major, normalised, vcs_url
from harness.dependencies.locks.markers import Lists, UnreadableMarkerError, by_list, lists
from harness.dependencies.project import MAIN, AnyLock, Edge, Group, Kind, Locked, MalformedFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.dependencies.locks.lock_file import LockFile

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


def read(file: LockFile) -> AnyLock:
    """The lock in a file; MalformedFileError where there is none."""
    metadata = file.convert(_Header).metadata
    if major(metadata.lock_version) not in {1, 2}:
        return file.unknown(metadata.lock_version, "1.x and 2.x")
    document = file.convert(_Document)
    entries = [(*entry, tuple(_edges(entry[0], entry[2]))) for entry in file.placed("package", document.package)]
    graph: dict[str, set[str]] = defaultdict(set)
    for _, name, _, edges in entries:
        graph[name].update(edge.name for edge in edges if not edge.extra)
    extras = _extras(document, graph, file.shown)
    packages = []
    for package, name, where, edges in entries:
        needed = _lists(package, extras.get(name, frozenset()), file)
        packages.append(
            Locked(
                name=name,
                version=package.version,
                where=where,
                groups=needed.groups,
                marker=needed.marker,
                by_group=needed.by_group,
                dependencies=edges,
                url=_url(package.source) if package.source else None,
                requires_python=None if package.python_versions == _ANY else package.python_versions,
            )
        )
    return file.lock("poetry", metadata.lock_version, packages, _specifier(metadata.python_versions, file.shown))


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
            elif not (one.optional and name in listed):  # an edge of the extra has it
                yield Edge(name, extras_of(one.extras, where), _marker(one, where))


def _marker(dependency: _Dependency, where: str) -> str | None:
    """The condition of a dependency; the first Poetry wrote that on Python's version as a constraint."""
    if dependency.python is None or dependency.python == _ANY:
        return dependency.markers
    from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - slow, and hardly ever needed
    from poetry.core.packages.utils.utils import create_nested_marker  # noqa: PLC0415 - the same

    try:
        python = create_nested_marker("python_version", parse_constraint(dependency.python))
    except Exception as error:  # noqa: BLE001 - Poetry raises exceptions of many types
        raise MalformedFileError(f"{where}: expected a constraint on Python: {error}") from None
    return " and ".join(f"({text})" for text in (dependency.markers, python) if text) or None


def _extras(document: _Document, graph: Mapping[str, set[str]], shown: str) -> Mapping[str, frozenset[Group]]:
    """The project's extras that lead to each name; formats before 2.1 only have that some extra does."""
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


def _lists(package: _Package, extras: frozenset[Group], file: LockFile) -> Lists:
    """The lists that need an entry; formats before 2.1 have little of that."""
    if package.groups is not None:
        return _by_group(package.groups, package.markers)
    if package.optional and extras:
        return Lists(extras)
    if package.category is None:
        return Lists()
    if package.category == MAIN.kind:
        return Lists(frozenset({MAIN}))
    groups = {group for group in known_groups(file.declared) if group.kind is Kind.GROUP}  # "dev" is all of them
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
            return vcs_url("git", source.url, source.resolved_reference or source.reference)
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
