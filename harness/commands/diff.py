"""``diff``: show what a release changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.commands.options import LAYER, Once, add, manifest_of, one_of, settings_of
from harness.commands.output import Outputs, show
from harness.manifest import Manifest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DESCRIPTION = (
    "Compares a release with another one, such as the deployed: distributions, own files, modules that handlers reach, "
    "environment variables, AWS calls, sizes, the cost of a start, and findings."
)
EPILOG = """\
exit codes: 0 it was compared; 1 with --fail-on, there is a new finding; 2 the request is wrong; 3 not everything that
was asked for could be done.
"""
NEW_FINDING = "new-finding"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``diff``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    option = parser.add_argument_group("the other side").add_argument
    option(
        "--against",
        metavar="X",
        action=Once,
        required=True,
        help="a code archive or its folder, s3://…, function:NAME[:VERSION or ALIAS] with its layers, a manifest "
        "(.toml), a template or another tool's build output, or a JSON report of verify",
    )
    option(
        "--against-layer",
        metavar="X",
        action="append",
        default=[],
        help=f"a layer of that archive; may be repeated (default: the same layers): {LAYER}",
    )
    group = parser.add_argument_group("this release")
    add(group, "--manifest", "--from", "--parameter", "--stack", "--stage", "--code", "--layer", "--handler")
    add(group, "--runtime", "--arch", "--memory", "--env", "--event")
    group = parser.add_argument_group("how")
    add(group, "--engine", "--image", "--python", "--profile", "--init-timeout")
    group.add_argument("--fail-on", metavar="WHAT", action=Once, help=f"{NEW_FINDING}: exit code 1 if there is one")
    group = parser.add_argument_group("output")
    add(group, "--format", "--output")
    group.add_argument("-v", "--verbose", action="store_true", help="show the whole of each list")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Compare, and report.

    Returns:
        The exit code that the report earns.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.diff import request

    outputs = Outputs.of(options, request.FORMATS)
    if options.fail_on:
        one_of("--fail-on", options.fail_on, (NEW_FINDING,))
    after = manifest_of(options, environ)
    other = request.against(options, environ, after)
    outputs.spare(after, *([other] if isinstance(other, Manifest) else []))
    with settings_of(options, environ) as settings:
        report = request.run(other, after, options, settings)

    def text(name: str, **style: Any) -> str:  # noqa: ANN401 - what a terminal can do
        verbose = {"verbose": options.verbose} if name == "terminal" else {}
        return request.FORMATS[name](report, **verbose, **style)

    return show(outputs.write(text, environ), report.exit_code)
