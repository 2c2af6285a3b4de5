"""Poetry's own tables, and its constraint language in the words of PEP 508."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from harness.dependencies.declared.groups import DEV, Include, Listed
from harness.dependencies.declared.requirement_line import requirement as parsed
from harness.dependencies.declared.toml_file import culprit
from harness.dependencies.project import MAIN, Asked, Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from poetry.core.constraints.version import VersionConstraint
    from poetry.core.packages.dependency import Dependency

    from harness.dependencies.declared.toml_file import TomlFile

_TABLE: Final = ("tool", "poetry")
_PLACES: Final = ("path", "file", "url", "git")
_PARTS: Final = {
    "git": "the URL of a repository",
    "markers": "a marker such as os_name == 'posix'",
    "python": 'a constraint on Python such as "^3.12"',
}


def poetry_lists(file: TomlFile) -> Iterator[Listed]:
    """The lists of ``[tool.poetry]``.

    Where the standard's tables have a list, Poetry's only adds to it where things are from, and is none of its own.
    """
    if file.at(*_TABLE) is None:
        return
    main, extras = _counts(file)
    way = (*_TABLE, "dependencies")
    if main:
        yield Listed(MAIN, "[tool.poetry.dependencies]", (*_asked(file, MAIN, *way, optional=False),))
    for key, group in file.groups(Kind.EXTRA, *_TABLE, "extras") if extras else ():
        names = {canonicalize_name(text) for _, text in file.strings(*_TABLE, "extras", key)}
        asked = (*_asked(file, group, *way, optional=True, names=names),)
        yield Listed(group, f"[tool.poetry.extras] {key}", asked)
    if file.at(*_TABLE, "dev-dependencies") is not None:
        asked = () if _only_adds(file, DEV.name) else (*_asked(file, DEV, *_TABLE, "dev-dependencies"),)
        yield Listed(DEV, "[tool.poetry.dev-dependencies]", asked)
    for key, group in file.groups(Kind.GROUP, *_TABLE, "group"):
        yield _group(file, key, group)


def poetry_python(file: TomlFile) -> str | None:
    """The Python that Poetry's table requires, as a specifier; None where it has none."""
    way = (*_TABLE, "dependencies", "python")
    found = file.at(*way)
    stated = found.get("version") if isinstance(found, dict) else found
    if stated is None:
        return None
    try:
        return str(specifier(stated)) or None
    except ValueError:
        file.expected('a constraint on Python such as "^3.12"', stated, *way)
        return None


def specifier(constraint: str) -> SpecifierSet:
    """A constraint on versions as a specifier; of one that leaves a gap, the whole from end to end.

    Raises:
        ValueError: It is none, or lets no version in.
    """
    from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - as below

    try:
        return SpecifierSet(_in_specifiers(parse_constraint(constraint)))
    except Exception as error:
        raise ValueError(f"{constraint!r} is no constraint") from error


def _counts(file: TomlFile) -> tuple[bool, bool]:
    """Whether Poetry's main list counts, and whether its extras do."""
    stated, extras = file.at("project", "dependencies"), file.at("project", "optional-dependencies")
    if not stated and not extras:
        return True, True
    dynamic = {text for _, text in file.strings("project", "dynamic")}
    if dynamic.isdisjoint({"dependencies", "optional-dependencies"}):
        return False, False
    return not stated, not extras


def _group(file: TomlFile, key: str, group: Group) -> Listed:
    way = (*_TABLE, "group", key)
    file.table(*way)  # takes note if it is none
    includes: list[Include] = []
    for index, text in file.strings(*way, "include-groups"):
        if name := file.name(text, "a group", *way, "include-groups", index):
            includes.append(Include(Group(Kind.GROUP, name), file.where(*way, "include-groups", index)))
    asked = () if _only_adds(file, group.name) else (*_asked(file, group, *way, "dependencies"),)
    return Listed(group, f"[tool.poetry.group.{key}.dependencies]", asked, tuple(includes))


def _only_adds(file: TomlFile, group: str) -> bool:
    """Whether what Poetry's tables have of a group only adds to the standard's, which asks for something itself."""
    standard = {canonicalize_name(one): stated for one, stated in file.table("dependency-groups").items()}
    stated = standard.get(canonicalize_name(group))
    return isinstance(stated, list) and any(isinstance(one, str) for one in stated)


