"""The corpus, verified: each way to break an artifact beside the verdict that it deserves, on each engine."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, TypeAlias

import pytest

from fixtures.corpus import CASES, Case, lay_out
from harness.catalogue import CATALOGUE
from harness.check import Need
from harness.engines.container import ContainerEngine
from harness.engines.process import ProcessEngine
from harness.engines.protocol import Missing
from harness.engines.rungs import rungs
from harness.manifest import load
from harness.model import Crashed, Severity, Skipped
from harness.policy import KNOWN_RUNTIMES
from harness.session.settings import Settings
from harness.verify import verify
from tests.build import TODAY
from tests.conftest import IMAGE, SANDBOX
from tests.reporters.schemas import FOR_TOOLS, held

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.engines.protocol import Engine
    from harness.engines.rungs import Rung
    from harness.model import Report

EVERY_ENGINE = "LAMBDA_ARTIFACT_TEST_EVERY_ENGINE"

Found: TypeAlias = frozenset[tuple[str, str | None, str, str, tuple[str, ...]]]

ON_RUNTIME = frozenset(check.id for check in CATALOGUE if check.need is Need.RUNTIME)


def each(*engines: str) -> pytest.MarkDecorator:
    """The cases that are verified with one of these engines."""
    chosen = [case for case in CASES if case.engines in engines]
    return pytest.mark.parametrize(
        "case",
        [pytest.param(case, id=case.name, marks=[pytest.mark.network] if case.downloads else []) for case in chosen],
    )


@pytest.fixture(scope="session")
def engines(request: pytest.FixtureRequest, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    """Every engine that this machine has, the kinds of sandbox one by one.

    One of them goes without bytecode beside the sources: so that changes no verdict either.
    """
    request.getfixturevalue("python")
    sandboxes = kinds(cache, lay_out(CASES[0], tmp_path_factory.mktemp("sound")))
    found: dict[str, Engine] = {
        rung.name: ProcessEngine(os.environ, cache, rungs=(rung,), compiles=rung.name != "namespaces")
        for rung in sandboxes
    }
    if has_image(request):
        found["container"] = ContainerEngine(os.environ, cache, os.environ[IMAGE])
    return found


def kinds(cache: Path, sound: Path) -> Sequence[Rung]:
    """The kinds of sandbox that have Lambda's world in them, or the best one that works; or the one that is wanted."""
    every = rungs(os.environ, cache)
    if wanted := os.environ.get(SANDBOX):
        return [rung for rung in every if rung.name == wanted]
    engines = [ProcessEngine(os.environ, cache, rungs=(rung,)) for rung in every]
    working = [
        rung for rung, engine in zip(every, engines, strict=True) if verified(engine, sound, cache).engine.sandbox
    ]
    return [rung for rung in working if not rung.caveats] or working[:1]


def has_image(request: pytest.FixtureRequest) -> bool:
    """Whether a daemon has the image; where it is required and is not there, the fixture fails."""
    try:
        request.getfixturevalue("image")
    except pytest.skip.Exception:
        return False
    return True


def verified(engine: Engine | None, manifest: Path, cache: Path) -> Report:
    settings = Settings(
        engine=engine or Missing("static checks only"),
        cache=cache,
        progress=lambda _: None,
        today=TODAY,
        static=engine is None,
        inventory=True,
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
    undone = [result.outcome.reason for result in report.results if isinstance(result.outcome, Skipped)]
    messages = "\n".join([*(finding.message for _, finding in findings), *undone])
    assert [words for words in case.says if words not in messages] == []
    places = "\n".join(finding.where for _, finding in findings)
    assert [place for place in case.where if place not in places] == []
    assert not case.chain or case.chain in [finding.chain for _, finding in findings]
    assert [finding for _, finding in findings if not finding.remedy] == []


def renders(report: Report) -> None:
    """Hold the report in each format against the format's schema."""
    for name in (*FOR_TOOLS, "html"):
        held(name, report)


def taken(case: Case, engines: Sequence[str]) -> Sequence[str]:
    """The engines that verify a case: all of them where that is wanted, else one, by the case's name."""
    if os.environ.get(EVERY_ENGINE) == "1" or not engines:
        return engines
    return [engines[zlib.crc32(case.name.encode()) % len(engines)]]


@each("all")
def test_a_case_gets_its_verdict(
    case: Case, engines: dict[str, Engine], tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    manifest = laid_out(case, tmp_path, request)
    static = found(verified(None, manifest, cache))

    reports = {name: verified(engines[name], manifest, cache) for name in taken(case, [*engines])}
    for name, report in reports.items():
        judge(case, report)
        # What the bytes tell is the same without an engine.
        assert {one for one in found(report) if one[0] not in ON_RUNTIME} == static, name

    first, *others = map(found, reports.values())
    assert others == [first] * len(others), [*reports]
    renders(next(iter(reports.values())))


@each("static")
def test_a_case_that_nothing_here_could_run_gets_its_verdict(
    case: Case, tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    report = verified(None, laid_out(case, tmp_path, request), cache)
    judge(case, report)
    renders(report)
