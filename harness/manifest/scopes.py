"""The scopes of a setting: options, a function's table, the file. The first that declares it wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from harness.manifest.tables import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.manifest.errors import At
    from harness.model import Place

SettingsT = TypeVar("SettingsT", bound=Settings)
SettingsT_co = TypeVar("SettingsT_co", bound=Settings, covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope(Generic[SettingsT_co]):
    """A table with the context of its values.

    Attributes:
        folder: The folder that its paths are relative to.
        name: Names a place in the file, or an option, for messages.
        at: The keys that lead to the table.
        place: The file and line of a key, for reports; None without a file.
    """

    table: SettingsT_co
    folder: Path
    name: Callable[[At], str]
    at: At = ()
    place: Callable[[At], Place | None] | None = None

    def where(self, *at: str | int) -> str:
        """The name of a place in this table."""
        return self.name((*self.at, *at))


def environment(scopes: Sequence[Scope[Settings]]) -> tuple[tuple[str, str], ...]:
    """The variables of all scopes; for each the value of the first scope that has it."""
    merged: dict[str, str] = {}
    for scope in reversed(scopes):
        merged |= scope.table.environment or {}
    return tuple(merged.items())


def first(
    scopes: Sequence[Scope[SettingsT]], get: Callable[[SettingsT], T | None]
) -> tuple[T, Scope[SettingsT]] | None:
    """The first value that is declared, with its scope."""
    for scope in scopes:
        if (declared := get(scope.table)) is not None:
            return declared, scope
    return None


def value(scopes: Sequence[Scope[SettingsT]], get: Callable[[SettingsT], T | None], default: T) -> T:
    """The first value that is declared, or the default."""
    declared = first(scopes, get)
    return default if declared is None else declared[0]
