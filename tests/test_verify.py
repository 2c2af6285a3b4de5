"""The straight line, with small archives of this machine and an engine that was told what will happen."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import broken, html_page, mini, with_modes, with_wrong_crc
from fixtures.small_base import CODE, SITE
from harness.catalogue import CATALOGUE
from harness.engines.protocol import Answers, Exited, Failed, Job, Progress, Ready, Unavailable
from harness.manifest import Source, SourceKind
from harness.model import (
    Completed,
    Crashed,
    EngineInfo,
    ExitCode,
    Import,
    NotApplicable,
    Outcome,
    Result,
    Skipped,
    UsageError,
    Verdict,
)
from harness.plan import Planned, plan
from harness.verify import Verification, verify
from tests.build import FakeEngine, error, event, function, manifest, observation, settings, waiver

if TYPE_CHECKING:
    from pathlib import Path

    from harness.engines.protocol import Observation
    from harness.manifest import Function, Manifest
    from harness.model import Report

API, JOB = function("api"), function("job")
WHOLE = function("api", layers=("layer.zip",))  # with what its imports need


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a sound code archive and a sound layer."""
    mini(tmp_path / "code.zip", CODE)
    mini(tmp_path / "layer.zip", {f"python/{name}": text for name, text in SITE.items()})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outcomes(report: Report) -> dict[str, Outcome]:
    return {f"{r.check}[{r.function}]" if r.function else r.check: r.outcome for r in report.results}


class TestPlan:
    """What will be run."""

    def test_a_check_of_functions_is_planned_for_each_and_all_in_the_catalogues_order(self, tmp_path: Path) -> None:
        names = [planned.name for planned in plan(manifest(API, JOB), settings(tmp_path))]

        assert list(dict.fromkeys(name.partition("[")[0] for name in names)) == [check.id for check in CATALOGUE]
        assert [name for name in names if name.startswith(("archive-", "layer-", "environment", "handler-"))] == [
            "archive-integrity",
            "layer-count",
            "layer-layout",
            "handler-signature",
            "layer-fresh",
            "environment[api]",
            "environment[job]",
            "handler-imports[api]",
            "handler-imports[job]",
            "handler-responds[api]",
            "handler-responds[job]",
        ]

    @pytest.mark.parametrize(
        ("select", "skip", "planned"),
        [
            (("layer-count",), (), ["layer-count"]),
            (("layer-count", "archive-integrity"), (), ["archive-integrity", "layer-count"]),
            (("layer-count", "archive-integrity"), ("layer-count",), ["archive-integrity"]),
            (("layer-count",), ("layer-count",), []),
            (("handler-imports",), (), ["handler-imports[api]"]),
        ],
    )
    def test_checks_are_selected_and_skipped(
        self, tmp_path: Path, select: tuple[str, ...], skip: tuple[str, ...], planned: list[str]
    ) -> None:
        assert [one.name for one in plan(manifest(API), settings(tmp_path, select=select, skip=skip))] == planned

    @pytest.mark.parametrize(
        ("name", "hint"),
        [("handler-import", ": did you mean handler-imports?"), ("xyz", "; `lambda-artifact checks` lists them")],
    )
    def test_a_check_that_there_is_none_of_is_named_with_the_nearest(
        self, tmp_path: Path, name: str, hint: str
    ) -> None:
        wrong = f"no check is named {name}{hint}"

        with pytest.raises(UsageError) as selected:
            plan(manifest(API), settings(tmp_path, select=(name,)))
        with pytest.raises(UsageError) as skipped:
            plan(manifest(API), settings(tmp_path, skip=(name,)))
        with pytest.raises(UsageError) as waived:
            plan(manifest(API, waivers=(waiver(name, "x"),)), settings(tmp_path))

        assert [str(caught.value) for caught in (selected, skipped, waived)] == [wrong] * 3

    def test_a_pass_in_which_nothing_was_started_must_be_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"^no handler is declared: add a \[functions.NAME\]"):
            plan(manifest(), settings(tmp_path))

        assert plan(manifest(), settings(tmp_path, static=True))
        assert plan(manifest(), settings(tmp_path, select=("unzipped-size",)))
        assert plan(manifest(), settings(tmp_path, skip=("handler-imports", "handler-responds")))


