"""The straight line: what the user names, archives, bundle, checks, report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from harness import __version__
from harness.check import Need
from harness.dependencies.repository import within_repository
from harness.model import NotApplicable, Report, Result, Skipped
from harness.plan import plan
from harness.runner import held_against, idle, lowered, regraded, run
from harness.session import baseline as baselines
from harness.session.archives import timed
from harness.session.identity import configuration_sha256, policy_sha256
from harness.session.runtime import Runtime
from harness.session.workspace import Workspace
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.manifest import Manifest
    from harness.plan import Planned
    from harness.session.settings import Settings


def verify(manifest: Manifest, settings: Settings) -> Report:
    """Verify everything that a manifest asks for.

    Raises:
        UsageError: The request is wrong.
    """
    verification = Verification(manifest, settings)
    if settings.verdicts is None:
        return verification.whole()
    plan(manifest, settings)  # which says what is wrong with the request
    return settings.verdicts.report(manifest, settings, verification.whole, lambda: verification.runtime.is_cut)


@dataclass
class Verification:
    """One verification under way."""

    manifest: Manifest
    settings: Settings
    began: float = field(default_factory=time.perf_counter)

    @cached_property
    def workspace(self) -> Workspace:
        """The archives: each is read once."""
        return Workspace(self.manifest, self.settings)

    @cached_property
    def runtime(self) -> Runtime:
        """What starts the handlers: each once."""
        return Runtime(self.manifest, self.settings, self.workspace)

    @cached_property
    def baseline(self) -> baselines.Baseline | None:
        """The findings that were there before; None where none is declared.

        Raises:
            UsageError: It cannot be read.
        """
        return baselines.read(self.manifest.baseline) if self.manifest.baseline else None

    def whole(self) -> Report:
        """Run every check that is planned, and report.

        Raises:
            UsageError: The request is wrong.
        """
        self.read_repository()
        results = [*self.results(plan(self.manifest, self.settings)), *self.runtime.undone]
        report = self.report(results)
        left = baselines.gone(report, self.baseline) if self.baseline else ()
        return replace(report, notes=(*report.notes, *idle(self.manifest.waivers, results), *left))

    def read_repository(self) -> None:
        """Read the baseline, and what the repository says of dependencies, before anything is verified against them.

        Raises:
            UsageError: A file of it is not what it should be.
        """
        with timed(self.workspace.timings, "reading the repository"):
            _ = self.baseline, self.workspace.project

    def results(self, planned: Sequence[Planned]) -> list[Result]:
        """Run planned checks; those that need no runtime run while the handlers start."""
        done: dict[Planned, Result] = {}
        starting = [one.function for one in planned if one.function and one.check.starts_handlers]
        if starting and not self.settings.static:
            static = (one for one in planned if one.check.need is not Need.RUNTIME)
            self.runtime.start(starting, meanwhile=(done.setdefault(one, self.result(one)) for one in static))
        return [done.get(one) or self.result(one) for one in planned]

    def result(self, planned: Planned) -> Result:
        """Run one planned check."""
        check, function = planned.check, planned.function
        nothing = Result(check.id, check.title, function.name if function else None, NotApplicable(""), 0.0)
        if self.settings.static and check.need is Need.RUNTIME:
            return replace(nothing, outcome=NotApplicable("static checks only: no handler is started"))
        try:
            if function is not None or not self.manifest.functions:
                subjects = [self.workspace.subject(function)]
            else:
                subjects = list(self.workspace.subjects())
        except SourceUnavailable as reason:
            return replace(nothing, outcome=Skipped(str(reason)))
        before = self.runtime.seconds(function, check.id) if function and check.starts_handlers else 0.0
        result = run(check, subjects, self.runtime, self.settings.today)
        self.workspace.archives.save()
        return replace(result, seconds=result.seconds + before)

    def report(self, results: Sequence[Result]) -> Report:
        """Report on the results."""
        workspace, runtime, settings = self.workspace, self.runtime, self.settings
        levels, artifacts = dict(self.manifest.severity), workspace.archives.infos
        held = [held_against(result, runtime.started, runtime.engine.name) for result in results]
        results = [regraded(result, levels) for result in held]
        if self.baseline:
            results = [baselines.applied(result, self.baseline, artifacts, settings.today) for result in results]
        notes = (*workspace.notes, *lowered(held, levels), *(runtime.profile() if settings.profile_init else ()))
        return Report(
            version=__version__,
            runtime=self.manifest.runtime,
            architecture=str(self.manifest.architecture),
            engine=runtime.engine,
            artifacts=artifacts,
            functions=tuple(runtime.describe(function) for function in self.manifest.functions),
            results=tuple(results),
            seconds=time.perf_counter() - self.began,
            timings=tuple(workspace.timings),
            strict=settings.strict,
            static=settings.static,
            notes=notes,
            uncovered=self.manifest.uncovered,
            source_digests=settings.source_digests,
            verified_at=datetime.now(tz=UTC).isoformat(timespec="seconds"),
            configuration_sha256=configuration_sha256(self.manifest, settings, self.baseline),
            policy_sha256=policy_sha256(workspace.policies, [result.check for result in results]),
            folder=within_repository(self.manifest.folder),
            manifest=self.manifest.path.name if self.manifest.path else None,
            components=workspace.components if settings.inventory else (),
            unzipped_limit=workspace.policy.limits.unzipped_bytes,
        )
