"""``explain``: print the documentation of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.commands.output import show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``explain``."""
    parser.add_argument("check", metavar="CHECK")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a check's page.

    Raises:
        UsageError: There is no such check.
    """
    from harness.catalogue import named
    from harness.reporters.text import page_of

    del environ
    check = named(options.check)
    return show(f"# {check.id}\n\n{check.doc}\n\nNeeds {check.need}. Since {check.since}. {page_of(check.id)}\n")
