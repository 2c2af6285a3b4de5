"""What each command does, with the options that the command line gave."""

from __future__ import annotations

import contextlib
import difflib
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.caching import cache_folder, describe_cache, prune_cache, using
from harness.catalogue import CATALOGUE, named
from harness.engines.choice import Choice, engine
from harness.manifest import Manifest, Options, find, load
from harness.model import ExitCode, Report, UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.progress import Progress
from harness.project.gather import gather
from harness.project.inputs import inputs_of, named_inputs
from harness.project.stamps import Stamp, put, stamp_of
from harness.reporters import FORMATS, terminal
from harness.verify import Settings
from harness.verify import verify as run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence


def verify(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Verify archives and report."""
    outputs = [_output(text) for text in options.output]
    chosen = _one_of("--format", options.format, list(FORMATS))
    choice = Choice(_one_of("--engine", options.engine, [str(choice) for choice in Choice]))
    path = options.manifest or find(Path.cwd())
    manifest = load(
        path, _overrides(options), runtimes=KNOWN_RUNTIMES, checks=[check.id for check in CATALOGUE], environ=environ
    )
    _spare(manifest, outputs)
    folder = cache_folder(environ)
    with Progress(sys.stderr) as progress, using(folder):
        settings = Settings(
            engine=engine(choice, environ, folder, options.image, options.python),
            cache=folder,
            progress=progress.show,
            today=datetime.now(tz=UTC).date(),
            select=tuple(options.select),
            skip=tuple(options.skip),
            strict=options.strict,
            static=choice is Choice.NONE,
            init_timeout=options.init_timeout,
        )
        report = run(manifest, settings)
    _write(report, chosen, outputs, environ)
    return report.exit_code


def _spare(manifest: Manifest, outputs: Sequence[tuple[str, Path]]) -> None:
    """Refuse a report that would overwrite what it is about, or another report."""
    sources = [manifest.code, *manifest.layers, *(s for f in manifest.functions for s in (f.code, *f.layers))]
    paths = [manifest.path, manifest.project, *manifest.requirements, *manifest.inputs, *(s.path for s in sources if s)]
    taken = {path.resolve(): "verified" for path in paths if path}
    for name, path in outputs:
        if (use := taken.get(path.resolve())) is not None:
            raise UsageError(f"--output {name}={path}: that file is {use}; write the report to another")
        taken[path.resolve()] = "written by another --output"


def _overrides(options: argparse.Namespace) -> Options:
    return Options(
        folder=Path.cwd(),
        code=options.code,
        layers=tuple(options.layer),
        handlers=tuple(options.handler),
        require=tuple(options.require),
        requirements=tuple(options.requirements),
        project=options.project,
        runtime=options.runtime,
        arch=options.arch,
        memory=options.memory,
        env=tuple(options.env),
        events=tuple(options.event),
    )


def _output(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if name not in FORMATS or not file:
        raise UsageError(f"--output {text}: write it as FORMAT=FILE, with a format of {', '.join(FORMATS)}")
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"--output {text}: {path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"--output {text}: the folder {path.parent} does not exist; make it first")
    return name, path


def _one_of(option: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise UsageError(f"{option} {value}: it takes {', '.join(known)}{hint}")
    return value


def _write(report: Report, chosen: str, outputs: Sequence[tuple[str, Path]], environ: Mapping[str, str]) -> None:
    for name, path in outputs:
        try:
            path.write_text(FORMATS[name](report), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--output {name}={path}: {error.strerror}") from error
    text = terminal.render(report, colour=_colour(environ)) if chosen == "terminal" else FORMATS[chosen](report)
    with contextlib.suppress(BrokenPipeError):  # the reader has seen enough, and the verdict stands
        sys.stdout.write(text)
        sys.stdout.flush()


def _colour(environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def stamp(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write into archives what they are built from."""
    del environ
    made = _stamp(options)
    written = put(made, options.archives, replace=options.replace)
    for path in dict.fromkeys(options.archives):
        print(f"{path}: {'stamped' if path in written else 'has this stamp already'}")
    print(f"{made.key}: {', '.join(name for name, _ in made.inputs)}")
    return ExitCode.OK


def key(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a key for what is built."""
    del environ
    if not re.fullmatch(r"[^\s,|]*", options.prefix):
        raise UsageError(f"--prefix {options.prefix!r}: caches take no keys with spaces, commas or bars")
    made = _stamp(options)
    print(f"{options.prefix}-{made.key}" if options.prefix else made.key)
    return ExitCode.OK


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
    """Tell of the cache, or empty it."""
    folder = cache_folder(environ)
    if options.action == "prune":
        prune_cache(folder)
    print(describe_cache(folder))
    return ExitCode.OK
