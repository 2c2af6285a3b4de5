"""``transition``: find the order of updates that is safe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import LAYER, SOURCE, Once, add, one_of, settings_of
from harness.commands.output import Outputs, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DESCRIPTION = (
    "Starts each function on old code with old layers, on new with new, and on the two mixtures that are live "
    "between `update-function-code` and `update-function-configuration`; says which order of the two is safe."
)
EPILOG = """\
exit codes: 0 it can be deployed like this; 1 the new values, the current ones or the order of updates do not work; 2
the request is wrong; 3 not everything that was asked for could be done.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``transition``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    option = parser.add_argument_group("currently deployed (defaults to the new values)").add_argument
    option("--from", dest="from_manifest", metavar="FILE", action=Once, type=Path, help="its manifest")
    option(
        "--from-account",
        action="store_true",
        help="each function as the account has it, by `deployed-as`: code, layers, handler, runtime, variables",
    )
    option("--from-code", metavar="X", action=Once, help=f"its code: {SOURCE}; a function comes with its own layers")
    option("--from-layer", metavar="X", action="append", default=[], help=f"its layer; may be repeated: {LAYER}")
    option("--from-runtime", metavar="R", action=Once, help="its runtime")
    option("--from-arch", metavar="A", action=Once, help="its architecture")
    option("--from-env", metavar="K=V", action="append", default=[], help="its environment variable; may be repeated")
    group = parser.add_argument_group("the new values")
    group.add_argument(
        "--to", dest="to_manifest", metavar="FILE", action=Once, type=Path, help="the manifest; default: as for verify"
    )
    add(group, "--code", "--layer", "--handler", "--runtime", "--arch", "--memory", "--env", "--event")
    group = parser.add_argument_group("how")
    group.add_argument(
        "--order",
        metavar="O",
        help="what the deploy does: code-first, configuration-first, or atomic (an alias is moved). Without it, the "
        "report says which order is safe, and it is an error where neither of the first two is",
    )
    group.add_argument(
        "--without-rollback",
        action="store_true",
        help="the deployed version need not start: for the deploy that repairs it",
    )
    add(group, "--engine", "--image", "--python", "--profile", "--init-timeout")
    add(parser.add_argument_group("output"), "--format", "--output")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Analyse every state between the deployed values and the new ones, and report.

    Returns:
        The exit code that the report earns.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.transition import request

    outputs = Outputs.of(options, request.FORMATS)
    order = options.order and one_of("--order", options.order, [str(order) for order in request.Order])
    sides = request.sides(options, environ)
    outputs.spare(*sides)
    with settings_of(options, environ) as settings:
        notes = request.assumed(options, sides[1])
        report = request.run(sides, settings, order, rollback=not options.without_rollback, notes=notes)
    text = outputs.write(lambda name, **style: request.FORMATS[name](report, **style), environ)
    return show(text, report.exit_code)
