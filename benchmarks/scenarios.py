"""The scenarios that are measured, and each line of their results with its goal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from benchmarks.artifacts import LARGE, SMALL, Artifact
from benchmarks.sam import Sam

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.artifacts import Shape
    from benchmarks.contenders import Workshop
    from benchmarks.measure import Contender, Sample

Unit = Literal["ratio", "s", "MB"]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure that is made of each round.

    Attributes:
        id: What it is called, in the results and in the explanations of misses.
        means: What it says, as "this ÷ that".
        figure: Of one round and the number of cores.
        goal: The most that the median may be; None where there is nothing to reach.
    """

    id: str
    means: str
    figure: Callable[[Mapping[str, Sample], int], float]
    goal: float | None = None
    unit: Unit = "ratio"

    @property
    def contained(self) -> bool:
        """Whether a container daemon has a part in it."""
        return "container" in self.means or SAM in self.means


@dataclass(frozen=True, slots=True)
class Scene:
    """Contenders that run in turn, and the lines about them.

    Attributes:
        share: Of the rounds that were asked for: less for what takes long, more for what takes little.
    """

    name: str
    about: str
    contenders: Callable[[Workshop], Sequence[Contender]]
    lines: tuple[Line, ...]
    share: float = 1.0


WARM, CONTAINED = "process engine, warm", "container engine, warm"
REBUILT, CONTAINED_REBUILT = "process engine, code rebuilt", "container engine, code rebuilt"
COLD, CONTAINED_COLD = "process engine, cold", "container engine, cold"
IMPORTS = "bare imports, with bytecode"
HAND, HAND_WRITES = "by hand, nothing written", "by hand, bytecode written"
RUN = "empty docker run"
STATIC, FACTS = "static, cold", "static, facts cached"
STATIC_TMPFS, UNZIP_TMPFS = "static, cold, on tmpfs", "unzip -q, on tmpfs"
START = "python -c pass"
UNZIP, TEST_ZIP, PIP = "unzip -q", "python -m zipfile -t", "pip check"
SELECTED, SELECTED_COLD = "requirements-met alone, facts cached", "requirements-met alone, cold"
PLUGIN = "pytest -m artifact -n 2"
SAM = "sam local invoke, each"
EIGHT, HUNDRED, FOUR = "8 functions, warm", "100 functions, warm", "bare imports of 4, with bytecode"
FACTS_OF_8, FACTS_OF_100 = "8 functions, static, facts cached", "100 functions, static, facts cached"


def _ratio(ours: str, theirs: str) -> Callable[[Mapping[str, Sample], int], float]:
    return lambda of, _: of[ours].seconds / of[theirs].seconds


def _starts(name: str, ours: str, contained: str, goals: tuple[float, float], most: int) -> tuple[Line, Line]:
    """Both engines against the floor: the imports alone, spread over the cores, as far as there are functions."""

    def floor(of: Mapping[str, Sample], cores: int) -> float:
        return of[IMPORTS].seconds / min(cores, most)

    spread = "" if most == 1 else ", ÷ cores"
    state = ours.rpartition(", ")[2]
    return (
        Line(
            f"{name}, process, {state}",
            f"{ours} ÷ ({IMPORTS}{spread})",
            lambda of, cores: of[ours].seconds / floor(of, cores),
            goals[0],
        ),
        Line(
            f"{name}, container, {state}",
            f"{contained} ÷ ({IMPORTS}{spread}, + {RUN})",
            lambda of, cores: of[contained].seconds / (floor(of, cores) + of[RUN].seconds),
            goals[1],
        ),
    )


def _warm(name: str, process: float = 1.2, container: float = 1.3, most: int = 1000) -> tuple[Line, ...]:
    goals = process, container
    return (
        *_starts(name, WARM, CONTAINED, goals, most),
        *_starts(name, REBUILT, CONTAINED_REBUILT, goals, most),
    )


