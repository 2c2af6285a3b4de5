"""``policy``: print the IAM policy that reading from AWS needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.commands.output import show
from harness.model import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``policy``."""
    parser.description = "Prints the least that IAM must allow for reading from AWS. Nothing is ever written there."
    parser.add_argument("sources", metavar="SOURCE", nargs="*", help="what is read: s3://…, function:NAME, an ARN")
    parser.add_argument("--preflight", action="store_true", help="allow what `preflight` asks, too")
    parser.add_argument("--fleet", action="store_true", help="allow what `fleet --account` asks, too")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print an IAM policy.

    Raises:
        UsageError: A source is not in AWS.
    """
    from harness.sources import iam_policy
    from harness.sources.aws_resources import parse

    del environ
    places = [(text, parse(text)) for text in options.sources]
    if unknown := [text for text, named in places if named is None]:
        raise UsageError(
            f"{unknown[0]}: expected s3://bucket/key, function:NAME, or the ARN of a function or a layer's version"
        )
    named = [resource for _, resource in places if resource]
    return show(iam_policy.policy(named, preflight=options.preflight, fleet=options.fleet) + "\n")
