"""Handlers started before anything is checked: when that is done, and that it never has a say in the verdict."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import html_page, mini
from fixtures.small import CODE, SITE
from harness import early, verify
from harness.engines.protocol import Answers, Exited, Failed, Job, Observation, Progress
from harness.manifest.seeds import Seed
from harness.model import UsageError
from harness.reaching import FOLDER
from tests.build import FakeEngine, error, function, manifest, observation, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.archives import Archives
    from harness.manifest import Function, Manifest
    from harness.model import Report
    from harness.settings import Settings

API, JOB = function("api"), function("job")
WHOLE = function("api", layers=("layer.zip",))
PATIENCE = 10  # seconds


@dataclass
class Beside(FakeEngine):
    """Waits with its first job until the verification has begun, which waits for that job.

    Attributes:
        begun: The verification has begun.
        asked: A job has come.
        threads: Where each job was done.
    """

    begun: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    threads: set[threading.Thread] = field(default_factory=set)

    def run(self, job: Job, progress: Progress) -> Answers:
        """See ``harness.engines.protocol.Engine``."""
        self.asked.set()
        self.threads.add(threading.current_thread())
        assert self.begun.wait(PATIENCE)
        return super().run(job, progress)


@dataclass
class Hanging(FakeEngine):
    """Has a handler that never ends by itself."""

    asked: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self, job: Job, progress: Progress) -> Answers:
        """See ``harness.engines.protocol.Engine``."""
        self.asked.set()
        with job.ending.by(self.ended.set):
            assert self.ended.wait(PATIENCE)
        return super().run(job, progress)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a code archive and a layer that have been there for an hour."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3600 * 10**9)
    monkeypatch.chdir(tmp_path)
    pack(tmp_path)
    return tmp_path


def pack(folder: Path, **more: str) -> None:
    mini(folder / "code.zip", {**CODE, **more})
    mini(folder / "layer.zip", {f"python/{name}": text for name, text in SITE.items()})


def verdicts(report: Report) -> list[object]:
    return [(result.check, result.function, result.outcome) for result in report.results]


@pytest.mark.parametrize("functions", [(WHOLE,), (API, JOB), (API, WHOLE)])
def test_the_second_time_handlers_and_checks_go_side_by_side(
    folder: Path, functions: tuple[Function, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, engine = manifest(*functions), Beside()
    first = early.verify(asked, settings(folder / "cache"))
    straight = verify.verify

    def noted(asked: Manifest, how: Settings, archives: Archives | None = None) -> Report:
        engine.begun.set()
        assert engine.asked.wait(PATIENCE)
        return straight(asked, how, archives)

    monkeypatch.setattr(verify, "verify", noted)

    second = early.verify(asked, settings(folder / "cache", engine))

    assert verdicts(second) == verdicts(first)
    assert sorted(name for names in engine.started for name in names) == sorted(one.name for one in functions)
    assert threading.main_thread() not in engine.threads  # signals reach the verification


@pytest.mark.parametrize(
    "happens",
    [observation(Exited(1, 0.1)), observation(Failed(error("Runtime.ImportModuleError", "No module named 'x'"), 0.1))],
)
def test_what_is_reported_is_what_handlers_do_now(folder: Path, happens: Observation) -> None:
    early.verify(manifest(WHOLE), settings(folder / "cache"))

    second = early.verify(manifest(WHOLE), settings(folder / "cache", FakeEngine({"api": happens})))

    assert verdicts(second) == verdicts(verify.verify(manifest(WHOLE), settings(folder, FakeEngine({"api": happens}))))


def touched(folder: Path) -> None:
    (folder / "code.zip").touch()


def rebuilt(folder: Path) -> None:
    pack(folder, more="x = 1\n")


def gone(folder: Path) -> None:
    (folder / "layer.zip").unlink()


def forgotten(folder: Path) -> None:
    for path in (folder / "cache" / FOLDER).iterdir():
        path.unlink()


def damaged(folder: Path) -> None:
    for path in (folder / "cache" / FOLDER).iterdir():
        path.write_bytes(b"x" + path.read_bytes())


def nothing(folder: Path) -> None:
    del folder


@pytest.mark.parametrize(
    ("happened", "functions", "changes"),
    [
        (touched, (WHOLE,), {}),
        (rebuilt, (WHOLE,), {}),
        (gone, (WHOLE,), {}),
        (forgotten, (WHOLE,), {}),
        (damaged, (WHOLE,), {}),
        (nothing, (WHOLE,), {"trust_mtime": False}),
        (nothing, (WHOLE,), {"static": True}),
        (nothing, (WHOLE,), {"select": ("handler-imports",)}),
        (nothing, (WHOLE,), {"skip": ("handler-imports",)}),
        (nothing, (replace(WHOLE, handler="app.other.handler"),), {}),
        (nothing, (replace(WHOLE, environment=(("PYTHONPATH", "/opt/more"),)),), {}),
        (nothing, (replace(WHOLE, seed=Seed("seed.toml", Path("seed.toml"))),), {}),
        (nothing, (WHOLE, replace(WHOLE, name="more")), {}),
        (nothing, (replace(WHOLE, layers=()),), {}),
        (nothing, (), {}),
    ],
)
def test_nothing_is_begun_where_something_is_not_as_it_was(
    folder: Path, happened: Callable[[Path], None], functions: tuple[Function, ...], changes: dict[str, object]
) -> None:
    early.verify(manifest(WHOLE), settings(folder / "cache"))
    assert begun(manifest(WHOLE), settings(folder / "cache")) == [["api"]]

    happened(folder)

    assert begun(manifest(*functions), replace(settings(folder / "cache"), **changes)) == []  # type: ignore[arg-type]


def begun(asked: Manifest, how: Settings) -> list[list[str]]:
    """The functions of each job that is begun early."""
    return [[start.function for start in job.starts] for job in early.jobs_of(asked, how, early.archives_of(how))]


def test_an_archive_that_is_refused_is_not_started(folder: Path) -> None:
    (folder / "code.zip").write_bytes(html_page()(b""))

    for _ in range(2):
        engine = FakeEngine()
        early.verify(manifest(WHOLE), settings(folder / "cache", engine))
        assert engine.jobs == []


def test_what_was_begun_for_one_job_has_nothing_to_say_of_another(folder: Path) -> None:
    early.verify(manifest(WHOLE), settings(folder / "cache"))
    how = settings(folder / "cache", engine := FakeEngine())
    (job,) = early.jobs_of(manifest(WHOLE), how, early.archives_of(how))
    another = replace(job, reached=())

    with early.Begun(engine, [job], how.progress) as begun:
        for one in (job, another, job):
            begun.run(one, how.progress)

    assert engine.jobs == [job, another, job]


def test_another_job_ends_what_was_begun(folder: Path) -> None:
    early.verify(manifest(WHOLE), settings(folder / "cache"))
    how = settings(folder / "cache", engine := Hanging())
    (job,) = early.jobs_of(manifest(WHOLE), how, early.archives_of(how))

    with early.Begun(engine, [job, job], how.progress) as begun:
        assert engine.asked.wait(PATIENCE)
        begun.run(replace(job, reached=()), how.progress)

    assert engine.ended.is_set()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UsageError("x"), RuntimeError("a fault of ours")])
def test_whatever_ends_the_verification_ends_the_handlers(
    folder: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, engine = manifest(API, JOB, WHOLE), Hanging()
    early.verify(asked, settings(folder / "cache"))

    def fails(*_: object) -> Report:
        assert engine.asked.wait(PATIENCE)
        raise error

    monkeypatch.setattr(verify, "verify", fails)
    began = time.monotonic()

    with pytest.raises(type(error)):
        early.verify(asked, settings(folder / "cache", engine))

    assert engine.ended.is_set()
    assert time.monotonic() - began < PATIENCE


def test_a_wrong_request_is_told_all_the_same(folder: Path) -> None:
    early.verify(manifest(WHOLE), settings(folder / "cache"))
    wrong = folder / "pyproject.toml"
    wrong.write_text("[project\n", "utf-8")

    with pytest.raises(UsageError, match=r"pyproject\.toml"):
        early.verify(replace(manifest(WHOLE), project=wrong), settings(folder / "cache"))
