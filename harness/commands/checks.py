"""``checks``: list the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.commands.output import show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def add_options(parser: argparse.ArgumentParser) -> None:
    """``checks`` has no options."""


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """List the catalogue."""
    from harness.catalogue import CATALOGUE

    del options, environ
    width = max(len(check.id) for check in CATALOGUE)
    return show("".join(f"{check.id:<{width}}  {check.need:<14}  {check.title}\n" for check in CATALOGUE))
