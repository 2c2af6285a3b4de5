"""``stamp`` and ``key``: what archives are built from, for those who build and cache them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.showing import show
from harness.dependencies.inputs import inputs_of, named_inputs
from harness.dependencies.project_reader import gather
from harness.dependencies.stamps import Stamp, put, stamp_of
from harness.manifest import Options, find, load
from harness.model import UsageError
from harness.plain_text import printed
from harness.policy import KNOWN_RUNTIMES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def stamp(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write into archives what they are built from."""
    del environ
    made = _stamp(options)
    written = put(made, options.archives, replace=options.replace)
    each = (f"{path}: {'stamped' if path in written else 'has this stamp already'}" for path in options.archives)
    lines = (*dict.fromkeys(each), f"{made.key}: {', '.join(name for name, _ in made.inputs)}")
    return show(printed("".join(f"{line}\n" for line in lines)))


def key(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a key for what is built."""
    del environ
    if not re.fullmatch(r"[^\s,|]*", options.prefix):
        raise UsageError(f"--prefix {options.prefix!r}: caches take no keys with spaces, commas or bars")
    made = _stamp(options)
    return show(printed(f"{options.prefix}-{made.key}\n" if options.prefix else f"{made.key}\n"))


def _stamp(options: argparse.Namespace) -> Stamp:
    """What an archive that is built now is built from."""
    said = Options(folder=Path.cwd(), inputs=tuple(options.input), runtime=options.runtime, arch=options.arch)
    manifest = load(options.manifest or find(Path.cwd()), said, runtimes=KNOWN_RUNTIMES, archives=False)
    inputs = named_inputs(manifest) if options.input else inputs_of(manifest, gather(manifest))
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
    return stamp_of(inputs, options.image, tuple(tools), complete=not options.input)


def _tool(text: str) -> tuple[str, str]:
    name, _, version = text.partition("=")
    if not name or not version:
        raise UsageError(f"--tool {text}: write it as NAME=VERSION")
    return name, version
