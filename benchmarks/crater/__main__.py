"""Run ``python -m benchmarks.crater``; ``--help`` says how."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.crater import build, results, static
from benchmarks.crater.compare import compare, explanations
from benchmarks.crater.distributions import Specimen, Unknown, specimens
from benchmarks.crater.ground_truth import Unknowable, Witness
from harness.catalogue import named
from harness.commands.progress import Progress
from harness.engines.choice import Choice, engine
from harness.engines.daemon import connect
from harness.engines.protocol import Engine, Unavailable
from harness.manifest import FILE_NAME, load
from harness.model import Severity, UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.session.settings import Settings
from harness.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.crater.compare import Comparison, Explanation
    from harness.model import Report, Result

ROOT = Path(__file__).parents[2] / "build" / "crater"
HARNESS = Path(__file__).parents[2] / "harness"
IMAGE = "LAMBDA_ARTIFACT_TEST_IMAGE"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command.

    Attributes:
        environ: The user's environment, to find daemons and interpreters with.
        choice: The engine.
        select: Checks to run; empty for all.
        scratch: Where archives are unpacked for the while.
        progress: Told what is being done.
    """

    environ: Mapping[str, str]
    choice: Choice
    select: tuple[str, ...]
    scratch: Path
    progress: Progress

    def engine(self, choice: Choice) -> Engine:
        """The engine of that kind."""
        return engine(choice, self.environ, ROOT / ".cache", self.environ.get(IMAGE), None)

    @property
    def witness(self) -> Witness:
        """The output of progress."""
        return Witness(
            self.engine(self.choice), f"{self.choice} {self.environ.get(IMAGE)}", self.scratch, self.progress.show
        )

    def verified(self, name: str) -> tuple[Report, Report]:
        """Verify one artifact, with the engine and without one; its unpacked trees are gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)  # the function is another user's
            cache = Path(folder)
            return self._verified(name, cache, self.choice), self._verified(name, cache, Choice.NONE)

    def analysed(self, name: str) -> Report:
        """Verify one artifact without starting it; what is found out about its bytes is kept."""
        return self._verified(name, ROOT / ".cache" / f"static-{_analysis()}", Choice.NONE)

    def _verified(self, name: str, cache: Path, choice: Choice) -> Report:
        settings = Settings(
            engine=self.engine(choice),
            cache=cache,
            progress=self.progress.show,
            today=datetime.now(tz=UTC).date(),
            select=self.select,
            static=choice is Choice.NONE,
        )
        return verify(load(ROOT / name / FILE_NAME, runtimes=KNOWN_RUNTIMES), settings)

    def compared(
        self, specimen: Specimen, built: build.Built, table: Sequence[Explanation], kept: results.Results
    ) -> tuple[str, Comparison]:
        """Verify one artifact and hold the report against the truth; what is to be said of it."""
        modules = specimen.imports or built.modules
        truth = self.witness.ask(ROOT / specimen.name / build.LAYER, modules)
        report, unstarted = self.verified(specimen.name)
        said = compare(specimen.name, report, truth, table, unstarted)
        row = kept.add(specimen, built, report, truth, said)
        return "\n  ".join([results.line(row), *results.complaints(row)]), said


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 0 where there is nothing that somebody has to look at."""
    options = _parser().parse_args(arguments)
    try:
        chosen = specimens(options.only)
        for check in options.check:
            named(check)
    except (Unknown, UsageError) as problem:
        _say(str(problem))
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves nothing behind either
    choice = Choice.NONE if options.static else Choice(options.engine or _usual(os.environ))
    with _scratch() as scratch, Progress(sys.stderr) as progress:
        run = Run(os.environ, choice, tuple(options.check), scratch, progress)
        if options.static:
            return _static(run, [one for one in chosen if (ROOT / one.name / build.LAYER).is_file()])
        if options.build:
            return _build(run, chosen, refresh=options.refresh)
        return _compare(run, chosen, refresh=options.refresh, whole=not options.only)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crater",
        description="Builds layers of distributions that people deploy, verifies them, and compares what is said with "
        "what the runtime does. A later run builds nothing anew; one that is interrupted goes on where it was.",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these distributions alone")
    parser.add_argument("--engine", choices=["auto", "container", "process"], help="what starts the functions")
    parser.add_argument("--build", action="store_true", help="build what is missing, and verify nothing")
    parser.add_argument("--refresh", action="store_true", help="build anew, with today's versions")
    parser.add_argument("--static", action="store_true", help="list all findings of the checks that need no runtime")
    parser.add_argument("--check", nargs="+", default=[], metavar="CHECK", help="these checks alone")
    return parser


