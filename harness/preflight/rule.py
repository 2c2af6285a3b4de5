"""A rule's result: a finding or a note, and the functions that it is about; and what a rule reads."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from harness.plain_text import few

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from datetime import date, datetime

    from harness.model import Finding, Note
    from harness.policy import Limits
    from harness.preflight.account import Account
    from harness.preflight.deployment import Pair

K = TypeVar("K", bound="Hashable")

_SHOWN: Final = 5
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class RuleResult:
    """A finding or a note.

    Attributes:
        check: The id of what was looked for.
        content: What was found.
        functions: By their names in the manifest; empty where it is about the account.
    """

    check: str
    content: Finding | Note
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that rules look at.

    Attributes:
        backwards: Whether it is meant that something goes back to an earlier version.
    """

    pairs: tuple[Pair, ...]
    account: Account
    today: date
    limits: Limits
    backwards: bool = False
    there: tuple[Pair, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "there", tuple(pair for pair in self.pairs if pair.deployed is not None))


def grouped(found: Iterable[tuple[K, str]]) -> dict[K, tuple[str, ...]]:
    """The names of functions by what is found of them."""
    gathered: dict[K, list[str]] = {}
    for key, name in found:
        gathered.setdefault(key, []).append(name)
    return {key: tuple(dict.fromkeys(names)) for key, names in gathered.items()}


def listed(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Names in one line; of many, the first."""
    return few(names, shown)


def short(code_sha256: str | None) -> str:
    """A digest as reports have it, of one as Lambda prints it."""
    try:
        return base64.b64decode(code_sha256 or "", validate=True).hex()[:_DIGITS]
    except binascii.Error:
        return code_sha256 or ""


def moment(when: datetime | None) -> str:
    """A point in time, to the minute."""
    return f"{when:%Y-%m-%d %H:%M} UTC" if when else "an unknown time"
