"""SARIF 2.1.0, for GitHub code scanning and editors, within GitHub's limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from harness.plain_text import printed_json
from harness.reporters.alerts import alerts, home, not_done, shown
from harness.reporters.text import SITE, page_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import Insert, Place, Report
    from harness.reporters.alerts import Alert

Object: TypeAlias = dict[str, object]

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_RESULTS: Final = 25_000
"""Of one run; GitHub refuses a file with more."""
MOST_STEPS: Final = 1_000
"""Of one chain of imports, as GitHub stores them."""


def render(report: Report) -> str:
    """One run with a result for each finding that counts; what was not done is a notification of the tool."""
    found = alerts(report)
    rules = {shown(result.check): shown(result.title) for result in report.results}
    names = list(rules)
    run: Object = {
        "tool": {
            "driver": {
                "name": "lambda-artifact",
                "version": shown(report.version),
                "informationUri": SITE,
                "rules": [_rule(name, title) for name, title in rules.items()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.incomplete,
                "exitCode": int(report.exit_code),
                "toolExecutionNotifications": list(_notifications(report, len(found))),
            }
        ],
        "results": [_result(alert, names.index(alert.check)) for alert in found[:MOST_RESULTS]],
    }
    return (
        printed_json(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False))
        + "\n"
    )


def _rule(name: str, title: str) -> Object:
    return {
        "id": name,
        "shortDescription": {"text": _text(title)},
        "helpUri": page_of(name),
        "help": {"text": f"`lambda-artifact explain {name}` prints the page of the check: {page_of(name)}"},
        "properties": {"tags": ["aws-lambda"]},
    }


def _notifications(report: Report, count: int) -> Iterator[Object]:
    at = [{"physicalLocation": _physical(home(report))}]
    for one in not_done(report):
        text = f"{one.subjects} could not be done: {one.reason}"
        yield {"level": "error", "message": {"text": _text(text)}, "locations": at}
    if count > MOST_RESULTS:
        text = f"{count - MOST_RESULTS:,} more findings are in the other reports"
        yield {"level": "warning", "message": {"text": text}}


def _result(alert: Alert, rule: int) -> Object:
    logical: list[Object] = [{"fullyQualifiedName": alert.finding.where, "kind": "resource"}]
    logical += [{"fullyQualifiedName": name, "kind": "function"} for name in alert.functions]
    result: Object = {
        "ruleId": alert.check,
        "ruleIndex": rule,
        "level": alert.finding.severity.value,
        "message": {"text": _text(alert.message)},
        "locations": [{"physicalLocation": _physical(alert.place), "logicalLocations": logical}],
        "partialFingerprints": {"lambdaArtifact/v1": alert.fingerprint},
    }
    if fixes := [_fix(edit.do, edit.at, edit.insert) for edit in alert.edits if edit.at and edit.insert]:
        result["fixes"] = fixes
    ends_here = alert.trail and alert.trail[-1] and alert.trail[-1].file == alert.place.file
    trail = (*alert.trail[:-1], alert.place) if ends_here else alert.trail
    if steps := _steps(alert.finding.chain, trail):
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return result


def _steps(chain: Sequence[str], trail: Sequence[Place | None]) -> list[Object]:
    """The imports that lead to the finding, in the files of the repository."""
    steps: list[Object] = [
        {
            "location": {
                "physicalLocation": _physical(place),
                "logicalLocations": [{"fullyQualifiedName": module, "kind": "module"}],
                "message": {"text": _text(f"imports {following}" if following else module)},
            }
        }
        for module, following, place in zip(chain, (*chain[1:], ""), trail, strict=False)
        if place
    ]
    half = MOST_STEPS // 2
    return steps if len(steps) <= MOST_STEPS else [*steps[:half], *steps[-half:]]


def _fix(do: str, at: Place, insert: Insert) -> Object:
    """A line that is inserted into a file."""
    start: Object = {"startLine": insert.line, "startColumn": 1, "endLine": insert.line, "endColumn": 1}
    replaced = {"deletedRegion": start, "insertedContent": {"text": f"{insert.text}\n"}}
    changes = [{"artifactLocation": {"uri": quote(at.file)}, "replacements": [replaced]}]
    return {"description": {"text": _text(f"{at.file}: {do}")}, "artifactChanges": changes}


def _physical(place: Place) -> Object:
    where: Object = {"artifactLocation": {"uri": quote(place.file)}}
    return {**where, "region": {"startLine": place.line}} if place.line else where


def _text(words: str) -> str:
    """A text in which nothing is a link."""
    return words.replace("](", "] (")
