"""The results, as JSON, so that a scenario can be measured again alone, and as a page."""

from __future__ import annotations

import json
import statistics
import tomllib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Runs, Sample
from benchmarks.parts import PAIRINGS
from benchmarks.scenarios import SCENES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.scenarios import Line, Scene

HERE = Path(__file__).parent
JSON, PAGE, PLOT = "results.json", "results.md", "results.svg"
EXPLAINED = HERE / "explained.toml"
_DIGITS = 4
_ABOUT = """\
`make bench` measures, and writes this page; `explained.toml` beside it has why goals are missed, and is written by
hand. All that is compared ran in turn, several times: a figure is the median of what each round came to, with the least
and the most of the rounds."""
_WORDS = """\
## What the words mean

* *cold*: the cache folder has nothing about any archive. The runtime client, which is installed once per machine, is
  there. The archives themselves are in the system's page cache, for all contenders.
* *warm*, *facts cached*: the same archives were verified before with the same cache folder.
* *code rebuilt*: the same, but that one file of the code was changed and the code zipped again before each run; the
  layer is as before. It is what people have who work on a function.
* *on tmpfs*: archives, cache and whatever is unpacked lie in memory, on both sides. The other lines are on the file
  system that the table above names, on both sides, too; there a disk that is busy writing back decides about much.
* *bare imports*: for each handler in turn, the functions' Python (`-I`) imports its module from unpacked archives, and
  ends. *With bytecode*: an earlier import has written `__pycache__` beside the sources. Divided by the cores, it is the
  least that starting the handlers can take.
* *by hand*: `unzip -q` of both archives, then such imports. *Bytecode written*: the first import of a module writes its
  `__pycache__`, as it does for people who try it; the next handler finds it. *Nothing written* (`-B`): as on a
  read-only tree, which Lambda's is; each handler compiles all that it imports.
* *CPU*: user and system time of the processes that were waited for. What a container daemon runs is not among it.
* *left out*: could not be measured here, with the reason."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The result of a line.

    Attributes:
        values: One for each round, of wall time.
        missing: Why there are none.
        cpu: The same of processor time; none where a daemon has a part in it, whose time is not counted.
    """

    line: Line
    values: tuple[float, ...]
    missing: str = ""
    cpu: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """Of all rounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or nothing was measured."""
        return None if self.line.goal is None or not self.values else self.median <= self.line.goal


@dataclass
class Results:
    """All results of one machine.

    Attributes:
        machine: Where; what was measured on another does not stay beside it.
        tools: What was measured last with.
        dates: For each scene when it was measured, and with which harness.
        scenes: By name, what was measured.
        parts: For each part its seconds, and why there are none.
        parity: What ``benchmarks.parity`` printed.
    """

    machine: dict[str, str]
    cores: int
    quick: bool = False
    tools: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    scenes: dict[str, Runs] = field(default_factory=dict)
    parts: dict[str, list[float]] = field(default_factory=dict)
    parity: str = ""
    left_out: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Keep them."""
        text = json.dumps(_rounded(asdict(self)), indent=1)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JSON).write_text(f"{text}\n", "utf-8")


def read(folder: Path, new: Results, *, anywhere: bool = False) -> Results:
    """Earlier results; none from another machine or another way of measuring.

    Args:
        folder: Where it is kept.
        new: Nothing yet, with this machine.
        anywhere: Whether another machine does not matter: nothing is to be added.
    """
    try:
        kept: dict[str, Any] = json.loads((folder / JSON).read_text("utf-8"))
        rounds = {name: _runs(stored) for name, stored in kept.pop("scenes").items()}
        old = Results(**kept, scenes=rounds)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return new
    same = (old.machine, old.cores, old.quick) == (new.machine, new.cores, new.quick)
    return old if same or anywhere else new


def _runs(stored: Mapping[str, Any]) -> Runs:
    rounds = [{name: Sample(**values) for name, values in one.items()} for one in stored["rounds"]]
    return Runs(rounds, dict(stored["left_out"]))


def _rounded(value: object) -> object:
    match value:
        case float():
            return round(value, _DIGITS)
        case dict():
            return {name: _rounded(one) for name, one in value.items()}
        case list():
            return [_rounded(one) for one in value]
        case _:
            return value


def figures(scene: Scene, runs: Runs, cores: int) -> Iterator[Figure]:
    """The results of a scenario's lines."""
    for line in scene.lines:
        values, cpu, missing = [], [], set()
        for samples in runs.rounds:
            try:
                values.append(line.figure(samples, cores))
                if not line.contained:
                    # One core's worth: processor time is not spread over the cores.
                    spent = {name: replace(one, seconds=one.cpu) for name, one in samples.items()}
                    cpu.append(line.figure(spent, 1))
            except KeyError as name:  # a contender that was left out, or has failed since
                missing.add(str(name.args[0]))
        reason = "; ".join(f"{name}: {runs.left_out.get(name, 'not measured')}" for name in sorted(missing))
        yield Figure(line, tuple(values), reason, tuple(cpu))


def all_figures(results: Results) -> Iterator[Figure]:
    """Of all scenes that were measured."""
    for scene in SCENES:
        if scene.name in results.scenes:
            yield from figures(scene, results.scenes[scene.name], results.cores)


def explanations(path: Path = EXPLAINED) -> dict[str, str]:
    """Why goals are missed, by hand: for the name of each line its paragraph."""
    read: dict[str, dict[str, str]] = tomllib.loads(path.read_text("utf-8"))
    return {name: " ".join(text.split()) for name, text in read.get("missed", {}).items()}