def _asked(
    file: TomlFile, group: Group, *way: str, optional: bool | None = None, names: AbstractSet[str] | None = None
) -> Iterator[Asked]:
    """The dependencies of a table.

    Args:
        file: The file.
        group: The list that the table is.
        way: The table.
        optional: Whether only those are meant that extras ask for, or only the others; None for all.
        names: Only these.
    """
    for key, stated in file.table(*way).items():
        name = file.name(key, "a distribution", *way, key)
        if name in {None, "python"} or (names is not None and name not in names):
            continue
        for place, one in _conditions(stated, *way, key):
            if optional in {None, isinstance(one, dict) and one.get("optional") is True}:
                found = _dependency(file, key, one, group, *place)
                yield from (found,) if found else ()


def _conditions(stated: object, *way: str) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """The constraints of a dependency: one, or several that hold under different conditions."""
    if not isinstance(stated, list):
        yield way, stated
        return
    for index, one in enumerate(stated):
        yield (*way, index), one


def _dependency(file: TomlFile, name: str, stated: object, group: Group, *way: str | int) -> Asked | None:
    try:
        requirement = requirement_of(name, stated, file.path.parent)
    except ValueError:
        _refused(file, name, stated, *way)
        return None
    return file.entry(name, stated, requirement, group, *way)


def _refused(file: TomlFile, name: str, stated: object, *way: str | int) -> None:
    """Take note of what is wrong with a dependency: a part of its table, or the constraint."""
    table = stated if isinstance(stated, dict) else {}
    key = culprit(table, lambda one: requirement_of(name, one, file.path.parent))
    if key in _PARTS:
        file.expected(_PARTS[key], table[key], *way, key)
    else:
        file.expected('a constraint such as "^1.2", or a table with one', table.get("version", stated), *way)


def requirement_of(name: str, stated: object, folder: Path) -> Requirement:
    """A dependency in the words of PEP 508.

    Args:
        name: Its name.
        stated: What Poetry's table says of it: a constraint, or a table.
        folder: What its paths are relative to.

    Raises:
        ValueError: It is none.
    """
    # Here, since only projects of Poetry's own kind need it, and it takes longer than --help may.
    from poetry.core.factory import Factory  # noqa: PLC0415

    table: dict[str, Any] = (
        {"version": stated} if isinstance(stated, str) else stated if isinstance(stated, dict) else {}
    )
    if not table:
        raise ValueError(f"{stated!r} is no constraint")
    # Where it is from is put back below: Poetry would look for a path, and speak of one that is not there.
    constraint = {key: value for key, value in table.items() if key not in _PLACES}
    try:
        dependency = Factory.create_dependency(name, constraint)
        found = _in_pep_508(dependency)
        found.url = _url(name, table, folder)
    except Exception as error:  # it is written for files that were validated
        raise ValueError(f"{stated!r} is no constraint") from error
    if found.url:
        found.specifier = SpecifierSet()
    return found


def _in_pep_508(dependency: Dependency) -> Requirement:
    try:
        return parsed(dependency.to_pep_508(with_extras=False))
    except (InvalidRequirement, RecursionError):
        whole = parsed(dependency.with_constraint("*").to_pep_508(with_extras=False))
        whole.specifier = SpecifierSet(_in_specifiers(dependency.constraint))
        return whole


def _in_specifiers(constraint: VersionConstraint) -> str:
    """A constraint as a specifier; what has gaps that no specifier expresses, from end to end."""
    from poetry.core.constraints.version import Version, VersionRange, VersionUnion  # noqa: PLC0415 - as above

    if constraint.is_empty():
        raise ValueError("no version is let in")
    if isinstance(constraint, VersionUnion) and "||" in str(constraint):
        first, last = constraint.ranges[0], constraint.ranges[-1]
        constraint = VersionRange(first.min, last.max, first.include_min, last.include_max)
    if isinstance(constraint, Version):
        return f"=={constraint}"
    return "" if constraint.is_any() else str(constraint)


def _url(name: str, table: dict[str, Any], folder: Path) -> str | None:
    """The origin of a dependency, if that is no index."""
    from poetry.core.packages.vcs_dependency import VCSDependency  # noqa: PLC0415 - as above

    if path := table.get("path") or table.get("file"):
        return Path(normpath(folder.absolute() / str(path))).as_uri()
    if url := table.get("url"):
        return str(url)
    if source := table.get("git"):
        repository = VCSDependency(
            name,
            "git",
            source,
            branch=table.get("branch"),
            tag=table.get("tag"),
            rev=table.get("rev"),
            directory=table.get("subdirectory"),
        )
        return Requirement(repository.to_pep_508(with_extras=False)).url
    return None
