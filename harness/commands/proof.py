"""What a JSON report proves: the archives that passed, and by which checks and starts."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from harness import regular_files
from harness.catalogue import CATALOGUE
from harness.model import UsageError, Verdict
from harness.plain_text import harmless
from harness.reporters.schema_v1 import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path


class Passed(msgspec.Struct, frozen=True):
    """An archive that a report is about; more of the report is not needed here, whichever release wrote it."""

    role: str
    source: str
    sha256: str
    code_sha256: str | None
    content_sha256: str | None = None

    def __str__(self) -> str:
        return f"{harmless(self.source)} ({digests(self.sha256, is_folder=self.code_sha256 is None)})"


class _Result(msgspec.Struct, frozen=True):
    check: str


class _Function(msgspec.Struct, frozen=True):
    name: str
    init_seconds: float | None = None


class _Report(msgspec.Struct, frozen=True):
    schema: str
    verdict: str
    artifacts: tuple[Passed, ...]
    results: tuple[_Result, ...] = ()
    functions: tuple[_Function, ...] = ()


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

    artifacts: tuple[Passed, ...]
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
    try:
        report = msgspec.json.decode(regular_files.read(path), type=_Report)
    except OSError as error:
        raise UsageError(f"--report {path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--report {path}: not a JSON report of `verify`: {harmless(str(error))}") from error
    if report.schema != SCHEMA:
        raise UsageError(f"--report {path}: expected a report of schema {SCHEMA}, found {harmless(report.schema)}")
    if report.verdict != Verdict.PASS:
        raise UsageError(
            f"--report {path}: its verdict is {harmless(report.verdict)}, so it proves nothing: verify again"
        )
    if not report.artifacts:
        raise UsageError(f"--report {path}: it names no archive, so nothing has passed")
    ran = {result.check for result in report.results}
    started = sum(function.init_seconds is not None for function in report.functions)
    known = ran | {check.id for check in CATALOGUE}
    proof = Proof(report.artifacts, len(ran), len(known), started, len(report.functions))
    if lacks := proof.lacks(required):
        raise UsageError(f"--report {path}: {proof}; --require {required} demands {lacks}: verify again so")
    return proof


def digests(sha256: str, *, is_folder: bool = False) -> str:
    """A digest as files and as Lambda have it; a folder's is of our own making, and Lambda never sees one."""
    try:
        as_lambda_prints_it = base64.b64encode(bytes.fromhex(sha256)).decode()
    except ValueError:
        return f"sha256 {harmless(sha256)}"
    return f"folder, sha256 {sha256}" if is_folder else f"sha256 {sha256}, CodeSha256 {as_lambda_prints_it}"
