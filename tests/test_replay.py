"""The founding outage in its real shape: what is said at the incident, and that nothing is in the way of the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.replay import MODULE, STOPPED, WORKFLOW, Release, lay_out
from harness.cache.folder import using
from harness.diagnosis.problems import problems
from harness.model import ExitCode, Severity
from tests.test_outage import errors, verified

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.build import Sample
    from harness.model import Report

pytestmark = pytest.mark.network  # the sample's wheels are downloaded once

MOST_WARNINGS = 6
MOST_OTHERS = 2


def judge_incident(report: Report) -> None:
    first, *others = problems(report)

    assert report.exit_code is ExitCode.FINDINGS
    assert (first.severity, first.functions) == (Severity.ERROR, STOPPED)
    assert MODULE in first.title
    # The three causes: it is declared for nobody, the build does not ask for it, and CI finds the old layer again.
    for file in ("backend/pyproject.toml", "backend/requirements.txt", WORKFLOW):
        assert file in (first.cause or "")
        assert any(str(edit).startswith(file) for edit in first.edits), file
    inside = [report.results[result].findings[finding] for result, finding in first.findings]
    assert len([one for _, one in errors(report) if one not in inside]) <= MOST_OTHERS
    assert len([one for one in others if one.severity is Severity.ERROR]) <= MOST_OTHERS


def judge_fix(report: Report) -> None:
    warnings = [one for result in report.results for one in result.findings if one.severity is Severity.WARNING]

    assert (report.exit_code, errors(report)) == (ExitCode.OK, [])
    assert len(warnings) <= MOST_WARNINGS


def test_the_incident_is_one_problem_with_three_causes(sample: Sample, tmp_path: Path, cache: Path) -> None:
    judge_incident(verified(lay_out(Release.INCIDENT, tmp_path, sample), cache))


def test_the_fix_passes(sample: Sample, tmp_path: Path, cache: Path) -> None:
    judge_fix(verified(lay_out(Release.FIXED, tmp_path, sample), cache))


def test_the_runtime_says_so_of_the_incident(engine_name: str, sample: Sample, tmp_path: Path, cache: Path) -> None:
    judge_incident(verified(lay_out(Release.INCIDENT, tmp_path, sample), cache, engine_name))


def test_the_runtime_lets_the_fix_pass(engine_name: str, sample: Sample, tmp_path: Path, cache: Path) -> None:
    judge_fix(verified(lay_out(Release.FIXED, tmp_path, sample), cache, engine_name))


def test_a_command_leaves_alone_what_tests_are_making(cache: Path) -> None:
    draft = cache / ".draft-of-a-test"
    draft.mkdir(parents=True, exist_ok=True)
    with using(cache):  # as each command of another worker does
        assert draft.exists()
    draft.rmdir()
