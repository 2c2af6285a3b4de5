"""``key``: print a key for CI's cache of what is built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.commands.output import show
from harness.commands.stamp import add_inputs, stamp_of
from harness.model import UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``key``."""
    parser.description = "Prints a key that changes with everything that the archives are built from."
    add_inputs(parser)
    parser.add_argument("--prefix", metavar="TEXT", default="", help="the beginning of the key, before a hyphen")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a key for what is built.

    Raises:
        UsageError: The request is wrong.
    """
    del environ
    if not re.fullmatch(r"[^\s,|]*", options.prefix):
        raise UsageError(f"--prefix {options.prefix!r}: caches take no keys with spaces, commas or bars")
    key = stamp_of(options).key
    return show(printed(f"{options.prefix}-{key}\n" if options.prefix else f"{key}\n"))
