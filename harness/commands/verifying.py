"""``verify``: archives verified, and reports written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import regular_files
from harness.commands.options import colour, engine_of, one_of, output, settings_of, spare
from harness.commands.showing import show, shown_width
from harness.manifest import Manifest, Options, find, load
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.reporters import FORMATS
from harness.reporters.layout import WIDTH
from harness.reporters.timings import timed
from harness.verify import verify as run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

    from harness.model import ExitCode, Report


def verify(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Verify archives and report."""
    request = Request(options, environ)
    report = request.report(request.manifest())
    return request.write(report)


class Request:
    """What the options ask for."""

    def __init__(self, options: argparse.Namespace, environ: Mapping[str, str]) -> None:
        self.options = options
        self.environ = environ
        self.outputs = [output(text) for text in options.output]
        self.format = one_of("--format", options.format, list(FORMATS))
        engine_of(options)

    def manifest(self) -> Manifest:
        """What is to be verified, as it is declared.

        Raises:
            UsageError: The request is wrong.
        """
        path = self.options.manifest or find(Path.cwd())
        said = _overrides(self.options)
        manifest = load(path, said, runtimes=KNOWN_RUNTIMES, checks=_waivable, environ=self.environ)
        spare(manifest, self.outputs)
        return manifest

    def report(self, manifest: Manifest) -> Report:
        """Verify it."""
        options = self.options
        with settings_of(options, self.environ) as common:
            settings = replace(
                common,
                select=tuple(options.select),
                skip=tuple(options.skip),
                strict=options.strict,
                source_digests=options.source_digests,
            )
            return run(manifest, settings)

    def write(self, report: Report) -> ExitCode:
        """Write the reports that were asked for, that on standard output last.

        Returns:
            The code that the report earns; see :func:`harness.commands.showing.show`.

        Raises:
            UsageError: A file cannot be written.
        """
        for name, path in self.outputs:
            try:
                regular_files.write(path, self._text(report, name))
            except OSError as error:
                raise UsageError(f"--output {name}={path}: {error.strerror}") from error
        text = self._text(report, self.format, colour=colour(self.environ), shown=True)
        return show(text, report.exit_code)

    def _text(self, report: Report, name: str, *, colour: bool = False, shown: bool = False) -> str:
        if name == "json":  # for programs, which leave out what they do not want
            return FORMATS[name](report)
        report = timed(report) if self.options.timings else replace(report, timings=())
        if name != "terminal":
            return FORMATS[name](report)
        width = shown_width() if shown else WIDTH
        return FORMATS[name](report, colour=colour, width=width, verbose=self.options.verbose)


def _waivable() -> Collection[str]:
    from harness.catalogue import waivable  # noqa: PLC0415 - it knows all checks, and few manifests have waivers

    return waivable()


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
