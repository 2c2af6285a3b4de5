"""``attest``: a signed statement about what a verification proved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.attestation import demand_packages
from harness.commands.options import Once
from harness.commands.output import complain, show
from harness.model import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DESCRIPTION = (
    "Signs what a JSON report of `verify` proves: an in-toto statement with SLSA's Verification Summary, in a DSSE "
    "envelope, on standard output. `admit` demands it before a deploy."
)
EPILOG = """\
exit codes: 0 signed, whatever the verdict; 2 the request is wrong; 3 the key could not be used.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``attest``."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    option = parser.add_argument
    option("--report", metavar="FILE", action=Once, type=Path, required=True, help="what `verify` wrote as JSON")
    option("--transition", metavar="FILE", action=Once, type=Path, help="what `transition` wrote as JSON")
    option(
        "--key",
        metavar="K",
        action=Once,
        help="a private key in PEM, or awskms:ID, with the ID, alias or ARN of a key of AWS KMS",
    )
    option(
        "--predicate",
        action="store_true",
        help="print the predicate alone, for what signs by itself: GitHub's actions/attest, cosign",
    )
    option("--verifier", metavar="URI", action=Once, help="who verified; default: this harness")
    option("--resource", metavar="URI", action=Once, help="what the archives are; default: the first one's digest")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Sign what a report proves.

    Returns:
        0 where it is signed.

    Raises:
        UsageError: The request is wrong.
    """
    import msgspec

    from harness.attestation.evidence import evidence
    from harness.attestation.statement import VERIFIER, statement

    if (options.key is None) is not options.predicate:
        raise UsageError("name the key that signs with --key, or ask for the predicate alone with --predicate")

    for name in ("verifier", "resource"):
        if (uri := getattr(options, name)) is not None and ":" not in uri:
            raise UsageError(f"--{name}: expected a URI, found {uri}")
    proven = evidence(options.report, options.transition)
    said = statement(proven, options.verifier or VERIFIER, options.resource)
    if options.predicate:
        return show(msgspec.json.format(msgspec.json.encode(said.predicate), indent=2).decode() + "\n")
    demand_packages("securesystemslib", "cryptography")
    from harness.attestation.keys import Unreachable, signed

    payload = msgspec.json.encode(said)
    try:
        return show(signed(payload, options.key, environ), ExitCode.OK)
    except Unreachable as reason:
        complain(str(reason))
        return ExitCode.INCOMPLETE
