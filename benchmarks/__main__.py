"""Run ``python -m benchmarks``; ``--help`` says how."""

from __future__ import annotations

import argparse
import compileall
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyperf  # type: ignore[import-untyped]  # it ships no types

from benchmarks import parts
from benchmarks.artifacts import SMALL
from benchmarks.contenders import Workshop, remove
from benchmarks.machine import cores, machine, tools
from benchmarks.measure import Runs, Unmeasurable, alternate, timed
from benchmarks.plot import plot
from benchmarks.results import HERE, PAGE, PLOT, Results, all_figures, explanations, figures, page, read, said, spread
from benchmarks.scenarios import SCENES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.scenarios import Scene

PARTS, PARITY = "parts", "parity"
NAMES = (*(scene.name for scene in SCENES), PARTS, PARITY)
IMAGE = "LAMBDA_ARTIFACT_TEST_IMAGE"
HARNESS = Path(__file__).parents[1] / "harness"
_VERDICTS = {True: "met", False: "missed", None: "not measured"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line says; 0, whatever came out."""
    options = _parser().parse_args(arguments)
    image = options.image or os.environ.get(IMAGE) or None
    # With its own bytecode beside it, as an installed package has it, whatever this shell's Python may write.
    compileall.compile_dir(str(HARNESS), quiet=2)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    workshop = Workshop(options.work.absolute(), environ, image, options.quick)
    workshop.folder.mkdir(parents=True, exist_ok=True)
    results = read(options.output, Results(machine(workshop), cores(), options.quick), anywhere=options.render)
    chosen = [] if options.render else options.only or NAMES
    rounds = 1 if options.quick else options.runs
    for scene in SCENES:
        if scene.name in chosen:
            _measure(scene, workshop, rounds, results)
            _write(results, options.output)  # after each, so that an interruption loses nothing
    for name, measure in ((PARTS, _parts), (PARITY, _parity)):
        if name in chosen:
            _apart(name, measure, workshop, rounds, results)
    _write(results, options.output)
    found = [one for one in all_figures(results) if one.line.goal is not None]
    verdicts = [f"{sum(one.met is met for one in found)} {word}" for met, word in _VERDICTS.items()]
    _say(f"{options.output / PAGE}: {len(found)} goals, {', '.join(verdicts)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures what a verification costs, beside what it cannot beat and beside what does the same. "
        "All that is compared runs in turn. The first run builds layers and installs a peer, with the network.",
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=[], metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument(
        "--runs", type=int, default=3, metavar="N", help="rounds, more or fewer for what takes less or more (default 3)"
    )
    parser.add_argument("--quick", action="store_true", help="one round of everything, small: a test of the benchmarks")
    parser.add_argument("--render", action="store_true", help="measure nothing, and write the page anew")
    parser.add_argument("--image", metavar="REF", help=f"what plays Lambda's image; else ${IMAGE}, else Lambda's own")
    parser.add_argument("--output", type=Path, default=HERE, metavar="FOLDER", help="where the page goes")
    parser.add_argument(
        "--work", type=Path, default=HERE.parent / "build" / "bench", metavar="FOLDER", help="where layers are kept"
    )
    return parser


def _measure(scene: Scene, workshop: Workshop, rounds: int, results: Results) -> None:
    _say(f"{scene.name}: {scene.about}")
    try:
        number = 1 if workshop.quick else max(1, round(rounds * scene.share))
        runs = alternate(scene.contenders(workshop), number, _progress)
    except Unmeasurable as reason:
        runs = Runs(left_out={"everything": str(reason)})
    results.scenes[scene.name] = runs
    _date(scene.name, workshop, results)
    for one in figures(scene, runs, results.cores):
        _say(f"  {one.line.id}: {said(one)}")
    for name, why in runs.left_out.items():
        _say(f"  left out: {name}: {why}")


def _apart(
    name: str, measure: Callable[[Workshop, int, Results], None], workshop: Workshop, rounds: int, results: Results
) -> None:
    """Measure what has a way of its own."""
    _say(f"{name}:")
    results.left_out.pop(name, None)
    try:
        measure(workshop, rounds, results)
    except (Unmeasurable, subprocess.SubprocessError) as reason:
        results.left_out[name] = str(reason)
        _say(f"  left out: {reason}")
    _date(name, workshop, results)


def _date(name: str, workshop: Workshop, results: Results) -> None:
    """Note when it was measured, and with what."""
    results.tools = tools(workshop)  # afterwards: some of them were not there before
    results.dates[name] = f"{datetime.now(tz=UTC).date().isoformat()}, harness {results.tools['harness']}"


def _parts(workshop: Workshop, rounds: int, results: Results) -> None:
    artifact = workshop.shared(SMALL, 8)
    scratch, output = workshop.folder / "parts", workshop.folder / "parts.json"
    remove(output)
    handlers = [one.handler for one in artifact.functions]
    for number in range(1, rounds + 1):
        _progress(f"parts: round {number} of {rounds}")
        timed(parts.command(artifact.layer, artifact.code, scratch, handlers, output), folder=HERE.parent)
    suite = pyperf.BenchmarkSuite.load(str(output))
    results.parts = {one.get_name(): [float(value) for value in one.get_values()] for one in suite.get_benchmarks()}
    for name, values in results.parts.items():
        _say(f"  {name}: {spread(values, 's')}")


def _parity(workshop: Workshop, rounds: int, results: Results) -> None:
    if workshop.quick:
        raise Unmeasurable("a quick run does not build the sample application")
    command = [sys.executable, "-m", "benchmarks.parity", "--runs", str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)
    results.parity = done.stdout
    _say(done.stdout.rstrip())


def _write(results: Results, folder: Path) -> None:
    results.write(folder)
    (folder / PAGE).write_text(page(results, explanations()), "utf-8")
    (folder / PLOT).write_text(plot(list(all_figures(results))), "utf-8")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}\r")
        sys.stderr.flush()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line talks to a person


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves nothing behind either
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
