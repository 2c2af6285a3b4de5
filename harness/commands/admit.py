"""``admit``: the deploy step that demands a signed verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.attestation import demand_packages
from harness.commands.options import LAYER, SOURCE, Once, add
from harness.commands.output import show
from harness.model import ExitCode
from harness.plain_text import printed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DESCRIPTION = (
    "Admits archives to a deploy: exit code 0 only where an attestation that the policy believes says that exactly "
    "these archives, in this order, passed."
)
EPILOG = """\
exit codes: 0 admitted; 1 refused; 2 the request is wrong; 3 something could not be fetched.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``admit``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    option = parser.add_argument
    option("--attestation", metavar="FILE", action=Once, type=Path, required=True, help="what `attest` wrote")
    option("--policy", metavar="FILE", action=Once, type=Path, required=True, help="whom to believe, and what for")
    option("--code", metavar="X", action="append", default=[], help=f"the code: {SOURCE}")
    option("--layer", metavar="X", action="append", default=[], help=f"a layer, in Lambda's order: {LAYER}")
    add(parser, "--profile")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Admit archives, or refuse them.

    Returns:
        0 only where they are admitted.

    Raises:
        UsageError: The request is wrong.
    """
    demand_packages("securesystemslib", "cryptography")
    from harness.attestation.admission import Refused, admission
    from harness.commands.match import compared

    try:
        admitted = admission(options.attestation, options.policy)
    except Refused as refused:
        return show(printed(f"REFUSED  {options.attestation}: {refused}\n"), ExitCode.FINDINGS)
    comparison = compared(admitted.archives, options, environ)
    code, lines = comparison.exit_code, [f"{options.attestation}: {admitted.summary}", *comparison.lines]
    if code is ExitCode.OK and (reason := admitted.refusal(comparison.code, comparison.layers)):
        code, lines = ExitCode.FINDINGS, [*lines, reason]
    verdict = {ExitCode.OK: "ADMITTED", ExitCode.FINDINGS: "REFUSED"}.get(code, "NOT DECIDED")
    return show(printed(f"{verdict}  {chr(10).join(lines)}\n"), code)
