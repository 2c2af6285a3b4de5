"""Runs checks. The only place that catches everything: a check that breaks must not silence the others."""

from __future__ import annotations

import errno
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.check import Blocked, Check, Engines, Inapplicable, Need, Subject
from harness.diagnosis import severity
from harness.diagnosis.attribution import completed
from harness.engines.protocol import Unavailable
from harness.model import Completed, Crashed, Finding, NotApplicable, Note, Outcome, Result, Severity, Skipped, Waived

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from harness.manifest import Waiver

SYMBOL_VERSIONS = "symbol-versions"
IMPORTS = "imports-resolve"
NO_ROOM = (errno.EDQUOT, errno.ENOSPC)


def run(check: Check, subjects: Sequence[Subject], engines: Engines, today: date) -> Result:
    """Run one check: for one function, or for the artifact, which can be several code archives.

    Raises:
        OSError: There is no room to work in.
    """
    began = time.perf_counter()
    outcomes = [_outcome(check, subject, engines) for subject in subjects]
    outcome = waive(check.id, _merge(outcomes), subjects[0].manifest.waivers, today)
    function = subjects[0].function
    return Result(check.id, check.title, function.name if function else None, outcome, time.perf_counter() - began)


def _outcome(check: Check, subject: Subject, engines: Engines) -> Outcome:
    if check.need is not Need.NOTHING and (refused := [a.source for a in subject.bundle.archives if a.refusals]):
        return Skipped(f"{', '.join(refused)} could not be read; archive-integrity says why")
    values: list[Finding | Note] = []
    reason: str | None = None
    try:
        values.extend(_completed(value, subject) for value in check.body(subject, engines))
    except Inapplicable as nothing:
        return NotApplicable(str(nothing))
    except (Blocked, Unavailable) as obstacle:
        reason = str(obstacle)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise  # on a full disk, the run ends in one sentence about that
        return Crashed(f"{type(error).__name__}: {error}", traceback.format_exc())
    findings = tuple(value for value in values if isinstance(value, Finding))
    if reason is not None:
        return Skipped(reason, findings)
    return Completed(findings, notes=tuple(value for value in values if isinstance(value, Note)))


def _completed(value: Finding | Note, subject: Subject) -> Finding | Note:
    of_function = subject.function is not None
    return completed(value, subject.lists, of_function=of_function) if isinstance(value, Finding) else value


def _merge(outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome of several: the worst decides; equal findings become one."""
    if crashed := next((outcome for outcome in outcomes if isinstance(outcome, Crashed)), None):
        return crashed
    ran = [outcome for outcome in outcomes if isinstance(outcome, Completed | Skipped)]
    if not ran:
        return outcomes[0]
    findings = dict.fromkeys(finding for outcome in ran for finding in outcome.findings)
    if skipped := next((outcome for outcome in ran if isinstance(outcome, Skipped)), None):
        return Skipped(skipped.reason, tuple(findings))
    completed = [outcome for outcome in ran if isinstance(outcome, Completed)]
    notes = dict.fromkeys(note for outcome in completed for note in outcome.notes)
    return Completed(tuple(findings), notes=tuple(notes))


def waive(check: str, outcome: Outcome, waivers: Sequence[Waiver], today: date) -> Outcome:
    """The outcome of a check, with waived findings set apart."""
    if not isinstance(outcome, Completed | Skipped):
        return outcome
    counted, waived = [], []
    for finding in outcome.findings:
        matching = [waiver for waiver in waivers if waiver.check == check and _matches(waiver, finding)]
        valid = [waiver for waiver in matching if waiver.expires is None or waiver.expires >= today]
        if valid:
            waived.append(Waived(finding, valid[0].reason))
        else:
            counted.append(_expired(finding, matching[-1]) if matching else finding)
    return replace(outcome, findings=tuple(counted), waived=tuple(waived))


def _expired(finding: Finding, waiver: Waiver) -> Finding:
    """The finding, with the reason why it is back."""
    reason = f"the waiver that accepted it ({waiver.reason}) expired on {waiver.expires}"
    return replace(finding, remedy=f"{finding.remedy}; {reason}" if finding.remedy else reason)


def held_against(result: Result, started: Mapping[str, bool], engine: str) -> Result:
    """A result, corrected by which functions an engine did start, and which it could not."""
    if not isinstance(result.outcome, Completed | Skipped):
        return result
    names, failed = ([name for name, did in started.items() if did is value] for value in (True, False))
    # Only the image has the C library of Lambda; what starts with that of this machine proves nothing of it.
    proving = () if result.check == SYMBOL_VERSIONS and engine != "container" else names
    # Where a module may have come from is known once it was imported.
    guessed = [one for one in result.outcome.findings if result.check == IMPORTS and severity.settled(one, proving)]
    proved = (severity.disproved(finding, proving) for finding in result.outcome.findings if finding not in guessed)
    findings = tuple(severity.less_spared(finding, failed) for finding in proved)
    return replace(result, outcome=replace(result.outcome, findings=findings))


def regraded(result: Result, levels: Mapping[str, str]) -> Result:
    """A result whose findings have the severity that the manifest gives its check; a note is no finding."""
    level, outcome = levels.get(result.check), result.outcome
    if level is None or not isinstance(outcome, Completed | Skipped):
        return result
    if level != "note":
        findings = tuple(replace(one, severity=Severity(level)) for one in outcome.findings)
        return replace(result, outcome=replace(outcome, findings=findings))
    notes = tuple(Note(f"{one.message} ({one.where})") for one in outcome.findings)
    lowered = replace(outcome, findings=())
    return replace(
        result,
        outcome=replace(lowered, notes=(*lowered.notes, *notes)) if isinstance(lowered, Completed) else lowered,
    )


def lowered(results: Sequence[Result], levels: Mapping[str, str]) -> Iterator[str]:
    """A note on each check whose errors the manifest makes less of: no change of a manifest hides them unseen."""
    for check, level in levels.items():
        found = [one for result in results if result.check == check for one in result.findings]
        errors = sum(one.severity is Severity.ERROR for one in found)
        if errors and level != Severity.ERROR:
            yield f"errors of {check} that [severity] makes {level}s: {errors:,}"


def idle(waivers: Sequence[Waiver], results: Sequence[Result]) -> Iterator[str]:
    """A note on each waiver that matched no finding, where its check ran completely."""
    for waiver in waivers:
        outcomes = [result.outcome for result in results if result.check == waiver.check]
        completed = [outcome for outcome in outcomes if isinstance(outcome, Completed)]
        matched = any(_matches(waiver, finding) for outcome in completed for finding in _all(outcome))
        if completed and not matched and not any(isinstance(outcome, Skipped | Crashed) for outcome in outcomes):
            yield f"the waiver for {waiver.match!r} of {waiver.check} matches no finding: remove it"


def _all(outcome: Completed) -> tuple[Finding, ...]:
    return (*outcome.findings, *(accepted.finding for accepted in outcome.waived))


def _matches(waiver: Waiver, finding: Finding) -> bool:
    return waiver.match in finding.message or waiver.match in finding.where
