"""Which engine does the work, and what is said when another had to, or none can."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.engines.choice import Choice, First, engine
from harness.engines.container import ContainerEngine
from harness.engines.process import MACHINES, ProcessEngine
from harness.engines.protocol import Answers, Missing, Observation, Ready, Unavailable
from harness.model import EngineInfo
from harness.policy import runtime_policy
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.engines.protocol import Engine, Job, Progress
    from harness.policy import RuntimePolicy

NO_DAEMON = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@dataclass(frozen=True)
class Working:
    """An engine that finds every handler ready."""

    name: str

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """See ``harness.engines.protocol.Engine``."""
        del policy, architecture, progress
        return "fake"

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> None:
        progress(f"{self.name} prepared for {policy.runtime} on {architecture}")

    def run(self, job: Job, progress: Progress) -> Answers:
        progress(f"{self.name} at work")
        seen = tuple(Observation(start.function, Ready(0.1)) for start in job.starts)
        return Answers(EngineInfo(self.name, caveats=(f"{self.name}'s own caveat",)), seen)


def run(an_engine: Engine, tmp_path: Path) -> tuple[Answers, list[str]]:
    said: list[str] = []
    return an_engine.run(Bench(an_engine, tmp_path).job(start("app.handler")), said.append), said


def test_the_container_where_it_works(tmp_path: Path) -> None:
    answers, said = run(First(Working("container"), Working("process")), tmp_path)
    assert (answers.info.name, answers.info.caveats) == ("container", ("container's own caveat",))
    assert said == ["container at work"]


def test_else_a_process_and_the_report_says_why(tmp_path: Path) -> None:
    answers, _ = run(First(Missing("no daemon."), Working("process")), tmp_path)
    assert answers.info.name == "process"
    assert answers.info.caveats == ("the Lambda image was not used: no daemon", "process's own caveat")
    assert [one.function for one in answers.observations] == ["app.handler"]


def test_a_real_daemon_that_is_not_there(tmp_path: Path) -> None:
    answers, _ = run(First(ContainerEngine(NO_DAEMON, tmp_path), Working("process")), tmp_path)
    assert "unix:///nowhere/docker.sock is not there" in answers.info.caveats[0]


def test_when_neither_works_one_message_has_both_reasons(tmp_path: Path) -> None:
    named = tmp_path / "python"
    neither = First(ContainerEngine(NO_DAEMON, tmp_path), ProcessEngine({}, tmp_path, named))
    with pytest.raises(Unavailable) as reason:
        run(neither, tmp_path)
    assert f"--python {named} is no CPython 3.12" in str(reason.value)
    assert "unix:///nowhere/docker.sock is not there" in str(reason.value)


CACHE, PYTHON = Path("/cache"), Path("/usr/bin/python3.12")
CONTAINER = ContainerEngine(NO_DAEMON, CACHE)
PROCESS = ProcessEngine(NO_DAEMON, CACHE)
NAMED = replace(PROCESS, python=PYTHON)
AN_IMAGE = replace(CONTAINER, image="an-image")


@pytest.mark.parametrize(
    ("choice", "image", "python", "expected"),
    [
        (Choice.AUTO, None, None, First(CONTAINER, PROCESS)),
        (Choice.AUTO, None, PYTHON, NAMED),
        (Choice.AUTO, "an-image", None, AN_IMAGE),
        (Choice.CONTAINER, "an-image", PYTHON, AN_IMAGE),
        (Choice.PROCESS, "an-image", PYTHON, NAMED),
    ],
    ids=["auto", "auto with --python", "auto with --image", "container", "process"],
)
def test_what_is_asked_for(choice: Choice, image: str | None, python: Path | None, expected: Engine) -> None:
    assert engine(choice, NO_DAEMON, CACHE, image, python) == expected


@pytest.mark.parametrize(
    ("container", "prepared"), [(Working("container"), "container"), (Missing("no daemon."), "process")]
)
def test_the_one_that_will_do_the_work_is_prepared(container: Engine, prepared: str) -> None:
    said: list[str] = []
    First(container, Working("process")).prepare(runtime_policy("python3.12"), "arm64", said.append)
    assert said == [f"{prepared} prepared for python3.12 on arm64"]


def test_when_neither_can_be_prepared_the_run_will_say_why() -> None:
    neither = First(Missing("no daemon."), Missing("no process."))
    assert neither.prepare(runtime_policy("python3.12"), "arm64", lambda _: None) is False


def test_handlers_compile_everything_where_that_is_wanted() -> None:
    without = engine(Choice.AUTO, NO_DAEMON, CACHE, None, None, compiles=False)
    assert without == First(replace(CONTAINER, compiles=False), replace(PROCESS, compiles=False))


def test_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="--engine none: no handler was started"):
        run(engine(Choice.NONE, {}, tmp_path, None, None), tmp_path)


@pytest.mark.parametrize("compiled", [False, True], ids=["pure Python", "compiled code"])
def test_another_architecture_starts_what_has_no_compiled_code(
    python: Path, cache: Path, unpack: Callable[..., Path], *, compiled: bool
) -> None:
    other = next(name for name, machines in MACHINES.items() if platform.machine() not in machines)
    process = ProcessEngine(os.environ, cache, python)
    job = Bench(process, unpack({"app.py": "def handler(event, context): ...\n"})).job(start("app.handler"))
    job = replace(job, architecture=other, portable=lambda: not compiled)
    if compiled:
        with pytest.raises(Unavailable, match=f"the archives are for {other} and this machine is"):
            process.run(job, print)
    else:
        answers = process.run(job, print)
        assert isinstance(answers.observations[0].init, Ready)
        assert answers.info.caveats[-1].endswith(f"the archives are for {other} and have no compiled code")
