"""Code, layers and runtime as one set of distributions, and what is missing in it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.facts.installed.contents import effective
from harness.facts.installed.requirements import Required, accepts, marker_environment, required
from harness.facts.python.search import Found, Missing, Portions
from harness.facts.python.startup import certain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.facts.python.graph import Unresolved
    from harness.facts.python.program import Program
    from harness.facts.view import Installed


@dataclass(frozen=True)  # without slots: what is derived is computed once, and cached properties keep it in __dict__
class Union:
    """The distributions that Python finds in a program."""

    program: Program

    @cached_property
    def installed(self) -> Mapping[str, tuple[Installed, ...]]:
        """Those of the archives, by normalised name: what comes first on ``sys.path``."""
        return effective(self.program)

    @cached_property
    def required(self) -> tuple[Required, ...]:
        """What they require of one another on Lambda."""
        environment = marker_environment(self.program.policy.python, self.program.architecture)
        return required(self.installed, environment)

    @cached_property
    def pins(self) -> Mapping[str, str]:
        """Versions that stand in for those of the runtime's distributions, which AWS changes."""
        pins = map(Requirement, self.program.policy.runtime_requirements)
        return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}

    @cached_property
    def _sources(self) -> Mapping[str, tuple[str, ...]]:
        found = defaultdict(list)
        for path, owner in self.program.facts.owners.items():
            if path in self.program.facts.modules:
                found[owner.folder].append(path)
        return {folder: tuple(sorted(paths)) for folder, paths in found.items()}

    def sources(self, installed: Installed) -> tuple[str, ...]:
        """The source files of a distribution, as its RECORD has them."""
        return self._sources.get(installed.folder, ())

    @cached_property
    def conflicts(self) -> tuple[Required, ...]:
        """The requirements that the version which is there does not meet."""
        return tuple(one for one in self.required if one.name in self.installed and not self._met(one))

    def _met(self, one: Required) -> bool:
        versions = [found.distribution.version for found in self.installed[one.name]]
        return any(accepts(one.requirement, version) is not False for version in versions)

    @cached_property
    def absences(self) -> tuple[Required, ...]:
        """The requirements that nothing meets, in code, layers or runtime."""
        given = self.program.policy.preinstalled
        missing = (one for one in self.required if one.name not in self.installed and one.name not in given)
        return tuple(one for one in missing if not self._unnamed(one))

    def _unnamed(self, one: Required) -> bool:
        """Whether what is required may be there without its metadata.

        Its modules can have another name: then it is taken to be there if the distribution that requires it imports
        something that no distribution owns.
        """
        search, facts = self.program.search, self.program.facts
        if isinstance(search.find(one.name.replace("-", "_")), Found | Portions):
            return True
        tops = {
            statement.module.partition(".")[0]
            for path in self.sources(one.by)
            for statement in facts.modules[path].imports
            if not (statement.level or statement.never)
        }
        found = (search.find(top) for top in tops)
        return any(isinstance(one, Found) and one.path not in facts.owners for one in found)

    def of_the_runtime(self) -> Iterator[tuple[Required, str | None]]:
        """The requirements whose version is a matter of the runtime alone, each with the pin that stands in for it."""
        for one in self.required:
            if one.name in self.installed or one.name not in self.program.policy.preinstalled:
                continue
            pin = self.pins.get(one.name)
            parts = one.requirement.specifier
            exact = any(part.operator in {"==", "==="} and not part.version.endswith(".*") for part in parts)
            if exact or (pin and accepts(one.requirement, pin) is False):
                yield one, pin

    def broken(self, one: Required) -> str | None:
        """Python's words for an import that a version which does not fit lets down while a handler starts."""
        paths = (path for got in self.installed[one.name] for path in self.sources(got))
        tops = {name.partition(".")[0] for path in paths if (name := self.program.search.module_name(path))}
        for lost in self._lost(one):
            if lost.name is None and lost.missing.partition(".")[0] in tops:
                return f"No module named {lost.missing!r}, imported at {lost.path}:{lost.statement.line}"
        return None

    def _lost(self, one: Required) -> Iterator[Unresolved]:
        """The imports of the distribution that requires it which certainly fail while a handler starts."""
        for path in self.sources(one.by):
            if path in self.program.graph.reached and certain(path, self.program) is not None:
                for lost in self.program.graph.unresolved(path):
                    if lost.statement.certain and not lost.statement.lazy:
                        yield lost

    def failing(self, one: Required) -> Unresolved | None:
        """An import by which the absence of a requirement keeps a handler from starting."""
        absent = {other.name for other in self.absences if other.by is one.by}
        for found in self._lost(one):
            top = found.missing.partition(".")[0]
            gone = len(absent) == 1 and isinstance(self.program.search.find(top), Missing)
            if found.name is None and (canonicalize_name(top) == one.name or gone):
                return found
        return None
