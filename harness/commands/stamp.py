"""``stamp``: write into archives what they are built from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import Once, add, manifest_of
from harness.commands.output import show
from harness.model import UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from harness.dependencies.stamps import Stamp

DESCRIPTION = (
    "Writes lambda-artifact-stamp.json into archives: digests of what they are built from, and a key. "
    "For the step that builds them; `verify` compares."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``stamp``."""
    parser.description = DESCRIPTION
    parser.add_argument("archives", metavar="ARCHIVE", nargs="+", type=Path, help="a zip or an unpacked folder")
    add_inputs(parser)
    parser.add_argument(
        "--replace", action="store_true", help="replace the stamp of an archive built from other inputs"
    )


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what archives are built from."""
    add(parser, "--manifest")
    parser.add_argument(
        "--input",
        metavar="FILE",
        action="append",
        default=[],
        help="what they are built from, in place of what the manifest names; may be repeated",
    )
    add(parser, "--runtime", "--arch")
    parser.add_argument("--image", metavar="REF", action=Once, help="what they are built in, best with its digest")
    parser.add_argument(
        "--tool",
        metavar="NAME=VERSION",
        action="append",
        default=[],
        help="what builds them, such as pip=25.3; may be repeated",
    )


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write into archives what they are built from.

    Raises:
        UsageError: The request is wrong.
    """
    from harness.dependencies.stamps import put

    del environ
    stamp = stamp_of(options)
    written = put(stamp, options.archives, replace=options.replace)
    each = (f"{path}: {'stamped' if path in written else 'has this stamp already'}" for path in options.archives)
    lines = (*dict.fromkeys(each), f"{stamp.key}: {', '.join(name for name, _ in stamp.inputs)}")
    return show(printed("".join(f"{line}\n" for line in lines)))


def stamp_of(options: argparse.Namespace) -> Stamp:
    """What an archive that is built now is built from.

    Raises:
        UsageError: The options are wrong, or nothing says what it is built from.
    """
    from harness.dependencies import stamps
    from harness.dependencies.inputs import inputs_of, named_inputs
    from harness.dependencies.project_reader import read_project

    manifest = manifest_of(options, {}, archives=False)
    inputs = named_inputs(manifest) if options.input else inputs_of(manifest, read_project(manifest))
    if not inputs.files:
        raise UsageError(
            "nothing says what the archives are built from: name it in the manifest as requirements, project or "
            "inputs, or with --input"
        )
    if options.image == "":
        raise UsageError("--image: expected the image that the archives are built in, found nothing")
    tools = [_tool(text) for text in options.tool]
    if twice := next((name for name, _ in tools if [known for known, _ in tools].count(name) > 1), None):
        raise UsageError(f"--tool: {twice} is given twice")
    return stamps.stamp_of(inputs, options.image, tuple(tools), complete=not options.input)


def _tool(text: str) -> tuple[str, str]:
    name, _, version = text.partition("=")
    if not name or not version:
        raise UsageError(f"--tool {text}: write it as NAME=VERSION")
    return name, version
