"""``checks``, ``explain`` and ``cache``: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.caching import cache_folder, describe_cache, prune_cache
from harness.catalogue import CATALOGUE, named
from harness.model import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def checks(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """List the catalogue."""
    del options, environ
    width = max(len(check.id) for check in CATALOGUE)
    for check in CATALOGUE:
        print(f"{check.id:<{width}}  {check.need:<14}  {check.title}")
    return ExitCode.OK


def explain(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a check's page."""
    del environ
    check = named(options.check)
    print(f"# {check.id}\n\n{check.doc}\n\nNeeds {check.need}. Since {check.since}.")
    return ExitCode.OK


def cache(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Tell of the cache, or make it smaller."""
    folder = cache_folder(environ)
    if options.action == "prune":
        print(prune_cache(folder, options.max_size, options.older_than))
    elif options.max_size is not None or options.older_than is not None:
        raise UsageError("--max-size and --older-than say what to prune: `lambda-artifact cache prune ...`")
    print(describe_cache(folder))
    return ExitCode.OK
