"""What each command does, with the options that the command line gave."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.caching import cache_folder, describe_cache, prune_cache, using
from harness.catalogue import CATALOGUE, named, waivable
from harness.engines.choice import Choice, engine
from harness.manifest import Manifest, Options, find, load
from harness.model import ExitCode, Report, UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.progress import Progress
from harness.project.gather import gather
from harness.project.inputs import inputs_of, named_inputs
from harness.project.stamps import Stamp, put, stamp_of
from harness.reporters import FORMATS, terminal
from harness.reporters.text import harmless
from harness.reporters.timings import timed
from harness.sources import least
from harness.sources.aws import Aws
from harness.sources.fetching import Sources
from harness.sources.places import place
from harness.verify import Settings
from harness.verify import verify as run
from harness.watching import Watcher

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import NoReturn, TextIO

    from harness.account.values import Preflight
    from harness.transition.values import Transition

CLEAR = "\x1b[H\x1b[2J\x1b[3J"
MOST_NAMES = 3
RETRY_SECONDS = 1.0


def verify(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Verify archives and report, once or whenever something changes."""
    request = Request(options, environ)
    if options.watch:
        _watch(request)
    report = request.report(request.manifest())
    request.write(report)
    return report.exit_code


class Request:
    """What the options ask for."""

    def __init__(self, options: argparse.Namespace, environ: Mapping[str, str]) -> None:
        self.options = options
        self.environ = environ
        self.outputs = [_output(text) for text in options.output]
        self.format = _one_of("--format", options.format, list(FORMATS))
        self._choice = Choice(_one_of("--engine", options.engine, [str(choice) for choice in Choice]))

    def manifest(self, *, archives: bool = True) -> Manifest:
        """What is to be verified, as it is declared now.

        Args:
            archives: Whether they must be there.

        Raises:
            UsageError: The request is wrong.
        """
        path = self.options.manifest or find(Path.cwd())
        manifest = load(
            path,
            _overrides(self.options),
            runtimes=KNOWN_RUNTIMES,
            checks=waivable(),
            environ=self.environ,
            archives=archives,
        )
        _spare(manifest, self.outputs)
        return manifest

    def report(self, manifest: Manifest) -> Report:
        """Verify it."""
        options, choice = self.options, self._choice
        folder = cache_folder(self.environ)
        with Progress(sys.stderr) as progress, using(folder):
            settings = Settings(
                engine=engine(choice, self.environ, folder, options.image, options.python),
                cache=folder,
                progress=progress.show,
                today=datetime.now(tz=UTC).date(),
                select=tuple(options.select),
                skip=tuple(options.skip),
                strict=options.strict,
                static=choice is Choice.NONE,
                init_timeout=options.init_timeout,
                profile=options.profile,
                source_digests=options.source_digests,
                trust_mtime=not options.no_trust_mtime,
            )
            return run(manifest, settings)

    def write(self, report: Report) -> None:
        """Write the reports that were asked for, that on standard output last.

        Raises:
            UsageError: A file cannot be written.
        """
        for name, path in self.outputs:
            try:
                path.write_text(self._text(report, name), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"--output {name}={path}: {error.strerror}") from error
        with contextlib.nullcontext() if self.options.watch else contextlib.suppress(BrokenPipeError):
            # The reader has seen enough, and the verdict stands.
            sys.stdout.write(self._text(report, self.format, colour=_colour(self.environ)))
            sys.stdout.flush()

    def _text(self, report: Report, name: str, *, colour: bool = False) -> str:
        if name == "json":  # for programs, which leave out what they do not want
            return FORMATS[name](report)
        report = timed(report) if self.options.timings else replace(report, timings=())
        return terminal.render(report, colour=True) if colour and name == "terminal" else FORMATS[name](report)


