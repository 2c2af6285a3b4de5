"""Runs checks. The only place that catches everything: a check that breaks must not silence the others."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from datetime import date

from harness.check import Blocked, Check, Engines, Inapplicable, Need, Subject
from harness.engines.protocol import Unavailable
from harness.manifest import Waiver
from harness.model import Completed, Crashed, Finding, Note, NotApplicable, Outcome, Result, Skipped, Waived


def run(check: Check, subjects: Sequence[Subject], engines: Engines, today: date) -> Result:
    """The result of one check: of one function, or of the artifact, which can be several code archives."""
    began = time.perf_counter()
    outcomes = [_outcome(check, subject, engines) for subject in subjects]
    outcome = _waive(check, _merge(outcomes), subjects[0].manifest.waivers, today)
    function = subjects[0].function
    return Result(check.id, check.title, function.name if function else None, outcome, time.perf_counter() - began)


def _outcome(check: Check, subject: Subject, engines: Engines) -> Outcome:
    if check.need is not Need.NOTHING and (refused := [a.source for a in subject.bundle.archives if a.refusals]):
        return Skipped(f"{', '.join(refused)} could not be read; archive-integrity says why")
    try:
        said = list(check.body(subject, engines))
    except Inapplicable as reason:
        return NotApplicable(str(reason))
    except (Blocked, Unavailable) as reason:
        return Skipped(str(reason))
    except Exception as error:  # noqa: BLE001 - see the module
        return Crashed(f"{type(error).__name__}: {error}", traceback.format_exc())
    findings = tuple(value for value in said if isinstance(value, Finding))
    return Completed(findings, notes=tuple(value for value in said if isinstance(value, Note)))


def _merge(outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome of several: what is worst decides, what was found twice is told once."""
    for kind in (Crashed, Skipped):
        for outcome in outcomes:
            if isinstance(outcome, kind):
                return outcome
    completed = [outcome for outcome in outcomes if isinstance(outcome, Completed)]
    if not completed:
        return outcomes[0]
    findings = dict.fromkeys(finding for outcome in completed for finding in outcome.findings)
    notes = dict.fromkeys(note for outcome in completed for note in outcome.notes)
    return Completed(tuple(findings), notes=tuple(notes))


def _waive(check: Check, outcome: Outcome, waivers: Sequence[Waiver], today: date) -> Outcome:
    if not isinstance(outcome, Completed):
        return outcome
    counted, waived = [], []
    for finding in outcome.findings:
        waiver = next((w for w in waivers if w.check == check.id and _matches(w, finding)), None)
        if waiver is None or (waiver.expires is not None and waiver.expires < today):
            counted.append(finding)
        else:
            waived.append(Waived(finding, waiver.reason))
    return Completed(tuple(counted), tuple(waived), outcome.notes)


def _matches(waiver: Waiver, finding: Finding) -> bool:
    return waiver.match in finding.message or waiver.match in finding.where
