"""``transition``, ``preflight``, ``match``, ``policy``: what is deployed, what will be, and the way between."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness import regular_files
from harness.cache.folder import cache_folder, using
from harness.commands.options import colour, one_of, output, settings_of, spare
from harness.commands.progress import Progress
from harness.commands.showing import show, shown_width
from harness.model import UsageError
from harness.plain_text import printed
from harness.sources import iam_policy
from harness.sources.aws import Aws
from harness.sources.aws_resources import parse
from harness.sources.fetch import Sources

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from harness.preflight.deployment import Preflight
    from harness.transition.values import Transition


def transition(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Look at the way from what is live to what will be, and report."""
    from harness.transition import request

    formats = request.FORMATS
    outputs = [output(text) for text in options.output]
    chosen = one_of("--format", options.format, list(formats))
    order = options.order and one_of("--order", options.order, [str(order) for order in request.Order])
    sides = request.sides(options, environ)
    for manifest in sides:
        spare(manifest, outputs)
    with settings_of(options, environ) as settings:
        notes = request.assumed(options, sides[1])
        found = request.run(sides, settings, order, rollback=not options.without_rollback, notes=notes)
    return show(_written(found, chosen, outputs, environ, formats), found.exit_code)


def preflight(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Hold what is to be deployed against what the account has, and report."""
    from harness.preflight import request

    outputs = [output(text) for text in options.output]
    chosen = one_of("--format", options.format, list(request.FORMATS))
    skip = request.skipped(options.skip)
    manifest = request.requested(options, environ)
    spare(manifest, outputs)
    folder, today = cache_folder(environ), datetime.now(tz=UTC).date()
    with Progress(sys.stderr) as progress, using(folder):
        settings = request.Settings(
            Aws(options.profile), folder, progress.show, today, skip, options.strict, options.rollback
        )
        found = request.run(manifest, settings)
    return show(_written(found, chosen, outputs, environ, request.FORMATS), found.report.exit_code)


def _written(
    report: Transition | Preflight,
    chosen: str,
    outputs: Sequence[tuple[str, Path]],
    environ: Mapping[str, str],
    formats: Mapping[str, Callable[..., str]],
) -> str:
    """The report for standard output, once those for files are written."""
    for name, path in outputs:
        try:
            regular_files.write(path, formats[name](report))
        except OSError as error:
            raise UsageError(f"--output {name}={path}: {error.strerror}") from error
    shown = {"colour": colour(environ), "width": shown_width()} if chosen == "terminal" else {}
    return formats[chosen](report, **shown)


def match(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Tell whether what lies there is what passed."""
    from harness.session import matches

    required = one_of("--require", options.require, [str(level) for level in matches.Required])
    proof = matches.passed(options.report, matches.Required(required))
    folder = cache_folder(environ)
    with Progress(sys.stderr) as progress, using(folder):
        sources = Sources(folder, progress.show, Aws(options.profile))
        found = matches.match(proof.artifacts, options.code, options.layer, sources)
    lines = [f"{options.report}: {proof.words}", *found.lines]
    return show(printed("\n".join(lines) + "\n"), found.exit_code)


def policy(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what IAM must allow."""
    del environ
    places = [(text, parse(text)) for text in options.sources]
    if unknown := [text for text, found in places if found is None]:
        raise UsageError(
            f"{unknown[0]}: expected s3://bucket/key, function:NAME, or the ARN of a function or a layer's version"
        )
    return show(iam_policy.policy([found for _, found in places if found], preflight=options.preflight) + "\n")
