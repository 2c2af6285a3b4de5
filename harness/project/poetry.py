"""Poetry's own tables, and its constraint language in the words of PEP 508."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from harness.project.values import MAIN, Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONSTRAINING = ("version", "extras", "python", "markers", "platform")


@dataclass(frozen=True, slots=True)
class Written:
    """A dependency as Poetry writes it.

    Attributes:
        way: The keys that lead to it, below ``[tool.poetry]``.
        stated: A constraint, or a table with one.
    """

    name: str
    stated: Any
    group: Group
    way: tuple[str, ...]

    @property
    def text(self) -> str:
        """How a sentence quotes it."""
        constraint = self.stated.get("version") if isinstance(self.stated, dict) else self.stated
        return f"{self.name} {constraint}" if isinstance(constraint, str) else self.name


def written(table: Mapping[str, Any], *, main: bool) -> Iterator[Written]:
    """What ``[tool.poetry]`` declares, in every list.

    Args:
        table: It.
        main: Whether its main list counts: it only adds to ``[project] dependencies``, where that is there.
    """
    extras = _table(table.get("extras"))
    for name, stated in _entries(table.get("dependencies")) if main else ():
        if canonicalize_name(name) == "python":
            continue
        optional = isinstance(stated, dict) and stated.get("optional") is True
        lists = [extra for extra, names in extras.items() if isinstance(names, list) and name in names]
        groups = [Group(Kind.EXTRA, canonicalize_name(extra)) for extra in lists] if optional else [MAIN]
        yield from (Written(name, stated, group, ("dependencies", name)) for group in groups)
    for name, stated in _entries(table.get("dev-dependencies")):
        yield Written(name, stated, Group(Kind.GROUP, "dev"), ("dev-dependencies", name))
    groups_table = _table(table.get("group"))
    for group in groups_table:
        own = Group(Kind.GROUP, canonicalize_name(group))
        for included in _included(group, groups_table):
            for name, stated in _entries(_table(groups_table.get(included)).get("dependencies")):
                yield Written(name, stated, own, ("group", included, "dependencies", name))


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: object) -> Iterator[tuple[str, Any]]:
    """Names with what is stated of each; of several conditions, one after another."""
    for name, stated in _table(value).items():
        for one in stated if isinstance(stated, list) else [stated]:
            yield name, one


def _included(group: str, groups: Mapping[str, Any]) -> list[str]:
    """A group and those that it includes."""
    found, waiting = list[str](), [group]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            included = _table(groups.get(name)).get("include-groups", ())
            waiting += [one for one in included if isinstance(one, str)] if isinstance(included, list) else []
    return found


def requirement(one: Written) -> Requirement:
    """A dependency in the words of PEP 508.

    Raises:
        ValueError: It is none.
    """
    # Here, since only projects of Poetry's own kind need it, and it takes longer than --help may.
    from poetry.core.factory import Factory  # noqa: PLC0415

    stated = {"version": one.stated} if isinstance(one.stated, str) else one.stated
    if not isinstance(stated, dict):
        raise ValueError(f"found {stated!r}")  # noqa: TRY004 - a value of the file
    # Where it comes from is put back below: Poetry would look whether a path is there.
    source = next((f"git+{stated['git']}@{_revision(stated)}" for _ in range("git" in stated)), None)
    source = source or stated.get("url")
    constraint = {key: stated[key] for key in _CONSTRAINING if key in stated}
    constraint.setdefault("version", "*")
    try:
        dependency = Factory.create_dependency(one.name, constraint)
        text = dependency.to_pep_508(with_extras=False)
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error
    try:
        return Requirement(_with_source(text, source) if isinstance(source, str) else text)
    except InvalidRequirement:
        return Requirement(dependency.complete_name)  # a union that PEP 508 has no words for


def _revision(stated: Mapping[str, Any]) -> str:
    return str(stated.get("rev") or stated.get("tag") or stated.get("branch") or "HEAD")


def _with_source(text: str, source: str) -> str:
    head, semicolon, marker = text.partition(";")
    name = head.partition("(")[0].strip()
    return f"{name} @ {source} ; {marker.strip()}" if semicolon else f"{name} @ {source}"


def specifier(constraint: str) -> SpecifierSet:
    """A constraint on Python as a specifier.

    Raises:
        ValueError: It is none, or one that no specifier expresses.
    """
    from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - as above

    try:
        parsed = parse_constraint(constraint)
        return SpecifierSet("" if parsed.is_any() else str(parsed))
    except InvalidSpecifier:
        return SpecifierSet("")
    except Exception as error:
        raise ValueError(str(error)) from error