def _usual(environ: Mapping[str, str]) -> Choice:
    """The named image where a daemon answers: its libraries are Lambda's, and this machine's are not."""
    if not environ.get(IMAGE):
        return Choice.AUTO
    try:
        connect(environ).client.close()
    except Unavailable:
        return Choice.PROCESS
    return Choice.CONTAINER


@cache
def _analysis() -> str:
    """What the analysis of archives depends on: who works on it must not be shown what it found before."""
    digest = hashlib.sha256()
    for path in sorted([*HARNESS.glob("facts/**/*.py"), *HARNESS.glob("artifact/*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder of this process; removes what a process that was killed left behind."""
    ROOT.mkdir(parents=True, exist_ok=True)
    for left in ROOT.glob(".scratch-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = ROOT / f".scratch-{os.getpid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _static(run: Run, chosen: Sequence[Specimen]) -> int:
    found: list[static.Row] = []
    said: list[Result] = []
    for one in chosen:
        run.progress.show(one.name)
        try:
            report = run.analysed(one.name)
        except Exception as error:  # noqa: BLE001 - what breaks on one artifact must not hide the others
            found.append(static.Row("analysis", "crash", one.name, _place(error), f"{type(error).__name__}: {error}"))
            continue
        found += static.rows(one.name, report)
        said += report.results
    for row in sorted(found):
        _say(str(row))
    _say("")
    for line in static.table(found, said):
        _say(line)
    _say(f"{len(chosen)} artifacts")
    return int(any(row.severity != Severity.WARNING for row in found))


def _place(error: Exception) -> str:
    """The place of an exception: ``harness/facts/archive.py:154``."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.relpath(frame.filename, HARNESS.parent)}:{frame.lineno}"


def _build(run: Run, chosen: Sequence[Specimen], *, refresh: bool) -> int:
    failed = 0
    for one in chosen:
        try:
            built = build.ensure(one, ROOT / one.name, run.scratch, refresh=refresh)
        except (build.Uninstallable, Unknown) as problem:
            failed += 1
            _say(f"{one.name}: {problem}")
        else:
            _say(f"{one.name}: {built.left_out or built.version}")
    return int(failed > 0)


def _compare(run: Run, chosen: Sequence[Specimen], *, refresh: bool, whole: bool) -> int:
    table = explanations()
    kept = results.Results.read(results.FILE, {one.name for one in specimens()})
    problems: list[str] = []
    used: set[Explanation] = set()
    for one in chosen:
        try:
            built = build.ensure(one, ROOT / one.name, run.scratch, refresh=refresh)
            if built.left_out:
                kept.leave_out(one.name, built.left_out)
                _say(f"{one.name}: left out, {built.left_out}")
            else:
                text, said = run.compared(one, built, table, kept)
                used |= said.used
                _say(text)
        except (build.Uninstallable, Unknown, Unavailable, Unknowable) as problem:
            problems.append(f"{one.name}: {problem}")
            _say(problems[-1])
        except Exception as error:  # noqa: BLE001 - what breaks on one artifact must not hide the others
            problems.append(f"{one.name}: {type(error).__name__}: {error}, at {_place(error)}")
            _say(problems[-1])
        if not run.select:  # a part of the checks is no result
            kept.write(results.FILE)  # after each, so that an interruption loses nothing
    if whole and not run.select:
        problems += [f"explained.toml: {row.name}, {row.match!r} fits nothing" for row in table if row not in used]
    rows = [kept.artifacts[one.name] for one in chosen if one.name in kept.artifacts]
    problems += [f"{row['name']}: {text}" for row in rows for text in results.complaints(row)]
    _say("\n".join(["", *problems, ""]))
    for name, figure in kept.summary():
        _say(f"{figure:>8,}  {name}")
    return int(bool(problems))


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line talks to a person


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
