"""The build output of another tool, below the manifest that is based on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.model import Uncovered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.manifest.permissions import Permissions
    from harness.manifest.scopes import Scope
    from harness.manifest.seeds import Seed
    from harness.manifest.tables import ManifestTable
    from harness.manifest.values import Function, Manifest


@dataclass(frozen=True, slots=True)
class Template:
    """The build output of another tool, as a scope below the manifest.

    Attributes:
        scope: Its functions, as a manifest would declare them.
        uncovered: Its functions that are not verified.
        unlocated: Those of them that are verified where the manifest or an option names their code.
        nothing: The sentence for when none of its functions can be verified.
        notes: Sentences about the build.
        caveats: What a function's declaration leaves to the deploy, by its name.
        permissions: What each function's role allows, by the function's name.
        whole_environments: The functions that have no variables but the declared ones, and those that Lambda sets.
        events: What each function is called with, as JSON texts by function and name.
        services: What of AWS the template declares, for functions that start with an emulated one; None: nothing.
    """

    scope: Scope[ManifestTable]
    uncovered: tuple[Uncovered, ...] = ()
    unlocated: frozenset[str] = frozenset()
    nothing: str = ""
    notes: tuple[str, ...] = ()
    caveats: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    permissions: Mapping[str, Permissions | None] = field(default_factory=lambda: MappingProxyType({}))
    whole_environments: frozenset[str] = frozenset()
    events: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    services: Seed | None = None

    def completed(self, manifest: Manifest) -> Manifest:
        """A manifest with what only the template knows; most functions' runtime is the manifest's."""
        functions = tuple(
            replace(
                function,
                caveats=self.caveats.get(function.name, ()),
                permissions=self.permissions.get(function.name),
                seed=self._seed(function),
                whole_environment=function.name in self.whole_environments,
            )
            for function in manifest.functions
        )
        common = {
            key: Counter(getattr(function, key) for function in functions).most_common(1)[0][0]
            or getattr(manifest, key)
            for key in ("runtime", "architecture")
            if functions
        }
        located = self.unlocated.intersection(function.name for function in functions)
        uncovered = tuple(
            Uncovered(one.name, one.reason, one.place, one.undone) for one in self.uncovered if one.name not in located
        )
        return replace(manifest, functions=functions, uncovered=uncovered, notes=self.notes, **common)

    def _seed(self, function: Function) -> Seed | None:
        """What the function's emulated AWS has: the template's resources, below the content of ``aws-seed``."""
        if self.services is None or function.name not in self.scope.table.functions:
            return function.seed
        if function.seed is not None:
            return function.seed.over(self.services)
        from harness.manifest.seeds import ENDPOINTS  # noqa: PLC0415 - few runs need it

        return None if ENDPOINTS & dict(function.environment).keys() else self.services