def said(figure: Figure) -> str:
    """A line's figure with its spread, and its goal: ``1.31 (1.25 to 1.40), goal 1.20, missed``."""
    if not figure.values:
        return f"not measured: {figure.missing}"
    goal = "" if figure.met is None else f", goal {bound(figure.line)}, {'met' if figure.met else 'missed'}"
    return f"{spread(figure.values, figure.line.unit)}{goal}; CPU {spent(figure)}"


def spent(figure: Figure) -> str:
    """The same figure of processor time."""
    return spread(figure.cpu, figure.line.unit) if figure.cpu and figure.line.unit != "MB" else "-"


def bound(line: Line) -> str:
    """The goal, with its unit; nothing where there is none."""
    return "" if line.goal is None else f"{line.goal:g}{'' if line.unit == 'ratio' else f' {line.unit}'}"


def spread(values: Sequence[float], unit: str) -> str:
    """The median, and the least and the most."""
    digits = {"MB": 1, "s": 3}.get(unit, 2)
    text = f"{statistics.median(values):.{digits}f}{'' if unit == 'ratio' else f' {unit}'}"
    return text if len(values) == 1 else f"{text} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def page(results: Results, explained: Mapping[str, str]) -> str:
    """The whole page."""
    found = list(all_figures(results))
    lines = [
        "# What a verification costs",
        "",
        _ABOUT,
        *(["", "**A quick run**: everything is small, and no figure means anything."] if results.quick else []),
        "",
        *_table(("Machine", ""), [(name, text) for name, text in (results.machine | results.tools).items()]),
        "",
        f"![What was measured, as a share of its goal]({PLOT})",
        "",
        "## Goals",
        "",
        *_goals(found, explained),
        "",
        _WORDS,
    ]
    for scene in SCENES:
        if (runs := results.scenes.get(scene.name)) is not None:
            lines += ["", *_scene(scene, runs, results)]
    if results.parts or "parts" in results.left_out:
        lines += ["", *_parts(results)]
    if results.parity or "parity" in results.left_out:
        lines += ["", *_parity(results)]
    return "\n".join([*lines, ""])


def _goals(found: Sequence[Figure], explained: Mapping[str, str]) -> Iterator[str]:
    rows = []
    for one in found:
        if one.line.goal is not None:
            verdict = "not measured" if one.met is None else "met" if one.met else "**missed**"
            figure = spread(one.values, one.line.unit) if one.values else "-"
            rows.append((one.line.id, one.line.means, figure, bound(one.line), verdict, spent(one)))
    yield from _table(("Line", "Meaning", "Measured", "Goal", "Verdict", "The same of CPU time"), rows)
    yield ""
    for one in found:
        if one.line.goal is not None and not one.values:
            yield f"* **{one.line.id}**: not measured. {one.missing}"
        if one.met is False:
            yield f"* **{one.line.id}**: {explained.get(one.line.id, 'no explanation yet.')}"


def _scene(scene: Scene, runs: Runs, results: Results) -> Iterator[str]:
    yield f"## {scene.name}"
    yield ""
    yield f"{scene.about} {_rounds(len(runs.rounds))}, {results.dates[scene.name]}."
    yield ""
    names = dict.fromkeys(name for samples in runs.rounds for name in samples)
    rows = []
    for name in names:
        samples = [one[name] for one in runs.rounds if name in one]
        peak = max(one.peak_mb for one in samples)
        wall, cpu = spread([one.seconds for one in samples], "s"), statistics.median(one.cpu for one in samples)
        rows.append((name, wall, f"{cpu:.3f} s", f"{peak:.1f} MB" if peak else ""))
    yield from _table(("Contender", "Wall", "CPU", "Peak"), rows)
    yield ""
    for one in figures(scene, runs, results.cores):
        yield f"* {one.line.id}: {one.line.means}: {said(one)}"
    yield from (f"* left out: {name}: {reason}" for name, reason in runs.left_out.items())


def _rounds(number: int) -> str:
    return "1 round" if number == 1 else f"{number} rounds"


def _parts(results: Results) -> Iterator[str]:
    yield "## parts"
    yield ""
    if reason := results.left_out.get("parts"):
        yield f"* left out: {reason}"
        return
    yield (
        f"Steps of a verification inside one process, over the layer of 50 MB, measured by pyperf: each in a process "
        f"of its own, in turn, {_rounds(min(map(len, results.parts.values())))}, {results.dates['parts']}."
    )
    yield ""
    yield from _table(("Part", "Wall"), [(name, spread(values, "s")) for name, values in results.parts.items()])
    yield ""
    rows = []
    for pair in PAIRINGS:
        ours, theirs = results.parts[pair.ours], results.parts[pair.theirs]
        ratios = [one / other for one, other in zip(ours, theirs, strict=False)]
        rows.append((f"{pair.ours} ÷ {pair.theirs}", pair.means, spread(ratios, "ratio")))
    yield from _table(("Pair", "Meaning", "Measured"), rows)


def _parity(results: Results) -> Iterator[str]:
    yield "## parity"
    yield ""
    if reason := results.left_out.get("parity"):
        yield f"* left out: {reason}"
        return
    yield (
        "What parity and diagnosis cost beside the other static checks: a repository with a lock of 300 packages, and "
        f"an artifact that lacks one; medians in one process, {results.dates['parity']}."
    )
    yield ""
    yield "```text"
    yield results.parity.rstrip()
    yield "```"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"
