"""Findings as code hosts show them: each once, at a place in the repository, with a fingerprint from run to run."""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from harness.diagnosis.fingerprints import fingerprint
from harness.diagnosis.problems import problems, undone
from harness.model import Crashed, Edit, Finding, Place, Severity, Skipped
from harness.plain_text import harmless
from harness.reporters import text

if TYPE_CHECKING:
    from harness.model import Problem, Report, Stage

LONGEST: Final = 1_000
"""Characters of one text in an alert."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One finding in all functions that it was made in; its texts are harmless.

    Attributes:
        problem: The number of its problem, the worst first.
        stage: When that is noticed.
        title: What is wrong in it, in a few words.
        place: From the root of the repository; the manifest, where nothing nearer is known.
        trail: The places of the modules in the chain of imports; empty where none is known.
        edits: The remedy of its problem; their places are from the root, too.
    """

    check: str
    finding: Finding
    functions: tuple[str, ...]
    problem: int
    stage: Stage
    title: str
    place: Place
    fingerprint: str
    trail: tuple[Place | None, ...]
    edits: tuple[Edit, ...]

    @property
    def message(self) -> str:
        """What is wrong, where in the artifact, why, and what to do, a paragraph each."""
        finding = self.finding
        steps = [str(edit) for edit in self.edits]
        parts = (
            finding.message,
            f"At: {finding.where}",
            f"Functions: {', '.join(self.functions)}" if self.functions else "",
            f"Imports: {text.chain(finding.chain)}" if finding.chain[1:] else "",
            f"Why: {finding.cause}" if finding.cause else "",
            f"Do: {finding.remedy or '; '.join(steps)}" if finding.remedy or steps else "",
        )
        return "\n".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Undone:
    """What crashed or was skipped: the checks with their functions, and why."""

    subjects: str
    reason: str


def alerts(report: Report) -> tuple[Alert, ...]:
    """The findings that count, the worst problem's first."""
    report = text.map_text(report, text.encodable)  # as in JSON, so that fingerprints agree
    every = problems(report)
    found = [
        (index, report.results[number], report.results[number].findings[at])
        for index, problem in enumerate(every)
        for number, at in problem.findings
    ]
    gathered = text.gather(((index, result.check, finding), result.function) for index, result, finding in found)
    seen: Counter[str] = Counter()
    made = []
    for (index, check, finding), names in gathered.items():
        problem = every[index]
        mark = fingerprint(check, None, finding, report.artifacts)
        seen[mark] += 1
        functions = tuple(dict.fromkeys((*(name for name in names if name), *finding.functions)))
        alert = Alert(
            check=check,
            finding=finding,
            functions=functions,
            problem=index,
            stage=problem.stage,
            title=problem.title,
            place=_place(finding, problem, functions, report),
            fingerprint=f"{mark}:{seen[mark]}",  # findings that differ in their lines alone
            trail=tuple(_in_repository(place, report) for place in finding.trail),
            edits=tuple(replace(edit, at=_in_repository(edit.at, report)) for edit in problem.edits),
        )
        made.append(text.map_text(alert, shown))
    return tuple(sorted(made, key=lambda one: one.finding.severity is not Severity.ERROR))


def not_done(report: Report) -> tuple[Undone, ...]:
    """What crashed or was skipped, each reason once; without what only follows from a handler that does not start."""
    reasons = text.gather(
        (outcome.reason if isinstance(outcome, Skipped) else outcome.summary, (one.check, one.function))
        for one in undone(report)
        if isinstance(outcome := one.outcome, Skipped | Crashed)
    )
    return tuple(text.map_text(Undone(text.subjects(each), reason), shown) for reason, each in reasons.items())


def home(report: Report) -> Place:
    """The place of what has no other: the manifest, else the first archive."""
    archives = [Place(one.source) for one in report.artifacts]
    named = Place(report.manifest) if report.manifest else next(iter(archives), Place("."))
    inside = _in_repository(named, report) or Place(posixpath.basename(named.file) or ".")
    return text.map_text(inside, shown)


def _place(finding: Finding, problem: Problem, functions: tuple[str, ...], report: Report) -> Place:
    """The nearest place in the repository: of the finding, of what mends it, of a function's declaration."""
    declared = (info.declared_at for info in report.functions if not functions or info.name in functions)
    edits = (edit.at for edit in (*finding.edits, *problem.edits))
    known = (_in_repository(place, report) for place in (finding.source, *edits, *declared))
    return next(filter(None, known), home(report))


def _in_repository(place: Place | None, report: Report) -> Place | None:
    """A place from the root of the repository; None where it is outside."""
    if place is None:
        return None
    file = posixpath.normpath(posixpath.join(report.folder, place.file))
    return None if file.startswith(("/", "../")) or file == ".." else Place(file, place.line or None)


def shown(words: str) -> str:
    """One text from outside, harmless and not too long."""
    return harmless(words, LONGEST)
