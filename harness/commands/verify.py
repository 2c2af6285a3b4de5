"""``verify``: verify built archives, and write reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness import regular_files
from harness.commands import fix, verdict_cache
from harness.commands.ci import show_in_ci
from harness.commands.options import EXIT_CODES, Once, add, engine_of, manifest_of, settings_of
from harness.commands.output import Outputs, complain, show
from harness.model import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from datetime import date

    from harness.manifest import Manifest
    from harness.model import Report


BASELINE: Final = "lambda-artifact.baseline.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``verify``."""
    parser.epilog = EXIT_CODES
    group = parser.add_argument_group("what")
    add(group, "--manifest", "--from", "--parameter", "--stack", "--stage", "--code", "--layer", "--handler")
    group.add_argument(
        "--require", metavar="GLOB", action="append", default=[], help="a required file; may be repeated"
    )
    group.add_argument(
        "--requirements", metavar="FILE", action="append", default=[], help="what the layer is built from"
    )
    group.add_argument("--project", metavar="FILE", action=Once, help="pyproject.toml, which declares the dependencies")
    add(group, "--runtime", "--arch", "--memory", "--env", "--event")
    group = parser.add_argument_group("how")
    add(group, "--engine", "--image", "--python", "--profile")
    group.add_argument(
        "--select", metavar="CHECK", action="append", default=[], help="run only this check; may be repeated"
    )
    group.add_argument(
        "--skip", metavar="CHECK", action="append", default=[], help="do not run this check; may be repeated"
    )
    add(group, "--strict", "--init-timeout")
    group.add_argument(
        "--write-baseline",
        metavar="FILE",
        nargs="?",
        const="",
        help="accept what is found now, and only that, in later runs (default: the manifest's baseline, else "
        f"{BASELINE} beside it)",
    )
    group.add_argument(
        "--baseline-reason", metavar="WHY", action=Once, help="why what keeps a function from starting is accepted too"
    )
    fix.add_options(group)
    verdict_cache.add_options(group)
    group.add_argument(
        "--profile-init", action="store_true", help="start each handler once more and time its imports, for the report"
    )
    group = parser.add_argument_group("output")
    add(group, "--format", "--output")
    group.add_argument(
        "--source-digests", action="store_true", help="whole SHA-256 and CodeSha256 of each archive, for `match`"
    )
    group.add_argument("--timings", action="store_true", help="show where the time went")
    group.add_argument("-v", "--verbose", action="store_true", help="show each finding, each check, and each remark")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Verify archives and report.

    Returns:
        The exit code that the report earns; with ``--fix``, what was found before it counts too.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.reporters import FORMATS, cyclonedx
    from harness.verify import verify

    outputs = Outputs.of(options, FORMATS)
    engine_of(options)
    manifest = manifest_of(options, environ)
    target = _target(options, manifest)
    fix.check(options)
    outputs.spare(manifest)
    chosen: dict[str, Any] = {"select": tuple(options.select), "skip": tuple(options.skip)}
    if inventory := not cyclonedx.FORMATS.keys().isdisjoint(outputs.formats):
        cyclonedx.available()
    chosen["profile_init"] = options.profile_init or "speedscope" in outputs.formats
    chosen["verdicts"] = verdict_cache.verdict_cache(options, environ, outputs)
    chosen |= {"strict": options.strict, "source_digests": options.source_digests, "inventory": inventory}
    with settings_of(options, environ, **chosen) as settings:
        report = verify(replace(manifest, baseline=None) if target else manifest, settings)
        code = report.exit_code
        if options.fix:
            report = fix.fixed(report, manifest, lambda one: verify(one, settings), unsafe=options.unsafe_fixes)
    if target:
        report = _rebased(report, target, options.baseline_reason, settings.today)
    text = outputs.write(lambda name, **style: _text(report, name, options, **style), environ)
    show_in_ci(outputs, lambda name: _text(report, name, options), environ)
    if options.diff:
        text = fix.difference(report, manifest, unsafe=options.unsafe_fixes)
    # What was fixed lies beside what the manifest names: that is what is deployed, and it is as it was.
    return show(text, code if options.fix and code else report.exit_code)


def _target(options: argparse.Namespace, manifest: Manifest) -> Path | None:
    """The baseline that is to be written.

    Raises:
        UsageError: The run is not about everything.
    """
    if options.write_baseline is None:
        if options.baseline_reason:
            raise UsageError("--baseline-reason goes with --write-baseline")
        return None
    if options.select or options.skip or options.fix:
        raise UsageError("--write-baseline needs all checks and no changes: leave out --select, --skip and --fix")
    named: str = options.write_baseline
    return Path(named) if named else manifest.baseline or manifest.folder / BASELINE


def _rebased(report: Report, target: Path, reason: str | None, today: date) -> Report:
    """The report with what was found as its baseline, which is written if everything was done.

    Raises:
        UsageError: The file is something else, or cannot be written.
    """
    from harness.session import baseline

    if report.incomplete:
        complain(f"{target} is not written: not everything could be done")
        return report
    old = baseline.read(target) if target.exists() else baseline.Baseline(target.name)
    new = baseline.of(report, old, reason)
    try:
        regular_files.write(target, new.text)
    except OSError as error:
        raise UsageError(f"--write-baseline {target}: {error.strerror}") from error
    results = tuple(baseline.applied(result, new, report.artifacts, today) for result in report.results)
    count = sum(entry.count for entry in new.entries)
    said = f"{target} is written: {count:,} finding{'s' * (count != 1)}"
    if any(baseline.stops(one.check, finding) for one in results for finding in one.findings):
        said += '; what keeps a function from starting is not among them: give --baseline-reason "WHY" to add it'
    complain(f'{said}; the manifest names it: baseline = "{target.name}"')
    return replace(report, results=results)


def _text(report: Report, name: str, options: argparse.Namespace, **style: int) -> str:
    """The report in a format."""
    from harness.reporters import FORMATS
    from harness.reporters.timings import timed

    if name == "json":  # for programs, which leave out what they do not want
        return FORMATS[name](report)
    report = timed(report) if options.timings else replace(report, timings=())
    if name == "terminal":
        return FORMATS[name](report, verbose=options.verbose, **style)
    return FORMATS[name](report)
