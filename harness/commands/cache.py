"""``cache``: show the cache, or prune it."""

from __future__ import annotations

import argparse
import re
from math import isfinite
from typing import TYPE_CHECKING

from harness.commands.output import show
from harness.model import UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``cache``."""
    parser.description = "Everything in the cache can be made again. What a run uses now is never removed."
    parser.add_argument(
        "action", nargs="?", choices=["show", "prune"], default="show", help="prune without options empties it"
    )
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        type=_size,
        help="prune what was least recently used until no more than this is left: 500MB, 2GB",
    )
    parser.add_argument(
        "--older-than", metavar="TIME", type=_age, help="prune what was not used for this long: 12h, 30d, 4w"
    )


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show the cache, or make it smaller.

    Raises:
        UsageError: The options contradict one another.
    """
    from harness.cache.folder import cache_folder
    from harness.cache.prune import describe_cache, prune_cache

    folder = cache_folder(environ)
    removed = ""
    if options.action == "prune":
        removed = f"{prune_cache(folder, options.max_size, options.older_than)}\n"
    elif options.max_size is not None or options.older_than is not None:
        raise UsageError("--max-size and --older-than say what to prune: `lambda-artifact cache prune ...`")
    return show(printed(f"{removed}{describe_cache(folder)}\n"))


def _size(text: str) -> int:
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?", text.strip(), re.IGNORECASE)
    if parts is None:
        raise argparse.ArgumentTypeError(f"expected a size such as 500MB or 2GB, found {text}")
    size = float(parts[1]) * 1024 ** " kmgt".index(parts[2].lower() or " ")
    if not isfinite(size):
        raise argparse.ArgumentTypeError(f"expected a size that a disk can have, found {text[:20]}…")
    return int(size)


def _age(text: str) -> float:
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([smhdw])", text.strip(), re.IGNORECASE)
    if parts is None:
        raise argparse.ArgumentTypeError(f"expected a time such as 12h, 30d or 4w, found {text}")
    return float(parts[1]) * SECONDS[parts[2].lower()]
