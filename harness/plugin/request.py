"""What a pytest run asks to be verified; made without pytest, since a process of its own may do the work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.model import Report
    from harness.plan import Planned
    from harness.verify import Verification


@dataclass(frozen=True, slots=True)
class Request:
    """What to verify, and how: the options of the plug-in."""

    manifest: str
    engine: str
    image: str | None
    python: str | None

    def verification(self, environ: Mapping[str, str]) -> Verification:
        """The verification of the manifest.

        Raises:
            UsageError: The manifest is wrong.
        """
        from harness.cache.folder import cache_folder
        from harness.catalogue import waivable
        from harness.discovery.manifest import load_file
        from harness.engines.choice import Choice, engine
        from harness.policy import known_runtimes
        from harness.session.settings import Settings
        from harness.verify import Verification

        manifest = load_file(Path(self.manifest), runtimes=known_runtimes(), checks=waivable, environ=environ)
        cache, choice = cache_folder(environ), Choice(self.engine)
        python = Path(self.python) if self.python else None
        settings = Settings(
            engine=engine(choice, environ, cache, self.image, python),
            cache=cache,
            progress=lambda _: None,
            today=datetime.now(tz=UTC).date(),
            static=choice is Choice.NONE,
        )
        return Verification(manifest, settings)


def planned(verification: Verification) -> tuple[Planned, ...]:
    """The checks to run.

    Raises:
        UsageError: The manifest is wrong, or a file that it names.
    """
    from harness.plan import plan

    verification.read_repository()
    return plan(verification.manifest, verification.settings)


def reports(verification: Verification, chosen: Sequence[Planned]) -> dict[str, Report]:
    """Run chosen checks together, and report on each alone, by its name."""
    results = verification.results(chosen)
    report = replace(verification.report(results), timings=())
    return {one.name: replace(report, results=(result,)) for one, result in zip(chosen, report.results, strict=True)}
