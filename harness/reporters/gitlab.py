"""GitLab's code quality report: what a merge request shows beside its diff."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from harness.model import Severity, Stage
from harness.plain_text import printed_json
from harness.reporters import text
from harness.reporters.alerts import alerts, home, not_done

if TYPE_CHECKING:
    from harness.model import Place, Report
    from harness.reporters.alerts import Alert


def render(report: Report) -> str:
    """An entry for each problem at each of its places, and one for each reason why checks could not be done."""
    found = [
        _entry(first.message, first.check, first.fingerprint, _severity(first), first.place)
        for first, *_ in text.gather(((alert.problem, alert.finding.where), alert) for alert in alerts(report)).values()
    ]
    for one in not_done(report):
        said = f"could not be done: {one.subjects}\n{one.reason}"
        mark = hashlib.sha256(said.encode()).hexdigest()
        found.append(_entry(said, one.subjects, mark, "major", home(report)))
    return printed_json(json.dumps(found, indent=1, ensure_ascii=False)) + "\n"


def _entry(description: str, check: str, fingerprint: str, severity: str, place: Place) -> dict[str, object]:
    location = {"path": place.file, "lines": {"begin": place.line or 1}}
    return {
        "description": description,
        "check_name": check,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": location,
    }


def _severity(alert: Alert) -> str:
    """How bad it is in GitLab's words: what stops a function blocks the merge."""
    if alert.finding.severity is not Severity.ERROR:
        return "minor"
    return {Stage.START: "blocker", Stage.DEPLOY: "blocker", Stage.EVENT: "critical"}.get(alert.stage, "major")