def transition(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Look at the way from what is live to what will be, and report."""
    from harness import transitions  # noqa: PLC0415 - for this command alone

    formats = transitions.FORMATS
    outputs = [_output(text) for text in options.output]
    chosen = _one_of("--format", options.format, list(formats))
    order = options.order and _one_of("--order", options.order, [str(order) for order in transitions.Order])
    sides = transitions.sides(options, environ)
    for manifest in sides:
        _spare(manifest, outputs)
    with _settings(options, environ) as settings:
        found = transitions.run(sides, settings, order, rollback=not options.without_rollback)
    _write(found, chosen, outputs, environ, formats)
    return found.exit_code


def preflight(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Hold what is to be deployed against what the account has, and report."""
    from harness import preflighting  # noqa: PLC0415 - for this command alone

    outputs = [_output(text) for text in options.output]
    chosen = _one_of("--format", options.format, list(preflighting.FORMATS))
    skip = preflighting.skipped(options.skip)
    manifest = preflighting.requested(options, environ)
    _spare(manifest, outputs)
    folder, today = cache_folder(environ), datetime.now(tz=UTC).date()
    with Progress(sys.stderr) as progress, using(folder):
        settings = preflighting.Settings(
            Aws(options.profile), folder, progress.show, today, skip, options.strict, options.rollback
        )
        found = preflighting.run(manifest, settings)
    _write(found, chosen, outputs, environ, preflighting.FORMATS)
    return found.report.exit_code


@contextlib.contextmanager
def _settings(options: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[Settings]:
    """How handlers are started, with the cache in use and progress shown for as long."""
    choice = Choice(_one_of("--engine", options.engine, [str(choice) for choice in Choice]))
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


def _watch(request: Request) -> NoReturn:
    """Verify whenever something has changed, until a signal ends it.

    Raises:
        UsageError: The request is wrong from the beginning. What goes wrong later is told, and may be mended.
    """
    screen = sys.stdout if request.format == "terminal" else sys.stderr
    changed: tuple[Path, ...] | None = None
    inputs: tuple[Path, ...] = ()
    complaint = ""
    with Watcher() as watcher:
        while True:
            try:
                manifest = request.manifest()
                watcher.attend(_archives(manifest), (*_files(manifest), *inputs))
                began = time.perf_counter()
                report = request.report(manifest)
                if changed is not None:
                    _separate(f"{_named(changed)}: verified again in {time.perf_counter() - began:.1f} s", screen)
                request.write(report)
                inputs = tuple(one.path for one in inputs_of(manifest, gather(manifest)).files)
                watcher.attend(_archives(manifest), (*_files(manifest), *inputs))
                complaint = ""
                _wait(watcher, screen)
            except UsageError as problem:
                if changed is None:
                    raise
                if str(problem) != complaint:
                    complaint = str(problem)
                    _separate(f"{_named(changed)}: not verified", screen)
                    print(*(f"lambda-artifact: {line}" for line in complaint.splitlines()), sep="\n", file=sys.stderr)
                    _wait(watcher, screen)
            # What is missing may be in no folder that is watched yet.
            changed = watcher.changed(RETRY_SECONDS if complaint else None)


def _wait(watcher: Watcher, screen: TextIO) -> None:
    print(f"\nwatching {len(watcher)} files and folders; Ctrl-C ends", file=screen, flush=True)


def _separate(line: str, screen: TextIO) -> None:
    """Begin another round: on an empty screen, or below a line where there is none to be emptied."""
    line = f"{datetime.now(tz=UTC).astimezone():%H:%M:%S} {harmless(line)}"
    print(f"{CLEAR}{line}\n" if screen.isatty() else f"\n==== {line} ====\n", file=screen, flush=True)


def _named(changed: Sequence[Path]) -> str:
    names = [os.path.relpath(path) for path in changed]
    more = f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else ""
    return f"{', '.join(names[:MOST_NAMES])}{more} changed" if names else "what was missing is there"


def _archives(manifest: Manifest) -> tuple[Path, ...]:
    sources = [manifest.code, *manifest.layers, *(s for f in manifest.functions for s in (f.code, *f.layers))]
    return tuple(source.path for source in sources if source and source.path)


def _files(manifest: Manifest) -> tuple[Path, ...]:
    """What is read of the repository, as far as the manifest names it."""
    events = [event.path for function in manifest.functions for event in function.events]
    return tuple(
        path for path in (manifest.path, manifest.project, *manifest.requirements, *manifest.inputs, *events) if path
    )


def _spare(manifest: Manifest, outputs: Sequence[tuple[str, Path]]) -> None:
    """Refuse a report that would overwrite what it is about, or another report."""
    taken = {path.resolve(): "verified" for path in (*_archives(manifest), *_files(manifest))}
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


def _write(
    report: Transition | Preflight,
    chosen: str,
    outputs: Sequence[tuple[str, Path]],
    environ: Mapping[str, str],
    formats: Mapping[str, Callable[..., str]],
) -> None:
    for name, path in outputs:
        try:
            path.write_text(formats[name](report), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--output {name}={path}: {error.strerror}") from error
    colour = {"colour": _colour(environ)} if chosen == "terminal" else {}
    text = formats[chosen](report, **colour)
    with contextlib.suppress(BrokenPipeError):  # the reader has seen enough, and the verdict stands
        sys.stdout.write(text)
        sys.stdout.flush()


def _colour(environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def match(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Tell whether what lies there is what passed."""
    from harness import matching  # noqa: PLC0415 - for this command alone

    artifacts = matching.passed(options.report)
    folder = cache_folder(environ)
    with Progress(sys.stderr) as progress, using(folder):
        sources = Sources(folder, progress.show, Aws(options.profile))
        found = matching.match(artifacts, options.code, options.layer, sources)
    print("\n".join(found.lines))
    return found.exit_code


def policy(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what IAM must allow."""
    del environ
    places = [(text, place(text)) for text in options.sources]
    if unknown := [text for text, found in places if found is None]:
        raise UsageError(
            f"{unknown[0]}: expected s3://bucket/key, function:NAME, or the ARN of a function or a layer's version"
        )
    print(least.policy([found for _, found in places if found], preflight=options.preflight))
    return ExitCode.OK


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
    """Tell of the cache, or make it smaller."""
    folder = cache_folder(environ)
    if options.action == "prune":
        print(prune_cache(folder, options.max_size, options.older_than))
    elif options.max_size is not None or options.older_than is not None:
        raise UsageError("--max-size and --older-than say what to prune: `lambda-artifact cache prune ...`")
    print(describe_cache(folder))
    return ExitCode.OK