@pytest.mark.usefixtures("folder")
class TestReport:
    """What is said of an artifact."""

    def test_a_sound_artifact_passes_and_is_described(self, tmp_path: Path) -> None:
        declared = manifest(function(layers=("layer.zip",)), layers=("layer.zip",))

        report = verify(declared, settings(tmp_path / "cache"))

        assert (report.verdict, report.exit_code) == (Verdict.PASS, ExitCode.OK)
        assert [(one.role, one.source, one.files) for one in report.artifacts] == [
            ("code", "code.zip", len(CODE)),
            ("layer", "layer.zip", len(SITE)),
        ]
        assert (report.engine.name, report.engine.python) == ("fake", "3.12.0")
        assert [(one.name, one.handler, one.init_seconds, one.max_rss_mb) for one in report.functions] == [
            ("api", "app.main.handler", 0.5, 50.0)
        ]
        assert report.notes == ()
        assert not report.static

    def test_without_starting_anything_it_is_called_static(self, tmp_path: Path) -> None:
        engine = FakeEngine()

        report = verify(manifest(WHOLE, layers=("layer.zip",)), settings(tmp_path / "cache", engine, static=True))

        assert report.static
        assert report.verdict is Verdict.PASS
        assert report.engine.name == "none"
        assert report.engine.caveats == ("static checks only: no handler was started",)
        assert outcomes(report)["handler-imports[api]"] == NotApplicable("static checks only: no handler is started")
        assert engine.jobs == []

    @pytest.mark.parametrize(
        ("extra", "says"),
        [
            (observation(Ready(0.7)), "the extra start reported no import"),
            (observation(Failed(error("KeyError", "'X'"), 0.1)), "the extra start reported no import"),
            (Unavailable("the daemon is gone."), "the daemon is gone."),
            (ZeroDivisionError("a fault of ours"), "the extra start could not be made"),
            (replace(observation(Ready(0.7)), imports=(Import("app", None, 0.1, 0.4),)), None),
        ],
    )
    @pytest.mark.parametrize("first", [observation(), observation(Failed(error("KeyError", "'X'"), 0.1))])
    def test_an_extra_start_changes_no_verdict(
        self, extra: Observation | Exception, says: str | None, first: Observation, tmp_path: Path
    ) -> None:
        class Engine(FakeEngine):
            def run(self, job: Job, progress: Progress) -> Answers:
                if not job.starts[0].profiled:
                    return super().run(job, progress)
                assert job.starts[0].events == ()
                if isinstance(extra, Exception):
                    raise extra
                return Answers(EngineInfo("another"), (replace(extra, function="api"),))

        def verified(*, profile_init: bool) -> Report:
            chosen = replace(settings(tmp_path / "cache", Engine({"api": first})), profile_init=profile_init)
            return verify(manifest(function(events=(event(),))), chosen)

        plain, profiled = verified(profile_init=False), verified(profile_init=True)

        assert [(one.check, one.function, one.outcome) for one in profiled.results] == [
            (one.check, one.function, one.outcome) for one in plain.results
        ]
        assert (profiled.verdict, profiled.engine) == (plain.verdict, plain.engine)
        assert profiled.functions[0].init_seconds == plain.functions[0].init_seconds
        assert profiled.notes == ((f"no import profile of api: {says}",) if says else ())
        assert (profiled.functions[0].profile is None) == bool(says)

    def test_without_a_start_there_is_no_extra_one(self, tmp_path: Path) -> None:
        chosen = replace(settings(tmp_path / "cache", engine := FakeEngine(), static=True), profile_init=True)

        assert verify(manifest(API), chosen).notes == ("no import profile of api: it was not started",)
        assert engine.jobs == []

    def test_an_empty_selection_is_no_pass(self, tmp_path: Path) -> None:
        report = verify(manifest(API), settings(tmp_path, select=("layer-count",), skip=("layer-count",)))

        assert (report.results, report.exit_code) == ((), ExitCode.INCOMPLETE)

    def test_a_check_with_nothing_to_judge_is_no_pass_either(self, tmp_path: Path) -> None:
        report = verify(manifest(API), settings(tmp_path / "cache", select=("layer-count",)))

        assert report.exit_code is ExitCode.INCOMPLETE

    def test_a_missing_engine_is_a_skip_and_the_rest_is_checked(self, tmp_path: Path) -> None:
        engine = FakeEngine(missing="no Docker daemon answers")

        report = verify(manifest(WHOLE, layers=("layer.zip",)), settings(tmp_path / "cache", engine))

        assert report.exit_code is ExitCode.INCOMPLETE
        assert outcomes(report)["handler-imports[api]"] == Skipped("no Docker daemon answers")
        assert isinstance(outcomes(report)["archive-integrity"], Completed)

    def test_a_finding_outweighs_a_skip(self, folder: Path) -> None:
        broken(folder / "code.zip", folder / "bad.zip", with_modes(0o600, "VERSION"))

        report = verify(
            manifest(function(code="bad.zip"), code="bad.zip"), settings(folder / "cache", FakeEngine(missing="none"))
        )

        assert (report.failed, report.incomplete, report.exit_code) == (True, True, ExitCode.FINDINGS)

    def test_an_engine_that_breaks_is_a_crash_of_the_checks_that_asked_it(self, tmp_path: Path) -> None:
        class Broken(FakeEngine):
            def run(self, job: object, progress: object) -> None:  # type: ignore[override]
                raise ZeroDivisionError(job, progress)

        found = outcomes(verify(manifest(API), settings(tmp_path / "cache", Broken())))  # type: ignore[arg-type]

        assert isinstance(found["handler-imports[api]"], Crashed)
        assert isinstance(found["unzipped-size"], Completed)

    @pytest.mark.parametrize("strict", [False, True])
    def test_a_warning_fails_only_where_one_is_strict(self, tmp_path: Path, strict: bool) -> None:  # noqa: FBT001 - the case
        mini(tmp_path / "odd.zip", {"models/a.bin": "x"})
        layers = ("layer.zip", "odd.zip")
        declared = manifest(function(layers=layers), layers=layers)

        report = verify(declared, settings(tmp_path / "cache", strict=strict))

        assert report.exit_code is (ExitCode.FINDINGS if strict else ExitCode.OK)

    def test_what_cannot_be_had_is_skipped_with_what_would_help(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        why = "s3://bucket/code.zip: no AWS credentials were found: log in, or name a --profile."
        remote = Source("s3://bucket/code.zip", None, SourceKind.S3)

        report = verify(replace(manifest(replace(API, code=remote)), code=remote), settings(tmp_path / "cache"))

        assert report.exit_code is ExitCode.INCOMPLETE
        assert all(isinstance(outcome, Skipped) and outcome.reason == why for outcome in outcomes(report).values())


class TestArchives:
    """Archives that are not what they should be."""

    def check(self, folder: Path) -> tuple[dict[str, Outcome], FakeEngine]:
        engine = FakeEngine()
        declared = manifest(function(code="bad.zip"), code="bad.zip", required=("VERSION",))
        return outcomes(verify(declared, settings(folder / "cache", engine))), engine

    def test_one_that_is_refused_is_neither_looked_into_nor_started(self, folder: Path) -> None:
        (folder / "bad.zip").write_bytes(html_page()(b""))

        found, engine = self.check(folder)

        assert engine.jobs == []
        assert found.pop("archive-integrity") != Completed()
        assert set(found.values()) == {Skipped("bad.zip could not be read; archive-integrity says why")}

    def test_bytes_that_are_not_what_was_declared_are_found_before_anything_runs(self, folder: Path) -> None:
        broken(folder / "code.zip", folder / "bad.zip", with_wrong_crc("VERSION"))

        found, engine = self.check(folder)

        assert engine.jobs == []
        integrity = found["archive-integrity"]
        assert isinstance(integrity, Completed)
        assert [finding.where for finding in integrity.findings] == ["bad.zip!VERSION"]

    def test_one_that_is_too_large_is_not_unpacked(self, folder: Path) -> None:
        mini(folder / "bad.zip", {"app/main.py": "", "zeros": bytes(262_144_001), "VERSION": "1"})

        found, engine = self.check(folder)

        assert engine.jobs == []
        assert found["handler-imports[api]"] == Skipped(
            "bad.zip is too large to be unpacked; unzipped-size says by how much"
        )
        assert found["unzipped-size"] != Completed()
        assert list((folder / "cache").glob("trees/1-*")) == []


@pytest.mark.usefixtures("folder")
class TestBeside:
    """What starts nothing goes on while the handlers run."""

    def test_checks_of_the_archives_do_not_wait_for_the_handlers(self, tmp_path: Path) -> None:
        judged = threading.Event()
        waited: list[bool] = []

        class Watched(Verification):
            def result(self, planned: Planned) -> Result:
                result = super().result(planned)
                judged.set()
                return result

        class Patient(FakeEngine):
            def run(self, job: Job, progress: Progress) -> Answers:
                waited.append(judged.wait(60))
                return super().run(job, progress)

        declared, chosen = manifest(WHOLE), settings(tmp_path / "cache", Patient())
        planned = plan(declared, chosen)
        results = Watched(declared, chosen).results(planned)

        assert waited == [True]
        assert [(one.check, one.function) for one in results] == [
            (one.check.id, one.function.name if one.function else None) for one in planned
        ]

    def test_an_engine_that_breaks_is_told_by_the_checks_that_need_it(self, tmp_path: Path) -> None:
        class Broken(FakeEngine):
            def run(self, job: Job, progress: Progress) -> Answers:
                progress("breaking")
                raise RuntimeError(f"{len(job.starts)} broke")

        found = outcomes(verify(manifest(WHOLE), settings(tmp_path / "cache", Broken())))

        assert isinstance(found["handler-imports[api]"], Crashed)
        assert found["archive-integrity"] == Completed()

    def test_an_interrupt_ends_it(self, tmp_path: Path) -> None:
        class Interrupted(FakeEngine):
            def run(self, job: Job, progress: Progress) -> Answers:
                progress(f"stopping {len(job.starts)}")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verify(manifest(WHOLE), settings(tmp_path / "cache", Interrupted()))

    def test_the_report_says_where_the_time_went(self, tmp_path: Path) -> None:
        report = verify(manifest(WHOLE), settings(tmp_path / "cache"))

        names = [timing.name for timing in report.timings]
        archives = ["reading code.zip", "reading layer.zip", "analysing code.zip", "analysing layer.zip"]
        assert names == ["reading the repository", *archives]
        assert all(timing.seconds >= 0 for timing in report.timings)


@pytest.mark.usefixtures("folder")
class TestStarting:
    """Which handlers are started, when, and on what."""

    def run(self, tmp_path: Path, declared: Manifest) -> FakeEngine:
        engine = FakeEngine()
        verification = Verification(declared, settings(tmp_path / "cache", engine))
        for planned in plan(declared, verification.settings):
            verification.result(planned)
        return engine

    def test_functions_of_the_same_archives_are_one_job_and_each_starts_once(self, tmp_path: Path) -> None:
        with_event = replace(JOB, events=(event('{"n": 1}'),))

        engine = self.run(tmp_path, manifest(API, with_event))

        assert engine.started == [["api", "job"]]
        assert [start.events for start in engine.jobs[0].starts] == [(), ('{"n": 1}',)]

    @pytest.mark.parametrize("other", [function("other", code="other.zip"), function("other", layers=("layer.zip",))])
    def test_other_archives_are_another_job(self, tmp_path: Path, other: Function) -> None:
        mini(tmp_path / "other.zip", CODE)

        assert self.run(tmp_path, manifest(API, other, JOB)).started == [["api", "job"], ["other"]]

    def test_trees_are_where_lambda_has_them(self, tmp_path: Path) -> None:
        (job,) = self.run(tmp_path, manifest(function(layers=("layer.zip",)))).jobs

        assert (job.task / "app/main.py").is_file()
        assert job.opt is not None
        assert (job.opt / "python/tinyxml/__init__.py").is_file()

    def test_without_layers_there_is_no_opt(self, tmp_path: Path) -> None:
        (job,) = self.run(tmp_path, manifest(API)).jobs

        assert job.opt is None

    def test_each_code_archive_is_checked_and_told_apart(self, tmp_path: Path) -> None:
        broken(tmp_path / "code.zip", tmp_path / "private.zip", with_modes(0o600, "VERSION"))
        declared = manifest(WHOLE, function("private", code="private.zip", layers=("layer.zip",)))

        report = verify(declared, settings(tmp_path / "cache"))

        assert [finding.where for result in report.results for finding in result.findings] == ["private.zip!VERSION"]
        assert [artifact.source for artifact in report.artifacts] == ["code.zip", "layer.zip", "private.zip"]

    def test_a_function_that_did_not_start_has_no_cost(self, tmp_path: Path) -> None:
        engine = FakeEngine({"api": observation(Failed(error("KeyError", "'X'"), 0.1))})

        report = verify(manifest(API), settings(tmp_path / "cache", engine))

        assert [(one.init_seconds, one.max_rss_mb) for one in report.functions] == [(None, None)]
        assert report.exit_code is ExitCode.FINDINGS


@pytest.mark.usefixtures("folder")
class TestWaivers:
    """Findings that the manifest accepts."""

    def report(self, tmp_path: Path, match: str) -> Report:
        engine = FakeEngine({"api": observation(Exited(3, 0.1))})
        declared = manifest(WHOLE, layers=("layer.zip",), waivers=(waiver("handler-imports", match),))
        return verify(declared, settings(tmp_path / "cache", engine))

    def test_an_accepted_finding_does_not_count(self, tmp_path: Path) -> None:
        report = self.report(tmp_path, "exit status 3")

        assert (report.verdict, report.notes) == (Verdict.PASS, ())

    def test_one_that_matches_nothing_is_noted(self, tmp_path: Path) -> None:
        report = self.report(tmp_path, "exit status 4")

        assert report.verdict is Verdict.FAIL
        assert report.notes == ("the waiver for 'exit status 4' of handler-imports matches no finding: remove it",)


def test_every_check_of_the_catalogue_can_be_selected(tmp_path: Path) -> None:
    for check in CATALOGUE:
        (planned,) = plan(manifest(API), settings(tmp_path, select=(check.id,)))
        assert planned.check is check
