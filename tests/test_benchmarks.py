"""The instrument: what it makes of measurements, and that it measures. How long anything takes is not asserted."""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import __main__ as command
from benchmarks.machine import cores
from benchmarks.measure import Contender, Runs, Sample, Unmeasurable, alternate, timed
from benchmarks.parts import PAIRINGS
from benchmarks.plot import plot
from benchmarks.results import EXPLAINED, JSON, PAGE, PLOT, Figure, Results, explanations, figures, page, read, said
from benchmarks.scenarios import COLD, CONTAINED, HAND, IMPORTS, RUN, SCENES, WARM, Line, Scene

if TYPE_CHECKING:
    from pathlib import Path

LINE = Line("fast", "ours ÷ theirs", lambda of, _: of["ours"].seconds / of["theirs"].seconds, 0.5)
SCENE = Scene("scene", "Two of a kind.", lambda _: (), (LINE,))
GOALS = [line.id for scene in SCENES for line in scene.lines if line.goal is not None]


def samples(ours: float, theirs: float) -> dict[str, Sample]:
    return {"ours": Sample(ours, ours), "theirs": Sample(theirs, theirs)}


def figure(*values: float, missing: str = "") -> Figure:
    return Figure(LINE, values, missing)


class TestMeasuring:
    """Processes, in turn."""

    def test_runs_alternate_and_only_runs_count(self) -> None:
        done: list[str] = []

        def contender(name: str) -> Contender:
            def run() -> Sample:
                done.append(f"{name} runs")
                return Sample(1.0, 1.0)

            return Contender(name, run, *(lambda step=step: done.append(f"{name} {step}") for step in ("set up", "")))

        runs = alternate([contender("a"), contender("b")], 2, lambda _: None)

        assert [step for step in done if step[2:]] == ["a set up", "b set up", *["a runs", "b runs"] * 2]
        assert [list(one) for one in runs.rounds] == [["a", "b"]] * 2

    def test_what_cannot_be_measured_is_left_out_by_name(self) -> None:
        def fail() -> Sample:
            raise Unmeasurable("there is no such tool")

        good = Contender("good", lambda: Sample(1.0, 1.0))
        runs = alternate([Contender("no set-up", fail, fail), good, Contender("no run", fail)], 2, lambda _: None)

        assert runs.left_out == dict.fromkeys(["no set-up", "no run"], "there is no such tool")
        assert [list(one) for one in runs.rounds] == [["good"]] * 2

    def test_a_process_has_time_and_memory(self) -> None:
        found = timed([sys.executable, "-c", "x = bytearray(50_000_000); import time; time.sleep(0.2)"], memory=True)

        assert found.seconds > 0
        assert found.cpu > 0
        assert found.peak_mb > 50

    @pytest.mark.parametrize(
        ("script", "reason"),
        [("print('no'); raise SystemExit(3)", "ended with 3: no"), ("pass", "ended with 0: it said nothing")],
    )
    def test_a_process_that_fails_says_why(self, script: str, reason: str) -> None:
        with pytest.raises(Unmeasurable, match=reason):
            timed([sys.executable, "-c", script], expect=b"yes")


class TestFigures:
    """What is made of rounds."""

    @pytest.mark.parametrize(
        ("figure", "met", "text"),
        [
            (figure(0.4, 0.2, 0.9), True, "0.40 (0.20 to 0.90), goal 0.5, met; CPU -"),
            (figure(0.6), False, "0.60, goal 0.5, missed; CPU -"),
            (figure(missing="ours: no daemon"), None, "not measured: ours: no daemon"),
            (replace(figure(0.6), line=replace(LINE, goal=None, unit="s")), None, "0.600 s; CPU -"),
        ],
    )
    def test_a_line(self, *, figure: Figure, met: bool | None, text: str) -> None:
        assert (figure.met, said(figure)) == (met, text)

    def test_each_round_has_its_own_ratio(self) -> None:
        runs = Runs([samples(1, 4), samples(3, 4), samples(1, 2)])

        assert [one.values for one in figures(SCENE, runs, 2)] == [(0.25, 0.75, 0.5)]
        assert [one.cpu for one in figures(SCENE, runs, 2)] == [(0.25, 0.75, 0.5)]

    def test_a_line_without_its_peer_names_it(self) -> None:
        runs = Runs([{"ours": Sample(1, 1)}], {"theirs": "it is not installed"})

        assert [one.missing for one in figures(SCENE, runs, 2)] == ["theirs: it is not installed"]