def _by_hand(name: str, goal: float) -> tuple[Line, Line]:
    return (
        Line(f"{name}, cold, read-only tree by hand", f"{COLD} ÷ {HAND}", _ratio(COLD, HAND), goal),
        Line(f"{name}, cold, writable tree by hand", f"{COLD} ÷ {HAND_WRITES}", _ratio(COLD, HAND_WRITES)),
    )


def _static(name: str) -> tuple[Line, ...]:
    return (
        Line(
            f"static, cold, {name}, on tmpfs", f"{STATIC_TMPFS} ÷ {UNZIP_TMPFS}", _ratio(STATIC_TMPFS, UNZIP_TMPFS), 1.5
        ),
        Line(f"static, cold, {name}", f"{STATIC} ÷ {UNZIP}", _ratio(STATIC, UNZIP)),
        Line(f"static, facts cached, {name}", f"{FACTS} ÷ {START}", _ratio(FACTS, START), 12.0),
        Line(f"static, cold, {name}, and zipfile -t", f"{STATIC} ÷ {TEST_ZIP}", _ratio(STATIC, TEST_ZIP)),
        Line(f"requirements, cached, {name}", f"{SELECTED} ÷ {PIP}", _ratio(SELECTED, PIP)),
        Line(f"requirements, cold, {name}", f"({SELECTED_COLD}) ÷ {PIP}", _ratio(SELECTED_COLD, PIP)),
    )


def _added(of: Mapping[str, Sample], cores: int, *, functions: int = 100 - 8) -> float:
    """What one function more takes, in processors' time, and its own import: kinds take turns, so means will do."""
    each = (of[HUNDRED].seconds - of[EIGHT].seconds) / functions
    return each * cores / (of[FOUR].seconds / 4)


def _engines(workshop: Workshop, artifact: Artifact) -> list[Contender]:
    return [
        workshop.imports(IMPORTS, artifact),
        workshop.verify(WARM, artifact, "process"),
        workshop.verify(REBUILT, artifact, "process", rebuilt=True),
        workshop.container(RUN),
        workshop.verify(CONTAINED, artifact, "container"),
        workshop.verify(CONTAINED_REBUILT, artifact, "container", rebuilt=True),
    ]


def _cold_static(workshop: Workshop, artifact: Artifact) -> list[Contender]:
    """Static checks beside unzip: where everything lies usually, and in memory."""
    memory = workshop.in_memory(artifact)
    return [
        workshop.unzip(UNZIP, artifact),
        workshop.verify(STATIC, artifact, "none", cold=True),
        workshop.unzip(UNZIP_TMPFS, artifact, memory),
        workshop.verify(STATIC_TMPFS, artifact, "none", cold=True, place=memory),
    ]


def _of_sample(workshop: Workshop) -> list[Contender]:
    artifact = workshop.sample()
    return [
        *_engines(workshop, artifact),
        workshop.pytest(PLUGIN, artifact),
        *_cold_static(workshop, artifact),
        workshop.start(START),
        workshop.verify(FACTS, artifact, "none"),
    ]


def _of_functions(workshop: Workshop, *, shape: Shape, functions: int) -> list[Contender]:
    artifact = workshop.shared(shape, functions)
    return [
        *_engines(workshop, artifact),
        workshop.by_hand(HAND, artifact, "none"),
        workshop.verify(COLD, artifact, "process", cold=True),
        workshop.by_hand(HAND_WRITES, artifact, "written"),
        workshop.verify(CONTAINED_COLD, artifact, "container", cold=True),
    ]


def _of_hundred(workshop: Workshop) -> list[Contender]:
    few, many = workshop.shared(SMALL, 8), workshop.shared(SMALL, 100)
    return [
        workshop.imports(FOUR, few, 4),
        workshop.verify(EIGHT, few, "process"),
        workshop.verify(HUNDRED, many, "process"),
        workshop.verify(FACTS_OF_8, few, "none"),
        workshop.verify(FACTS_OF_100, many, "none"),
    ]


def _of_sam(workshop: Workshop) -> list[Contender]:
    artifact = workshop.shared(SMALL, 8, invoked=True)
    return [workshop.verify(CONTAINED, artifact, "container"), Sam(workshop, artifact).contender(SAM)]


