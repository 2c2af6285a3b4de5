"""Reduces a marker by the extras and groups that are asked for; nothing else of it is evaluated."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from packaging.utils import canonicalize_name

from harness.dependencies.project import MAIN, Group, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Left: TypeAlias = bool | str
"""Decided, or the remaining marker."""

_TOKEN = re.compile(r"""\s*([()]|'[^']*'|"[^"]*"|===|~=|[<>=!]=|[<>]|not\s+in\b|[A-Za-z_][\w.]*)\s*""")
_MENTIONS = re.compile(r"\bextras?\b|\bdependency_groups\b")
_ORDER = 3  # left, operator, right
_DEEP = 50


class UnreadableMarkerError(ValueError):
    """A text that is no marker (PEP 508)."""


def mentions_lists(marker: str | None) -> bool:
    """Whether a condition depends on what is asked for."""
    return marker is not None and _MENTIONS.search(marker) is not None


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists that need an entry of a lock, and their conditions; the attributes are those of ``Locked``."""

    groups: frozenset[Group] | None = None
    marker: str | None = None
    by_group: Mapping[Group, str] = field(default_factory=dict)


def lists(found: Mapping[Group, str | None]) -> Lists:
    """Lists with their conditions; one that they share is given once."""
    if len(set(found.values())) == 1:
        return Lists(frozenset(found), next(iter(found.values())))
    return Lists(frozenset(found), None, {group: text for group, text in found.items() if text is not None})


def by_list(marker: str | None, default: Iterable[str] = ()) -> Mapping[Group, str | None]:
    """For which lists something is installed, each with the condition that remains; None: always.

    Args:
        marker: A condition that may mention ``extra``, ``extras`` or ``dependency_groups``.
        default: Names of groups that stand for the main list.

    Raises:
        UnreadableMarkerError: The condition is none.
    """
    if marker is None or not mentions_lists(marker):
        return {MAIN: marker}
    base = frozenset(map(canonicalize_name, default))
    found: dict[Group, Left] = {MAIN: narrow(marker, groups=base)}
    nothing = narrow(marker)
    for one in sorted(_mentioned(marker)):
        asked = frozenset({one.name})
        left = narrow(marker, extras=asked) if one.kind is Kind.EXTRA else narrow(marker, groups=asked)
        if left != nothing and not (one.kind is Kind.GROUP and one.name in base):
            found[one] = left
    return {one: None if left is True else str(left) for one, left in found.items() if left is not False}


def narrow(marker: str, *, extras: frozenset[str] = frozenset(), groups: frozenset[str] = frozenset()) -> Left:
    """A condition where these extras and groups are asked for, and no others; UnreadableMarkerError if it is none."""
    parser = _Parser(_tokens(marker), extras, groups)
    left = parser.either()
    if parser.tokens:
        raise UnreadableMarkerError(marker)
    return left


def _tokens(marker: str) -> deque[str]:
    found: deque[str] = deque()
    position = 0
    while position < len(marker):
        token = _TOKEN.match(marker, position)
        if token is None or marker.count("(") > _DEEP:
            raise UnreadableMarkerError(marker)
        found.append(" ".join(token[1].split()) if token[1].startswith("not") else token[1])
        position = token.end()
    return found


def _mentioned(marker: str) -> set[Group]:
    """The extras and groups whose names a condition has."""
    tokens = [*_tokens(marker)]
    found = set()
    for left, operator, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (named := _named(left, operator, right)) is not None:
            found.add(named)
    return found


def _named(left: str, operator: str, right: str) -> Group | None:
    """The extra or group that a comparison asks about."""
    if operator in {"==", "!="} and "extra" in {left, right}:
        return Group(Kind.EXTRA, _value(right if left == "extra" else left))
    if operator in {"in", "not in"} and right in {"extras", "dependency_groups"}:
        return Group(Kind.EXTRA if right == "extras" else Kind.GROUP, _value(left))
    return None


def _value(token: str) -> str:
    return canonicalize_name(token.strip("'\""))


@dataclass(frozen=True, slots=True)
class _Parser:
    tokens: deque[str]
    extras: frozenset[str]
    groups: frozenset[str]

    def either(self) -> Left:
        parts = [self._both()]
        while self._next("or"):
            parts.append(self._both())
        return _joined(parts, "or", decisive=True)

    def _both(self) -> Left:
        parts = [self._one()]
        while self._next("and"):
            parts.append(self._one())
        return _joined(parts, "and", decisive=False)

    def _one(self) -> Left:
        if self._next("("):
            inner = self.either()
            if not self._next(")"):
                raise UnreadableMarkerError("(")
            return f"({inner})" if isinstance(inner, str) and " or " in inner else inner
        if len(self.tokens) < _ORDER:
            raise UnreadableMarkerError("".join(self.tokens))
        left, operator, right = (self.tokens.popleft() for _ in range(_ORDER))
        asked = _named(left, operator, right)
        if asked is None:
            return f"{left} {operator} {right}"
        holds = asked.name in (self.extras if asked.kind is Kind.EXTRA else self.groups)
        return holds is (operator in {"==", "in"})

    def _next(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.popleft()
            return True
        return False


def _joined(parts: list[Left], word: str, *, decisive: bool) -> Left:
    """Parts of a condition as one: a decisive one decides it, and the opposite adds nothing."""
    if decisive in parts:
        return decisive
    left = [part for part in parts if isinstance(part, str)]
    return f" {word} ".join(left) if left else not decisive
