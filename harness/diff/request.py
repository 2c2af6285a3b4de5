"""The command ``diff``: what its options say of the two sides, and the comparison."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness import __version__
from harness.catalogue import waivable
from harness.diff import comparison, json_v1
from harness.diff.document import document
from harness.diff.snapshot import reported, verified
from harness.diff.values import Contents, Diff, Snapshot
from harness.discovery.manifest import load_file
from harness.manifest import FILE_NAME, Manifest, ManifestError
from harness.manifest.archive_sources import Paths
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.reporters import formats
from harness.session.deployed import as_deployed, function_of
from harness.sources.aws_resources import parse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from harness.session.settings import Settings

FORMATS: Final = formats(document, json_v1.data)
"""What ``--format`` and ``--output`` take."""
SEVERAL: Final = (
    "--against {}: the functions have code archives of their own, and one archive stands for one of them: name a "
    "manifest or a template that has them all"
)
LAYERS: Final = "--against-layer goes with an archive: {} has its own layers"
NO_FILE: Final = "--against {}: there is no such file or folder"
SAME_LAYERS: Final = "the other side is assumed to have the same layers: --against-layer names others"


def against(options: argparse.Namespace, environ: Mapping[str, str], after: Manifest) -> Manifest | Snapshot:
    """The other side: what it declares, or what a report says of it.

    Raises:
        UsageError: The options do not name one, or a manifest is wrong.
    """
    named: str = options.against
    path, layers = Path(named), tuple(options.against_layer)
    if parse(named) is None and not path.exists():
        raise UsageError(NO_FILE.format(named))
    manifest = path / FILE_NAME if (path / FILE_NAME).is_file() else path
    if parse(named) is None and manifest.is_file() and manifest.suffix != ".zip":
        if layers:
            raise UsageError(LAYERS.format(named))
        if (report := reported(manifest) if manifest.suffix != ".toml" else None) is not None:
            return report
        return load_file(manifest, runtimes=KNOWN_RUNTIMES, checks=waivable, environ=environ)
    return _archives(named, layers, after, options.profile)


def _archives(named: str, layers: tuple[str, ...], after: Manifest, profile: str | None) -> Manifest:
    """The new manifest with other archives."""
    if len({one.code for one in after.functions}) > 1:
        raise UsageError(SEVERAL.format(named))
    if function_of(named):
        if layers:
            raise UsageError(LAYERS.format(named))
        layers = (named,)  # a function runs with the layers that it carries
    problems: list[str] = []
    paths = Paths(problems.append)
    code = paths.code(named, Path(), "--against")
    others = tuple(paths.layer(text, Path(), "--against-layer") for text in layers)
    if problems:
        raise ManifestError(tuple(problems))
    functions = (replace(one, code=code, layers=others or one.layers) for one in after.functions)
    before = replace(
        after, code=code, layers=others or after.layers, functions=tuple(functions), uncovered=(), notes=()
    )
    return as_deployed(before, "--against", named, profile, (None, None))


def run(other: Manifest | Snapshot, after: Manifest, options: argparse.Namespace, settings: Settings) -> Diff:
    """Verify what is here, and compare.

    Raises:
        UsageError: The request is wrong.
    """
    began = time.perf_counter()
    named: str = options.against
    archives = isinstance(other, Manifest) and other.path == after.path
    old = verified(named, other, settings, repository=not archives) if isinstance(other, Manifest) else other
    new = verified("this release", after, settings)
    was, will = old.contents, new.contents
    found, gone = comparison.findings(old, new)
    compared = was is not None and will is not None
    before, now = (was, will) if was and will else (Contents(), Contents())
    roles = {one.name: one.permissions for one in after.functions if one.permissions}
    return Diff(
        version=__version__,
        before=old.side,
        after=new.side,
        packages=tuple(comparison.packages(before, now)),
        files=tuple(comparison.files(before, now)),
        modules=comparison.added(before.modules, now.modules),
        variables=tuple(comparison.variables(before, now, old.costs)),
        calls=tuple(comparison.calls(before, now, roles)),
        called=tuple(comparison.called(old, new, roles)),
        functions=tuple(comparison.functions(old, new)),
        new=found,
        gone=gone,
        compared=compared,
        judges=bool(options.fail_on),
        undone=tuple(_undone(named, old.undone, new.undone)),
        notes=tuple(_notes(old, new, after, options, archives=archives)),
        seconds=time.perf_counter() - began,
    )


def _undone(named: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    """What could not be done, with its side."""
    for one in dict.fromkeys((*before, *after)):
        side = "" if one not in before else f"{named}: " if one not in after else "both sides: "
        yield f"{side}{one}"


def _notes(
    old: Snapshot, new: Snapshot, after: Manifest, options: argparse.Namespace, *, archives: bool
) -> Iterator[str]:
    layered = any(function.layers for function in after.functions) or after.layers
    if archives and layered and not options.against_layer and not function_of(options.against):
        yield SAME_LAYERS
    if old.contents is None:
        yield "a report has no contents: findings, sizes, init and memory are compared; name archives for the rest"
    if checks := comparison.uncompared(old, new):
        why = "they need the repository of the other side, which a manifest names" if archives else "one side ran them"
        yield f"findings of these checks are not compared, since {why}: {', '.join(checks)}"
