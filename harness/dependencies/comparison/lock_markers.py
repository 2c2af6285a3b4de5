"""Which of the conditions of a lock hold on a runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

_APART: Mapping[str, AbstractSet[str]] = {"extras": frozenset(), "dependency_groups": frozenset()}


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a lock, judged once each: a lock has few that differ.

    Attributes:
        environment: What the variables of markers are on the runtime.
    """

    environment: Mapping[str, str]
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def met(self, marker: str | None, extra: str = "") -> bool:
        """Whether a condition is met, with one extra or none; what cannot be judged is not.

        Groups and extras of the project are none of its business: the lists themselves tell them apart.
        """
        if marker is None:
            return True
        if (known := self._known.get((marker, extra))) is None:
            known = self._known[marker, extra] = self._judged(marker, extra)
        return known

    def _judged(self, marker: str, extra: str) -> bool:
        environment: dict[str, str | AbstractSet[str]] = {**self.environment, "extra": extra, **_APART}
        try:
            return Marker(marker).evaluate(environment, context="lock_file")
        except (InvalidMarker, InvalidVersion, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
            return False
