"""The corpus, verified: each way to break an artifact beside the verdict that it deserves, on each engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

import pytest

from fixtures.corpus import CASES, Case, lay_out
from harness.catalogue import CATALOGUE
from harness.check import Need
from harness.engines.choice import Choice, engine
from harness.manifest import load
from harness.model import Crashed, Severity
from harness.policy import KNOWN_RUNTIMES
from harness.settings import Settings
from harness.verify import verify
from tests.build import TODAY

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Report

Found: TypeAlias = frozenset[tuple[str, str | None, str, str, tuple[str, ...]]]

STATIC = "none"
ON_RUNTIME = frozenset(check.id for check in CATALOGUE if check.need is Need.RUNTIME)


def each(*engines: str) -> pytest.MarkDecorator:
    """The cases that are verified with one of these engines."""
    chosen = [case for case in CASES if case.engines in engines]
    return pytest.mark.parametrize(
        "case",
        [pytest.param(case, id=case.name, marks=[pytest.mark.network] if case.downloads else []) for case in chosen],
    )


def verified(name: str, manifest: Path, cache: Path) -> Report:
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if name == "container" else None
    settings = Settings(
        engine=engine(Choice(name), os.environ, cache, image, None),
        cache=cache,
        progress=lambda _: None,
        today=TODAY,
        static=name == STATIC,
    )
    return verify(load(manifest, runtimes=KNOWN_RUNTIMES), settings)


def laid_out(case: Case, folder: Path, request: pytest.FixtureRequest) -> Path:
    return lay_out(case, folder, request.getfixturevalue("sample") if case.base == "sample" else None)


def found(report: Report) -> Found:
    """What was found, without what no two runs have in common."""
    return frozenset(
        (result.check, result.function, finding.message, finding.where, finding.chain)
        for result in report.results
        for finding in result.findings
    )


def judge(case: Case, report: Report) -> None:
    """Hold a report against what the case says."""
    told = [(result.check, finding) for result in report.results for finding in result.findings]
    # How fast this machine is, and what else it does, is no property of the artifact.
    findings = [(check, finding) for check, finding in told if not finding.message.startswith("init took")]
    assert [result.outcome for result in report.results if isinstance(result.outcome, Crashed)] == []
    assert report.verdict == case.verdict
    assert {check for check, finding in findings if finding.severity is Severity.ERROR} == case.checks
    assert {check for check, finding in findings if finding.severity is Severity.WARNING} == case.warnings
    messages = "\n".join(finding.message for _, finding in findings)
    assert [words for words in case.says if words not in messages] == []
    places = "\n".join(finding.where for _, finding in findings)
    assert [place for place in case.where if place not in places] == []
    assert not case.chain or case.chain in [finding.chain for _, finding in findings]
    assert [finding for _, finding in findings if not finding.remedy] == []


@each("all")
def test_a_case_gets_its_verdict(
    case: Case, engine_name: str, tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    judge(case, verified(engine_name, laid_out(case, tmp_path, request), cache))


@each("static")
def test_a_case_that_nothing_here_could_run_gets_its_verdict(
    case: Case, tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    judge(case, verified(STATIC, laid_out(case, tmp_path, request), cache))


@pytest.mark.usefixtures("python")
@each("all")
def test_static_checks_need_no_engine(case: Case, tmp_path: Path, cache: Path, request: pytest.FixtureRequest) -> None:
    manifest = laid_out(case, tmp_path, request)

    with_engine = {one for one in found(verified("process", manifest, cache)) if one[0] not in ON_RUNTIME}
    assert found(verified(STATIC, manifest, cache)) == with_engine


@pytest.mark.docker
@pytest.mark.network
@pytest.mark.usefixtures("image", "python")
@each("all")
def test_the_engines_agree(case: Case, tmp_path: Path, cache: Path, request: pytest.FixtureRequest) -> None:
    manifest = laid_out(case, tmp_path, request)

    assert found(verified("process", manifest, cache)) == found(verified("container", manifest, cache))
