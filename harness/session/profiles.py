"""The extra start of each function with its imports timed, which no verdict depends on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.engines.protocol import Observation, Unavailable
from harness.model import InitProfile
from harness.plain_text import few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.manifest import Function
    from harness.session.starts import Starts

MOST_NAMES = 5


@dataclass
class Profiles:
    """The import profiles of functions."""

    starts: Starts
    _seen: dict[str, Observation | Unavailable] = field(default_factory=dict)

    def run(self, observed: Sequence[Function]) -> tuple[str, ...]:
        """Start each function that was observed once more.

        Returns:
            What could not be done, in a sentence for each reason.
        """
        for group in self.starts.groups(observed):
            with contextlib.suppress(Exception):  # whatever it is, the verdict stands
                self._seen |= self.starts.started(group, (), profiled=True)
        failed: dict[str, list[str]] = {}
        for function in self.starts.manifest.functions:
            if not self.find(function):
                reason = self._reason(function, is_observed=function in observed)
                failed.setdefault(reason, []).append(function.name)
        return tuple(f"no import profile of {few(names, MOST_NAMES)}: {reason}" for reason, names in failed.items())

    def find(self, function: Function) -> InitProfile | None:
        """The profile of a function; None without one."""
        seen = self._seen.get(function.name)
        if not isinstance(seen, Observation) or not seen.imports:
            return None
        return InitProfile(seen.init.seconds, seen.compiling, seen.imports)

    def _reason(self, function: Function, *, is_observed: bool) -> str:
        """Why there is no profile of a function."""
        match self._seen.get(function.name):
            case Unavailable() as reason:
                return str(reason)
            case Observation():
                return "the extra start reported no import"
            case None:
                return "the extra start could not be made" if is_observed else "it was not started"
