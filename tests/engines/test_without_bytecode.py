"""Bytecode of ours changes no verdict: what the corpus breaks at run time is found alike with it and without."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

import pytest

from fixtures.corpus import CASES, Case, lay_out
from harness.catalogue import CATALOGUE
from harness.check import Need
from harness.engines.choice import Choice, engine
from harness.manifest import load
from harness.policy import KNOWN_RUNTIMES
from harness.settings import Settings
from harness.verify import verify
from tests.build import TODAY

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Report

Found: TypeAlias = frozenset[tuple[str, str | None, str, str, tuple[str, ...]]]
AT_RUN_TIME = frozenset(check.id for check in CATALOGUE if check.need is Need.RUNTIME)
# Those that only running shows, and the sound sample; its broken ones take as long as all others together.
CHOSEN = [
    case
    for case in CASES
    if case.engines == "all"
    and (case.verdict == "pass" if case.base == "sample" else (case.checks | case.warnings) & AT_RUN_TIME)
]


def verified(name: str, manifest: Path, cache: Path, *, lends: bool) -> Report:
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if name == "container" else None
    chosen = engine(Choice(name), os.environ, cache, image, None, lends=lends)
    settings = Settings(engine=chosen, cache=cache, progress=lambda _: None, today=TODAY)
    return verify(load(manifest, runtimes=KNOWN_RUNTIMES), settings)


def found(report: Report) -> Found:
    """What was found, without what no two runs have in common."""
    return frozenset(
        (result.check, result.function, finding.message, finding.where, finding.chain)
        for result in report.results
        for finding in result.findings
        if not finding.message.startswith("init took")
    )


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=[pytest.mark.network] if case.downloads else []) for case in CHOSEN],
)
def test_a_case_is_found_alike(
    case: Case, engine_name: str, tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    sample = request.getfixturevalue("sample") if case.base == "sample" else None
    manifest = lay_out(case, tmp_path, sample)

    lent, without = (verified(engine_name, manifest, cache, lends=lends) for lends in (True, False))

    assert (lent.verdict, found(lent)) == (without.verdict, found(without))
