"""What several commands make of their options."""

from __future__ import annotations

import contextlib
import difflib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness import regular_files
from harness.cache.folder import cache_folder, using
from harness.commands.progress import Progress
from harness.engines.choice import Choice, engine
from harness.model import UsageError
from harness.reporters import FORMATS
from harness.session.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from harness.manifest import Manifest


def engine_of(options: argparse.Namespace) -> Choice:
    """The engine that is asked for.

    Raises:
        UsageError: There is none of that name.
    """
    return Choice(one_of("--engine", options.engine, [str(choice) for choice in Choice]))


@contextlib.contextmanager
def settings_of(options: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[Settings]:
    """How handlers are started, with the cache in use and progress shown for as long."""
    choice = engine_of(options)
    folder = cache_folder(environ)
    with Progress(sys.stderr) as progress, using(folder):
        yield Settings(
            engine=engine(choice, environ, folder, options.image, options.python),
            cache=folder,
            progress=progress.show,
            today=datetime.now(tz=UTC).date(),
            static=choice is Choice.NONE,
            init_timeout=options.init_timeout,
            profile=options.profile,
        )


def archives_of(manifest: Manifest) -> tuple[Path, ...]:
    """The archives on this machine that a manifest names."""
    sources = [manifest.code, *manifest.layers, *(s for f in manifest.functions for s in (f.code, *f.layers))]
    return tuple(source.path for source in sources if source and source.path)


def files_of(manifest: Manifest) -> tuple[Path, ...]:
    """What is read of the repository, as far as the manifest names it."""
    events = [event.path for function in manifest.functions for event in function.events]
    return tuple(
        path for path in (manifest.path, manifest.project, *manifest.requirements, *manifest.inputs, *events) if path
    )


def spare(manifest: Manifest, outputs: Sequence[tuple[str, Path]]) -> None:
    """Refuse a report that would overwrite what it is about, or another report."""
    taken = {path.resolve(): "verified" for path in (*archives_of(manifest), *files_of(manifest))}
    for name, path in outputs:
        if (use := taken.get(path.resolve())) is not None:
            raise UsageError(f"--output {name}={path}: that file is {use}; write the report to another")
        taken[path.resolve()] = "written by another --output"


def output(text: str) -> tuple[str, Path]:
    """Format and file of ``--output``.

    Raises:
        UsageError: It is not written so, or the file cannot be.
    """
    name, _, file = text.partition("=")
    if name not in FORMATS or not file:
        raise UsageError(f"--output {text}: write it as FORMAT=FILE, with a format of {', '.join(FORMATS)}")
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"--output {text}: {path} is a folder; name a file in it")
    if path.exists() and (kind := regular_files.kind(path.stat())):
        raise UsageError(f"--output {text}: {path} is {kind}; name a file, or use --format for standard output")
    if not path.parent.is_dir():
        raise UsageError(f"--output {text}: the folder {path.parent} does not exist; make it first")
    return name, path


def one_of(option: str, value: str, known: Sequence[str]) -> str:
    """An option's value.

    Raises:
        UsageError: It is none of those that are known; the message has the nearest.
    """
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise UsageError(f"{option} {value}: it takes {', '.join(known)}{hint}")
    return value


def colour(environ: Mapping[str, str]) -> bool:
    """Whether what is shown may have colours."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or sys.stdout.isatty()
