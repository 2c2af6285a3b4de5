"""``checks``, ``explain`` and ``cache``: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cache.folder import cache_folder, describe_cache, prune_cache
from harness.catalogue import CATALOGUE, named
from harness.commands.showing import show
from harness.model import UsageError
from harness.plain_text import printed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def checks(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """List the catalogue."""
    del options, environ
    width = max(len(check.id) for check in CATALOGUE)
    return show("".join(f"{check.id:<{width}}  {check.need:<14}  {check.title}\n" for check in CATALOGUE))


def explain(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a check's page."""
    del environ
    check = named(options.check)
    return show(f"# {check.id}\n\n{check.doc}\n\nNeeds {check.need}. Since {check.since}.\n")


def cache(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Tell of the cache, or make it smaller."""
    folder = cache_folder(environ)
    said = ""
    if options.action == "prune":
        said = f"{prune_cache(folder, options.max_size, options.older_than)}\n"
    elif options.max_size is not None or options.older_than is not None:
        raise UsageError("--max-size and --older-than say what to prune: `lambda-artifact cache prune ...`")
    return show(printed(f"{said}{describe_cache(folder)}\n"))
