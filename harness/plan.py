"""The checks that a verification runs: those of the catalogue that are chosen, for each function or for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.catalogue import CATALOGUE, PREFLIGHT, named
from harness.check import Check, Scope
from harness.model import UsageError

if TYPE_CHECKING:
    from harness.manifest import Function, Manifest
    from harness.session.settings import Settings

NO_HANDLER = (
    "no handler is declared: add a [functions.NAME] table with handler, or --handler NAME; --engine none verifies the "
    "archives alone"
)


@dataclass(frozen=True, slots=True)
class Planned:
    """One check to run: on one function, or on the artifact."""

    check: Check
    function: Function | None = None

    @property
    def name(self) -> str:
        """``handler-imports[api]``, ``unzipped-size``."""
        return f"{self.check.id}[{self.function.name}]" if self.function else self.check.id


def plan(manifest: Manifest, settings: Settings) -> tuple[Planned, ...]:
    """The checks to run, in the order of the catalogue; needs no archive to be there.

    Raises:
        UsageError: There is no check of a given name, or a pass would say nothing.
    """
    for name in (*settings.select, *settings.skip, *(waiver.check for waiver in manifest.waivers)):
        if name not in PREFLIGHT or name in settings.select or name in settings.skip:
            named(name)
    checks = [c for c in CATALOGUE if c.id not in settings.skip and (not settings.select or c.id in settings.select)]
    if not (manifest.functions or settings.static) and any(check.starts_handlers for check in checks):
        raise UsageError(NO_HANDLER)
    planned: list[Planned] = []
    for check in checks:
        functions = manifest.functions if check.scope is Scope.FUNCTION else ()
        planned += [Planned(check, function) for function in functions or (None,)]
    return tuple(planned)
