"""One side of a comparison: verified here, or read of a report."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from harness import regular_files
from harness.diagnosis.fingerprints import fingerprint, fingerprints
from harness.diff.contents import contents
from harness.diff.values import Cost, Found, Side, Snapshot
from harness.facts.python.search import Missing
from harness.manifest import Function
from harness.model import ArtifactInfo, Completed, Crashed, EmulatedCall, Finding, Severity, Skipped, UsageError
from harness.plain_text import harmless
from harness.plan import plan
from harness.reporters.schema_v1 import SCHEMA, Artifact, CheckResult
from harness.reporters.schema_v1 import Function as ReportedFunction
from harness.session.workspace import Workspace
from harness.sources.local import SourceUnavailable
from harness.verify import Verification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.manifest import Manifest
    from harness.model import Report
    from harness.session.settings import Settings

REPOSITORY: Final = frozenset(
    {
        "built-dependencies",
        "declared-dependencies",
        "layer-fresh",
        "python-version",
        "required-files",
        "source-parity",
        "unpinned",
        "version-stamp",
    }
)
"""The checks that compare archives with the repository: of archives alone they say nothing."""
_AMOUNT: Final = re.compile(r"\b\d{1,3}(?:,\d{3})+\b|(?<![.\w])\d+(?:\.\d+)+\w*")
"""Sizes and versions: where they alone differ, the finding is the same."""
_LISTED: Final = frozenset({"unpinned"})
"""The checks whose one finding lists all that is wrong: with a longer list it is the same finding."""


def verified(name: str, manifest: Manifest, settings: Settings, *, repository: bool = True) -> Snapshot:
    """A side that is here.

    Args:
        name: As the user names it.
        manifest: What it is.
        settings: How to verify it.
        repository: Whether the manifest's repository is of this side.

    Raises:
        UsageError: The request is wrong.
    """
    if not repository:
        manifest = replace(manifest, requirements=(), project=None, inputs=(), version_stamps=(), source=None)
        settings = replace(settings, skip=tuple(REPOSITORY))
        manifest = _without_new(manifest, settings)
    verification = Verification(replace(manifest, baseline=None), settings)
    verification.read_repository()
    results = [*verification.results(plan(manifest, settings)), *verification.runtime.undone]
    report = verification.report(results)
    inside = contents(verification.workspace)
    verification.workspace.archives.save()
    return Snapshot(
        Side(name, report.artifacts),
        dict(_costs(report)),
        tuple(_findings(report)),
        frozenset((one.check, one.function) for one in report.results if isinstance(one.outcome, Completed)),
        frozenset((one.check, one.function) for one in report.results if isinstance(one.outcome, Skipped | Crashed)),
        inside,
        tuple(_undone(report)),
        {one.name: one.aws_calls for one in report.functions if one.aws_calls is not None},
    )


def _without_new(manifest: Manifest, settings: Settings) -> Manifest:
    """A manifest without the functions whose module its archives do not have: these are new on the other side."""
    workspace, old = Workspace(manifest, settings), list[Function]()
    for function in manifest.functions:
        with contextlib.suppress(SourceUnavailable):
            module = function.handler.rpartition(".")[0].replace("/", ".")
            if isinstance(workspace.subject(function).program.search.find(module), Missing):
                continue
        old.append(function)
    return replace(manifest, functions=tuple(old or manifest.functions))


def _costs(report: Report) -> Iterator[tuple[str, Cost]]:
    by_digest = {one.sha256: one for one in report.artifacts}
    for function in report.functions:
        archives = [by_digest[digest] for digest in function.digests if digest in by_digest]
        yield function.name, _cost(archives, function.init_cpu_seconds, function.max_rss_mb)


def _cost(archives: Sequence[ArtifactInfo | Artifact], init: float | None, memory: float | None) -> Cost:
    zipped = [one.zipped_bytes for one in archives if one.zipped_bytes is not None]
    return Cost(
        sum(zipped) if archives and len(zipped) == len(archives) else None,
        sum(one.unzipped_bytes for one in archives) if archives else None,
        init,
        memory,
    )


def _findings(report: Report) -> Iterator[Found]:
    sources = [(one.source, one.role) for one in report.artifacts]
    for result in report.results:
        waived = result.outcome.waived if isinstance(result.outcome, Completed | Skipped) else ()
        every = ((one, False) for one in result.findings), ((one.finding, True) for one in waived)
        marks = iter(fingerprints(result, report.artifacts))
        for one, accepted in (pair for pairs in every for pair in pairs):
            yield _found(result.check, result.function, one, next(marks), sources, accepted=accepted)


def _found(  # noqa: PLR0913 - what a finding is, and the names of the archives
    check: str,
    function: str | None,
    finding: Finding,
    mark: str,
    sources: Iterable[tuple[str, str]],
    *,
    accepted: bool,
) -> Found:
    where, message = finding.where, finding.message
    for source, role in sources:  # the archives of the two sides have names of their own
        where, message = where.replace(source, role), message.replace(source, role)
    message = "" if check in _LISTED else _AMOUNT.sub("#", message)
    key = fingerprint(check, function, Finding(message, _AMOUNT.sub("#", where)))
    return Found(key, mark, check, function, finding.severity, finding.message, finding.where, accepted)


def _undone(report: Report) -> Iterator[str]:
    for one in report.results:
        if isinstance(one.outcome, Skipped):
            yield one.outcome.reason
        elif isinstance(one.outcome, Crashed):
            yield f"{one.check} crashed: {one.outcome.summary}"


class _Reported(msgspec.Struct, frozen=True):
    """What is read of a report of ``verify``."""

    schema: str
    artifacts: tuple[Artifact, ...]
    functions: tuple[ReportedFunction, ...]
    results: tuple[CheckResult, ...]


def reported(path: Path) -> Snapshot | None:
    """A side that a JSON report of ``verify`` describes; None of what is no report at all.

    Raises:
        UsageError: It is another report, or cannot be read.
    """
    try:
        content = regular_files.read(path)
        schema = msgspec.json.decode(content, type=_Schema).schema
    except OSError as error:
        raise UsageError(f"--against {path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not schema:
        return None
    if schema != SCHEMA:
        raise UsageError(f"--against {path}: expected a report of schema {SCHEMA}, found {harmless(schema)}")
    try:
        report = msgspec.json.decode(content, type=_Reported)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--against {path}: not a JSON report of `verify`: {harmless(str(error))}") from error
    by_digest = {one.sha256: one for one in report.artifacts}
    sources = [(one.source, one.role) for one in report.artifacts]
    costs: Mapping[str, Cost] = {
        one.name: _cost(
            [by_digest[digest] for digest in one.archives if digest in by_digest], one.init_cpu_seconds, one.max_rss_mb
        )
        for one in report.functions
    }
    findings = (
        _found(
            result.check,
            result.function,
            Finding(one.message, one.where, Severity(one.severity)),
            one.fingerprint,
            sources,
            accepted=one.waived is not None,
        )
        for result in report.results
        for one in result.findings
    )
    return Snapshot(
        Side(str(path), tuple(msgspec.convert(one, ArtifactInfo, from_attributes=True) for one in report.artifacts)),
        costs,
        tuple(findings),
        frozenset((one.check, one.function) for one in report.results if one.outcome == "completed"),
        frozenset((one.check, one.function) for one in report.results if one.outcome in {"skipped", "crashed"}),
        None,
        called={
            one.name: msgspec.convert(one.aws_calls, tuple[EmulatedCall, ...], from_attributes=True)
            for one in report.functions
            if one.aws_calls is not None
        },
    )


class _Schema(msgspec.Struct, frozen=True):
    schema: str = ""
