"""What JSON reports prove: of a verification, and of a transition."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from harness import regular_files
from harness.attestation.statement import FunctionArchives, Level
from harness.catalogue import CATALOGUE
from harness.model import UsageError, Verdict
from harness.plain_text import few, harmless
from harness.reporters.schema_v1 import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

TRANSITION = "lambda-artifact/transition/v1"
RESPONDS = "handler-responds"
SHOWN = 3
"""Checks that were left out, by name."""


class ReportedArchive(msgspec.Struct, frozen=True):
    """An archive that a report is about; more of a report is not needed here, whichever release wrote it."""

    role: Literal["code", "layer"]
    source: str
    sha256: str
    code_sha256: str | None
    content_sha256: str | None = None

    def __str__(self) -> str:
        return f"{harmless(self.source)} ({digests(self.sha256, is_folder=self.code_sha256 is None)})"


class _Result(msgspec.Struct, frozen=True):
    check: str
    function: str | None = None
    outcome: str = ""
    findings: tuple[object, ...] = ()


class _Function(msgspec.Struct, frozen=True):
    name: str
    init_seconds: float | None = None
    archives: tuple[str, ...] = ()


class _Harness(msgspec.Struct, frozen=True):
    version: str = ""


class Verified(msgspec.Struct, frozen=True):
    """A report of ``verify``."""

    schema: str
    verdict: str
    artifacts: tuple[ReportedArchive, ...]
    results: tuple[_Result, ...] = ()
    functions: tuple[_Function, ...] = ()
    harness: _Harness = _Harness()
    verified_at: str = ""
    configuration_sha256: str = ""
    policy_sha256: str = ""

    @property
    def started(self) -> int:
        """How many functions were started."""
        return sum(function.init_seconds is not None for function in self.functions)


class _Side(msgspec.Struct, frozen=True):
    artifacts: tuple[ReportedArchive, ...]


class _Transition(msgspec.Struct, frozen=True):
    schema: str
    verdict: str
    to: _Side
    static: bool = True


Reported = TypeVar("Reported", Verified, _Transition)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was verified, how far, and how it ended.

    Attributes:
        harness: The release that verified.
        verified_at: RFC 3339.
        levels: What was done; none where the verification did not pass.
    """

    verdict: Verdict
    archives: tuple[ReportedArchive, ...]
    functions: tuple[FunctionArchives, ...]
    levels: tuple[Level, ...]
    harness: str
    verified_at: str
    configuration_sha256: str
    policy_sha256: str


def evidence(report: Path, transition: Path | None = None) -> Evidence:
    """What reports prove.

    Args:
        report: Of ``verify``.
        transition: Of ``transition`` to the same archives.

    Raises:
        UsageError: One is no such report, or left checks out, or is about other archives, or the transition does not
            pass.
    """
    read = verified(report)
    if not read.verified_at:
        raise UsageError(f"--report {report}: a release before this one wrote it: verify again")
    if folders := [archive for archive in read.artifacts if archive.code_sha256 is None]:
        raise UsageError(f"--report {report}: {folders[0]} is no archive that can be deployed: verify the zip")
    ran = {result.check for result in read.results}
    if read.verdict == Verdict.PASS and (left_out := [check.id for check in CATALOGUE if check.id not in ran]):
        named = few(left_out, SHOWN)
        raise UsageError(f"--report {report}: it left out {named}: verify again without --select and --skip")
    levels = _levels(read)
    if transition and read.verdict == Verdict.PASS:
        _prove(transition, read)
        levels.append(Level.TRANSITION)
    return Evidence(
        Verdict(read.verdict),
        read.artifacts,
        tuple(FunctionArchives(function.name, function.archives) for function in read.functions),
        tuple(levels),
        read.harness.version,
        read.verified_at,
        read.configuration_sha256,
        read.policy_sha256,
    )


def _levels(report: Verified) -> list[Level]:
    if report.verdict != Verdict.PASS:
        return []
    levels, functions = [Level.STATIC], {function.name for function in report.functions}
    if functions and report.started == len(functions):
        levels.append(Level.STARTED)
        # A finding that is waived, lowered or in a baseline fails no verification, and is no answer all the same.
        answers = [one for one in report.results if one.check == RESPONDS and not one.findings]
        if functions <= {one.function for one in answers if one.outcome == "completed"}:
            levels.append(Level.ANSWERED)
    return levels


def _prove(path: Path, report: Verified) -> None:
    transition = _read(path, "--transition", _Transition, TRANSITION)
    if transition.verdict != Verdict.PASS or transition.static:
        ended = "it started nothing" if transition.static else f"its verdict is {harmless(transition.verdict)}"
        raise UsageError(f"--transition {path}: {ended}, so it proves nothing: run `transition` again")
    if {one.sha256 for one in transition.to.artifacts} != {one.sha256 for one in report.artifacts}:
        raise UsageError(f"--transition {path}: it leads to other archives than those that were verified")


def verified(path: Path) -> Verified:
    """A report of ``verify``, whatever its verdict.

    Raises:
        UsageError: It is no such report, or names no archive.
    """
    report = _read(path, "--report", Verified, SCHEMA)
    if not report.artifacts:
        raise UsageError(f"--report {path}: it names no archive, so nothing has passed")
    return report


def _read(path: Path, option: str, kind: type[Reported], schema: str) -> Reported:
    command = schema.split("/")[1].replace("report", "verify")
    try:
        report = msgspec.json.decode(regular_files.read(path), type=kind)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{option} {path}: not a JSON report of `{command}`: {harmless(str(error))}") from error
    if report.schema != schema:
        raise UsageError(f"{option} {path}: expected a report of schema {schema}, found {harmless(report.schema)}")
    return report


def digests(sha256: str, *, is_folder: bool = False) -> str:
    """A digest as files and as Lambda have it; a folder's is of our own making, and Lambda never sees one."""
    as_lambda_prints_it = code_sha256(sha256)
    if as_lambda_prints_it is None:
        return f"sha256 {harmless(sha256)}"
    return f"folder, sha256 {sha256}" if is_folder else f"sha256 {sha256}, CodeSha256 {as_lambda_prints_it}"


def code_sha256(sha256: str) -> str | None:
    """A digest in base64, as Lambda prints it; None of what is no digest."""
    try:
        return base64.b64encode(bytes.fromhex(sha256)).decode()
    except ValueError:
        return None
