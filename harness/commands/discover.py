"""``discover``: show the functions that other tools have declared here, or write a manifest of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import add, project_of
from harness.commands.output import show
from harness.model import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``discover``."""
    add(parser, "--from", "--parameter", "--stack", "--stage")
    parser.add_argument(
        "--write",
        metavar="FILE",
        nargs="?",
        type=Path,
        const=Path("lambda-artifact.toml"),
        help="write a manifest of them (default: lambda-artifact.toml, which must not be there yet)",
    )


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show what is declared.

    Raises:
        UsageError: Nothing is declared here, or the manifest cannot be written.
    """
    from harness.discovery.find import discover
    from harness.discovery.text import described, manifest

    del environ
    project = project_of(options)
    found = discover(project, vars(options)["from"])
    if found is None:
        raise UsageError(
            "nothing that another tool built was found here: run `sam build`, `cdk synth`, `serverless package` or "
            "`terraform show -json PLAN > tfplan.json`, or name the file with --from"
        )
    if options.write is None:
        return show(described(project, found), ExitCode.OK)
    try:
        with options.write.open("x", encoding="utf-8") as file:
            file.write(manifest(project, found, options.write.absolute().parent))
    except OSError as error:
        raise UsageError(f"--write {options.write}: {error.strerror}") from None
    return show(f"{options.write}: {len(found.functions)} functions\n", ExitCode.OK)