class TestThePage:
    """What is kept, and told."""

    def test_another_machine_starts_anew(self, tmp_path: Path) -> None:
        here = Results({"processor": "fast"}, 2, dates={"one": "2026-01-01"}, scenes={"one": Runs([samples(1, 2)])})
        here.write(tmp_path)

        assert read(tmp_path, Results({"processor": "fast"}, 2)) == here
        assert read(tmp_path, Results({"processor": "slow"}, 2)).scenes == {}
        assert read(tmp_path, Results({"processor": "slow"}, 2), anywhere=True) == here
        assert read(tmp_path / "nowhere", Results({"processor": "fast"}, 2)).scenes == {}

    def test_a_missed_goal_has_its_explanation(self) -> None:
        one = SCENES[1]
        slow = {IMPORTS: 1.0, WARM: 9.0, RUN: 1.0, CONTAINED: 9.0}
        missed = {name: Sample(seconds, seconds) for name, seconds in slow.items()}
        results = Results({}, 2, dates={one.name: "2026-01-01"}, scenes={one.name: Runs([missed])})

        text = page(results, {"1 function, process, warm": "It compiles too much."})

        assert "* **1 function, process, warm**: It compiles too much." in text
        assert "* **1 function, container, warm**: no explanation yet." in text

    def test_explanations_are_about_lines(self) -> None:
        assert set(explanations(EXPLAINED)) <= set(GOALS)
        assert len(set(GOALS)) == len(GOALS)

    def test_the_picture_is_an_svg_with_a_row_for_each_goal(self) -> None:
        picture = ET.fromstring(plot([figure(0.4, 0.2), figure(3.0), figure(missing="no daemon")]))  # noqa: S314 - our own

        assert len(picture.findall("{*}circle")) == 2


def quick(folder: Path, *only: str) -> dict[str, Any]:
    """What a quick run keeps."""
    done = command.main(["--quick", "--output", str(folder), "--work", str(folder / "work"), "--only", *only])
    kept: dict[str, Any] = json.loads((folder / JSON).read_text("utf-8"))
    assert done == 0
    return kept


def test_a_quick_run_measures_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = quick(tmp_path, "static-50", "parts")

    assert {"static, cold", "static, facts cached", "python -c pass"} <= measured(kept, "static-50")
    assert {name for pair in PAIRINGS for name in (pair.ours, pair.theirs)} <= kept["parts"].keys()
    assert kept["cores"] == cores() <= (os.cpu_count() or 1)
    text = (tmp_path / PAGE).read_text("utf-8")
    assert "A quick run" in text
    assert "static, facts cached ÷ python -c pass" in text
    assert ET.parse(tmp_path / PLOT).getroot().tag.endswith("svg")  # noqa: S314 - our own
    assert f"{PAGE}: 2 goals" in capsys.readouterr().out


@pytest.mark.network  # the runtime client is installed at the first use
@pytest.mark.usefixtures("python")
def test_handlers_are_started_beside_what_starts_them_by_hand(tmp_path: Path) -> None:
    kept = quick(tmp_path, "one")

    assert {WARM, COLD, IMPORTS, HAND} <= measured(kept, "one")


def measured(kept: dict[str, Any], scene: str) -> set[str]:
    """The contenders that took some time."""
    (samples,) = kept["scenes"][scene]["rounds"]
    return {name for name, sample in samples.items() if sample["seconds"] > 0}


def test_a_name_that_nothing_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["--only", "nothing"])

    assert "invalid choice: 'nothing'" in capsys.readouterr().err
