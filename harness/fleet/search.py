"""Which functions have a distribution at certain versions, a layer, or a runtime that ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from harness.artifact.entries import Role
from harness.facts.store import FactStore
from harness.fleet.judge import is_layer
from harness.model import UsageError
from harness.policy import runtime_policy
from harness.sources.local import SourceUnavailable, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date
    from pathlib import Path

    from harness.fleet.values import Member
    from harness.manifest import Manifest, Source


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """A function that has what was looked for.

    Attributes:
        what: ``urllib3 1.26.5``, a layer, or a runtime with its last day.
        where: The archive; empty for a runtime.
    """

    team: str
    member: str
    function: str
    what: str
    where: str


class Matches(msgspec.Struct, frozen=True):
    """What was found, for programs."""

    schema: str
    query: str
    matches: tuple[Match, ...]
    undone: dict[str, str]


@dataclass
class Search:
    """Looks for one thing in one member after another; each archive is read once.

    Attributes:
        query: A requirement (PEP 508); the ARN, the name or the path of a layer; or ``runtime<2027-01-31``: those that
            AWS no longer supports by then.
    """

    query: str
    cache: Path
    environ: Mapping[str, str]

    def __post_init__(self) -> None:
        """Decide what is looked for.

        Raises:
            UsageError: It is neither.
        """
        self._known: dict[object, tuple[tuple[str, str], ...]] = {}
        self._matching = self._of_layer if "/" in self.query or self.query.startswith("arn:") else self._of_requirement
        if self.query.startswith("runtime<"):
            self._matching = self._of_runtime
        elif self._matching == self._of_requirement:
            try:
                self._requirement = Requirement(self.query)
            except InvalidRequirement as error:
                raise UsageError(
                    f"find {self.query}: expected a requirement ('urllib3<2.6'), a layer's ARN or path, or "
                    f"runtime<DAY: {error}"
                ) from error

    def run(self, members: Iterable[Member], progress: Callable[[str], None]) -> Matches:
        """All matches, sorted, and the members that could not be read, each with the reason."""
        found, undone = set[Match](), dict[str, str]()
        for member in members:
            progress(member.name)
            try:
                manifest = member.manifest(self.environ)
                for function, what, where in self._matching(manifest):
                    found.add(Match(member.team, member.name, function, what, where))
            except (UsageError, SourceUnavailable, OSError) as error:
                undone[member.name] = str(error)
        return Matches("lambda-artifact/fleet-find/v1", self.query, tuple(sorted(found)), undone)

    def _of_requirement(self, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
        name, specifier = canonicalize_name(self._requirement.name), self._requirement.specifier
        for function in manifest.functions:
            python = runtime_policy(function.runtime or manifest.runtime).python
            for source, role in ((function.code, Role.CODE), *((layer, Role.LAYER) for layer in function.layers)):
                for found, version in self._distributions(source, role, python):
                    try:
                        matches = found == name and specifier.contains(Version(version), prereleases=True)
                    except InvalidVersion:  # whatever it is, somebody should look at it
                        matches = found == name
                    if matches:
                        yield function.name, f"{found} {version}", source.text

    def _distributions(self, source: Source, role: Role, python: tuple[int, int]) -> tuple[tuple[str, str], ...]:
        """The distributions of an archive, by their canonical names.

        Raises:
            SourceUnavailable: It cannot be read.
        """
        key = (source.path or source.text, python)
        if key not in self._known:
            facts = FactStore(self.cache / "facts").facts(fetch(source, role), python)
            self._known[key] = tuple((canonicalize_name(one.name), one.version) for one in facts.distributions)
        return self._known[key]

    def _of_layer(self, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
        for function in manifest.functions:
            for layer in function.layers:
                if is_layer(layer, self.query):
                    yield function.name, layer.text, layer.text

    def _of_runtime(self, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
        for function in manifest.functions:
            runtime = function.runtime or manifest.runtime
            day: date | None = runtime_policy(runtime).deprecation
            if day and day.isoformat() < self.query.removeprefix("runtime<").strip():
                yield function.name, f"{runtime}, supported until {day}", ""