def _of_static(workshop: Workshop, *, shape: Shape) -> list[Contender]:
    artifact = workshop.shared(shape, 8)
    selected = ("--select", "requirements-met")
    return [
        *_cold_static(workshop, artifact),
        workshop.start(START),
        workshop.verify(FACTS, artifact, "none"),
        workshop.test_zip(TEST_ZIP, artifact),
        workshop.verify(SELECTED_COLD, artifact, "none", *selected, cold=True),
        workshop.pip_check(PIP, artifact),
        workshop.verify(SELECTED, artifact, "none", *selected),
    ]


def _of_memory(workshop: Workshop) -> list[Contender]:
    artifact = workshop.shared(LARGE, 8)
    return [
        workshop.verify(STATIC, artifact, "none", cold=True, memory=True),
        workshop.verify(COLD, artifact, "process", cold=True, memory=True),
        workshop.verify(FACTS, artifact, "none", memory=True),
    ]


def _peak(contender: str, goal: float | None = 200.0) -> Line:
    return Line(f"memory, {contender}", f"peak of {contender}", lambda of, _: of[contender].peak_mb, goal, "MB")


PYTEST = Line("pytest -n 2", f"{PLUGIN} ÷ {WARM}", _ratio(PLUGIN, WARM), 1.5)
SCENES = (
    Scene(
        "sample",
        "The sample application: four functions, each of which is started and then invoked with its events.",
        _of_sample,
        (*_warm("sample", 1.4), PYTEST, *_static("sample")[:3]),
        share=1.67,
    ),
    Scene(
        "one",
        "One function over the layer of 50 MB: an API.",
        partial(_of_functions, shape=SMALL, functions=1),
        (*_warm("1 function", 1.6, 1.6, 1), *_by_hand("1 function", 1.3)),
    ),
    Scene(
        "eight",
        "Eight functions over the layer of 50 MB: two each of an API, a worker, a maker of documents and a migration.",
        partial(_of_functions, shape=SMALL, functions=8),
        (*_warm("8 functions", 1.1), *_by_hand("8 functions", 0.55)),
    ),
    Scene(
        "large",
        "Eight functions over the layer of 250 MB; two of them with pandas.",
        partial(_of_functions, shape=LARGE, functions=8),
        (*_warm("8 functions, 250 MB", 1.1), *_by_hand("8 functions, 250 MB", 0.55)),
        share=0.67,
    ),
    Scene(
        "hundred",
        "A hundred functions over the layer of 50 MB, against eight of them.",
        _of_hundred,
        (
            Line(
                "the 100th function",
                f"({HUNDRED} - {EIGHT}) ÷ 92, times the cores, ÷ (a bare import, with bytecode)",
                _added,
                1.1,
            ),
            Line(
                "the 100th function, static",
                f"({FACTS_OF_100} - {FACTS_OF_8}) ÷ 92",
                lambda of, _: (of[FACTS_OF_100].seconds - of[FACTS_OF_8].seconds) / 92,
                unit="s",
            ),
        ),
        share=0.67,
    ),
    Scene(
        "sam",
        "Eight functions over the layer of 50 MB, each started and invoked once, and AWS's SAM on the same image.",
        _of_sam,
        (Line("sam", f"{CONTAINED} ÷ {SAM}", _ratio(CONTAINED, SAM), 0.1),),
        share=0.67,
    ),
    Scene(
        "static-50",
        "Static checks of eight functions over the layer of 50 MB.",
        partial(_of_static, shape=SMALL),
        _static("50 MB"),
        share=1.67,
    ),
    Scene(
        "static-250",
        "Static checks of eight functions over the layer of 250 MB.",
        partial(_of_static, shape=LARGE),
        _static("250 MB"),
    ),
    Scene(
        "memory",
        "Eight functions over the layer of 250 MB: what is resident of the harness and of its Python children at a "
        "time, without handlers. Pages of mapped files count; what processes share counts once.",
        _of_memory,
        (_peak(STATIC), _peak(COLD), _peak(FACTS)),
        share=0.67,
    ),
)
