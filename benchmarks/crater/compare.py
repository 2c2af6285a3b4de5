"""Compare the harness's verdicts with the runtime's results."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harness.model import Crashed, Severity, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.crater.ground_truth import Tried, Truth
    from harness.model import Finding, Report

TABLE = Path(__file__).with_name("explained.toml")
_STARTS = ("handler-imports", "handler-responds")  # what these say, an import of the same modules says too
# What the interpreter and the loader name when something is not there: a finding that names it too tells the same.
_CULPRIT = re.compile(
    r"No module named ('[^']+')|(\S+): cannot open shared object file|"
    r"version `([^']+)' not found|undefined symbol: ([^\s,]+)"
)


class Judgement(StrEnum):
    """The verdict on an error."""

    CONFIRMED = "confirmed"  # the runtime says so too
    STANDIN = "the stand-in's"  # so it is where this ran, and not, or not surely, in Lambda
    EXPLAINED = "explained"  # the runtime cannot say so, the table does
    FALSE_ALARM = "false alarm"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A row of the table.

    Attributes:
        name: Of the artifact; ``*`` for any.
        check: Whose finding it explains; empty where it explains what does not work.
        match: Part of what it explains.
        standin: Whether it does not work because of the image that stands in for Lambda's.
    """

    name: str
    match: str
    reason: str
    check: str = ""
    standin: bool = False


@dataclass(frozen=True, slots=True)
class Error:
    """An error of the harness, judged."""

    check: str
    message: str
    where: str
    judgement: Judgement
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A failure.

    Attributes:
        reason: Why that is so; empty where nobody has explained it.
        said: Whether a finding of the harness names it.
    """

    name: str
    error: str
    reason: str
    said: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """One artifact.

    Attributes:
        errors: The harness's errors.
        broken: What the runtime cannot import or load.
        warnings: How many each check has.
        undone: Checks that were skipped or crashed, with their reasons.
        used: The rows of the table that explained something.
    """

    errors: tuple[Error, ...]
    broken: tuple[Broken, ...]
    warnings: dict[str, int]
    undone: dict[str, str]
    used: frozenset[Explanation]


def explanations(table: Path = TABLE) -> tuple[Explanation, ...]:
    """The table: first what explains errors, then what explains what does not work."""
    content = tomllib.loads(table.read_text(encoding="utf-8"))
    return tuple(Explanation(**row) for row in (*content.get("right", ()), *content.get("broken", ())))


def compare(
    name: str, report: Report, truth: Truth, table: Sequence[Explanation], unstarted: Report | None = None
) -> Comparison:
    """Judge every error of a report on an artifact, and of one without an engine, by what the runtime did with it.

    An engine disproves some errors itself, which a verification without one reports.
    """
    rows = [row for row in table if row.name in (name, "*")]
    used: set[Explanation] = set()
    found = list(_findings(report))
    wrong = {(check, one.message, one.where): (check, one) for check, one in _errors(report, unstarted)}
    errors = [_judged(check, one, truth, rows, used) for check, one in wrong.values()]
    broken = [_broken(one, found, rows, used) for one in truth.broken]
    warnings = Counter(check for check, one in found if one.severity is Severity.WARNING)
    undone = {
        result.check: outcome.summary if isinstance(outcome, Crashed) else outcome.reason
        for result in report.results
        if isinstance(outcome := result.outcome, Crashed | Skipped)
    }
    return Comparison(tuple(errors), tuple(broken), dict(sorted(warnings.items())), undone, frozenset(used))


def _errors(*reports: Report | None) -> Iterator[tuple[str, Finding]]:
    for report in filter(None, reports):
        yield from ((check, one) for check, one in _findings(report) if one.severity is Severity.ERROR)


def _findings(report: Report) -> Iterator[tuple[str, Finding]]:
    for result in report.results:
        for finding in result.findings:
            yield result.check, finding


def _judged(check: str, finding: Finding, truth: Truth, rows: Iterable[Explanation], used: set[Explanation]) -> Error:
    if culprits := [one for one in truth.broken if _names(check, finding, one)]:
        standins = [row for row in rows if row.standin]
        here = all(any(_explains(row, one) for row in standins) for one in culprits)
        return Error(check, finding.message, finding.where, Judgement.STANDIN if here else Judgement.CONFIRMED)
    for row in rows:
        if row.check == check and (row.match in finding.message or row.match in finding.where):
            used.add(row)
            return Error(check, finding.message, finding.where, Judgement.EXPLAINED, row.reason)
    return Error(check, finding.message, finding.where, Judgement.FALSE_ALARM)


def _broken(
    one: Tried, found: Iterable[tuple[str, Finding]], rows: Iterable[Explanation], used: set[Explanation]
) -> Broken:
    said = any(_names(check, finding, one) for check, finding in found)
    for row in rows:
        if _explains(row, one):
            used.add(row)
            return Broken(one.name, one.error, row.reason, said)
    return Broken(one.name, one.error, "", said)


def _explains(row: Explanation, one: Tried) -> bool:
    return not row.check and (row.match in one.name or row.match in one.error)


def _names(check: str, finding: Finding, one: Tried) -> bool:
    """Whether a finding is about something that does not work."""
    if check in _STARTS:
        return one.kind == "module"
    text = f"{finding.where} {finding.message} {finding.cause or ''}"
    if one.kind != "module" and one.name in text:
        return True
    words = one.error.partition("\n")[0].partition(": ")[2].rstrip(".")
    if words and words in finding.message:  # the exception that the check foresaw
        return True
    culprit = _CULPRIT.search(one.error)
    return culprit is not None and next(filter(None, culprit.groups())) in text
