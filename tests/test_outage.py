"""The outage, attempt by attempt: the report of the first names all that three deploys found out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from fixtures.outage import WORKFLOW, Step, lay_out
from harness.cli import run
from harness.engines.choice import Choice, engine
from harness.manifest import load
from harness.model import ExitCode, Severity
from harness.policy import KNOWN_RUNTIMES
from harness.reporters import FORMATS
from harness.session.settings import Settings
from harness.verify import verify
from tests.build import TODAY

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.build import Sample
    from harness.model import Finding, Report

pytestmark = pytest.mark.network  # the sample's wheels are downloaded once

KEY = ".github/workflows/deploy.yml:{}".format(
    next(number for number, line in enumerate(WORKFLOW.splitlines(), 1) if "key:" in line)
)
DECLARE = r"pyproject\.toml: add defusedxml>=0\.7\.1 to \[project\] dependencies, and lock again: `poetry lock`"
ASK = r"requirements\.txt: add defusedxml==0\.7\.1"
REKEY = rf"{re.escape(KEY)}: put requirements\.txt into the key of the cached layer\.zip"
REBUILD = r"rebuild layer\.zip from requirements\.txt"
THROUGH = r"py-serializable ← cyclonedx-python-lib ← pip-audit \(pyproject\.toml:\d+\)"
CACHED = rf"cached: {re.escape(KEY)} keeps layer\.zip under a key over poetry\.lock, and not over requirements\.txt"


@dataclass(frozen=True)
class Attempt:
    """What the report of an attempt says.

    Attributes:
        errors: The checks that find one.
        causes: What the finding on the import says of each list, in this order.
        edits: The steps that it names.
    """

    errors: frozenset[str]
    causes: tuple[str, ...]
    edits: tuple[str, ...]


ATTEMPTS = {
    Step.NOTHING: Attempt(
        frozenset({"imports-resolve"}),
        (
            r"declared: pyproject\.toml does not have it",
            rf"locked: poetry\.lock:\d+ has 0\.7\.1, not for production, but for group dev, through {THROUGH}",
            r"built from: requirements\.txt does not ask for it",
            r"built: not in code\.zip or layer\.zip",
            CACHED,
        ),
        (DECLARE, ASK, REKEY, REBUILD),
    ),
    Step.DECLARED: Attempt(
        frozenset({"imports-resolve", "declared-dependencies"}),
        (
            r"declared: pyproject\.toml:\d+ has it, as defusedxml \(>=0\.7\.1,<0\.8\)",
            r"locked: poetry\.lock:\d+ has 0\.7\.1 for production",
            r"built from: requirements\.txt does not ask for it",
            r"built: not in code\.zip or layer\.zip",
            CACHED,
        ),
        (ASK, REKEY, REBUILD),
    ),
    Step.ASKED: Attempt(
        frozenset({"imports-resolve", "built-dependencies"}),
        (
            r"declared: pyproject\.toml:\d+ has it",
            r"locked: poetry\.lock:\d+ has 0\.7\.1 for production",
            r"built from: requirements\.txt:\d+ asks for it, as defusedxml==0\.7\.1",
            r"built: not in code\.zip or layer\.zip",
            CACHED,
        ),
        (REKEY, REBUILD),
    ),
}
CHAIN = r"app\.services\.carriers:13 → app\.services\.carriers\.usps:7\)"
REACHED = (
    rf"affected, when .*: api \(app\.main:6 → app\.api\.v1\.tracking:8 → {CHAIN}; worker \(lambdas\.\S+ → {CHAIN}",
    r"not affected: cleanup, migrate",
)


def verified(manifest: Path, cache: Path, name: str = "none") -> Report:
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if name == "container" else None
    settings = Settings(
        engine=engine(Choice(name), os.environ, cache, image, None),
        cache=cache,
        progress=lambda _: None,
        today=TODAY,
        static=name == "none",
    )
    return verify(load(manifest, runtimes=KNOWN_RUNTIMES), settings)


def errors(report: Report) -> list[tuple[str, Finding]]:
    return [(r.check, one) for r in report.results for one in r.findings if one.severity is Severity.ERROR]


def of(report: Report, check: str) -> Finding:
    return next(finding for name, finding in errors(report) if name == check)


def says(lines: str | None, patterns: tuple[str, ...]) -> bool:
    """Whether there is a line for each pattern, in this order, whatever is between them."""
    found = iter((lines or "").split("\n"))
    return all(any(re.search(pattern, line) for line in found) for pattern in patterns)


@pytest.mark.parametrize(("step", "attempt"), ATTEMPTS.items(), ids=[step.name.lower() for step in ATTEMPTS])
def test_each_attempt_names_what_is_left_to_do(
    step: Step, attempt: Attempt, sample: Sample, tmp_path: Path, cache: Path
) -> None:
    report = verified(lay_out(step, tmp_path, sample), cache)

    assert report.exit_code is ExitCode.FINDINGS
    assert {check for check, _ in errors(report)} == attempt.errors
    finding = of(report, "imports-resolve")
    assert finding.where == "/var/task/app/services/carriers/usps.py:7"
    assert says(finding.cause, (r"provided by: defusedxml", *attempt.causes, *REACHED)), finding.cause
    steps = (finding.remedy or "").split("\n")
    assert len(steps) == len(attempt.edits)
    for number, (edit, expected) in enumerate(zip(steps, attempt.edits, strict=True), 1):
        assert re.fullmatch(rf"{number}\. {expected}.*", edit), edit


def test_the_last_attempt_is_green(sample: Sample, tmp_path: Path, cache: Path) -> None:
    report = verified(lay_out(Step.REBUILT, tmp_path, sample), cache)

    assert report.exit_code is ExitCode.OK
    assert errors(report) == []


def test_the_runtime_says_the_same_of_the_first(engine_name: str, sample: Sample, tmp_path: Path, cache: Path) -> None:
    report = verified(lay_out(Step.NOTHING, tmp_path, sample), cache, engine_name)

    failed = [finding for check, finding in errors(report) if check == "handler-imports"]
    assert [finding.chain[0] for finding in failed] == ["app.main", "lambdas.worker.handler"]
    for finding in failed:
        assert finding.message.endswith("No module named 'defusedxml'")
        assert says(finding.cause, (*ATTEMPTS[Step.NOTHING].causes, *REACHED))
        assert finding.remedy == of(report, "imports-resolve").remedy
    shown = FORMATS["terminal"](report)
    assert shown.count("py-serializable ← cyclonedx-python-lib") == 1, "said once, and referred to after that"


def test_a_stamp_tells_that_the_layer_is_the_old_one(
    sample: Sample, tmp_path: Path, cache: Path, environ: dict[str, str]
) -> None:
    manifest = lay_out(Step.DECLARED, tmp_path, sample)
    assert run(["stamp", "--manifest", str(manifest), str(tmp_path / "layer.zip")], environ) == 0
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(requirements.read_text(encoding="utf-8") + "defusedxml==0.7.1\n", encoding="utf-8")

    report = verified(manifest, cache)

    assert of(report, "layer-fresh").where == "layer.zip!lambda-artifact-stamp.json"
    assert "requirements.txt has changed" in of(report, "layer-fresh").message
    cause = of(report, "imports-resolve").cause
    assert says(cause, (r"stamped: layer\.zip is older than what it is built from: requirements\.txt has changed",))
