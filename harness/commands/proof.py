"""What a JSON report proves: the archives that passed, and by which checks and starts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.attestation.evidence import verified
from harness.catalogue import CATALOGUE
from harness.model import UsageError, Verdict
from harness.plain_text import harmless

if TYPE_CHECKING:
    from pathlib import Path

    from harness.attestation.evidence import ReportedArchive


class Required(StrEnum):
    """What the verification must have done at least, for its report to count."""

    PASSED = "passed"
    STARTED = "started"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a report proves.

    Attributes:
        artifacts: The archives that passed.
        checks: How many checks were run.
        of: How many checks there are.
        started: How many functions were started.
        functions: How many are declared.
    """

    artifacts: tuple[ReportedArchive, ...]
    checks: int
    of: int
    started: int
    functions: int

    def __str__(self) -> str:
        """What was done, in one clause."""
        checks = f"{self.checks} of {self.of} checks"
        if not self.functions:
            return f"{checks}; no function was declared, and nothing was started"
        if not self.started:
            return f"{checks}; nothing was started"
        return f"{checks}; {self.started} of {self.functions} functions started"

    def lacks(self, required: Required) -> str | None:
        """What it lacks of what is required; None where it lacks nothing."""
        if required is Required.PASSED:
            return None
        if not self.functions or self.started < self.functions:
            return "that every declared function was started (no --engine none, no --skip or --select without it)"
        if required is Required.ALL and self.checks < self.of:
            return "that no check was left out (no --select, no --skip)"
        return None


def proof_of(path: Path, required: Required = Required.PASSED) -> Proof:
    """What a report proves.

    Args:
        path: The report.
        required: What it must prove at least.

    Raises:
        UsageError: It is no report, or not one of a verification that passed, or proves less than is required.
    """
    report = verified(path)
    if report.verdict != Verdict.PASS:
        raise UsageError(
            f"--report {path}: its verdict is {harmless(report.verdict)}, so it proves nothing: verify again"
        )
    ran = {result.check for result in report.results}
    known = ran | {check.id for check in CATALOGUE}
    proof = Proof(report.artifacts, len(ran), len(known), report.started, len(report.functions))
    if lacks := proof.lacks(required):
        raise UsageError(f"--report {path}: {proof}; --require {required} demands {lacks}: verify again so")
    return proof
