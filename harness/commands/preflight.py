"""``preflight``: compare the manifest with the AWS account."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.commands.options import Once, add
from harness.commands.output import Outputs, show
from harness.commands.progress import Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DESCRIPTION = (
    "Compares what is to be deployed with what an AWS account has: what the deployment would change, what has "
    "drifted, what need not be published. Reads configurations and digests; changes nothing."
)
EPILOG = """\
exit codes: 0 nothing prevents the deployment; 1 at least one error (with --strict, warning); 2 the request is wrong; 3
not everything that was asked for could be done, as where AWS refuses an answer. Nothing in AWS is ever changed.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``preflight``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    group = parser.add_argument_group("what")
    add(group, "--manifest", "--code", "--layer", "--handler", "--runtime", "--arch", "--memory", "--env")
    group = parser.add_argument_group("where")
    group.add_argument(
        "--deployed-as",
        metavar="NAME",
        action=Once,
        help="the functions' names in AWS, with {function} for the manifest's name, and :ALIAS where one is used",
    )
    group.add_argument(
        "--function",
        metavar="NAME=DEPLOYED",
        action="append",
        default=[],
        help="one function's name in AWS: a name or an ARN, with :ALIAS where one is used; may be repeated",
    )
    add(group, "--profile")
    group = parser.add_argument_group("how")
    group.add_argument(
        "--rollback", action="store_true", help="it is intended that something goes back to an earlier version"
    )
    group.add_argument("--skip", metavar="WHAT", action="append", default=[], help="do not check this; may be repeated")
    add(group, "--strict")
    add(parser.add_argument_group("output"), "--format", "--output")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Compare what is to be deployed with the account, and report.

    Returns:
        The exit code that the report earns.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.cache.folder import cache_folder, using
    from harness.preflight import request
    from harness.sources.aws import Aws

    outputs = Outputs.of(options, request.FORMATS)
    skip = request.skipped(options.skip)
    manifest = request.requested(options, environ)
    outputs.spare(manifest)
    folder, today = cache_folder(environ), datetime.now(tz=UTC).date()
    with Progress(sys.stderr) as progress, using(folder):
        settings = request.Settings(
            Aws(options.profile), folder, progress.show, today, skip, options.strict, options.rollback
        )
        preflight = request.run(manifest, settings)
    text = outputs.write(lambda name, **style: request.FORMATS[name](preflight, **style), environ)
    return show(text, preflight.report.exit_code)
