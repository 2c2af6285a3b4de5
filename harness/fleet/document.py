"""The report of a fleet as people read it: the teams, and the causes that stop most functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from harness.fleet import json_v1
from harness.fleet.judge import report_name
from harness.model import Severity, Stage, Verdict
from harness.plain_text import few, harmless, printed_json
from harness.reporters import formats, text
from harness.reporters.document import Document, Fact, Link, NotDone, ProblemText, Table
from harness.reporters.sarif import SCHEMA as SARIF_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.fleet.values import Cause, FleetReport

COLUMNS: Final = ("team", "members", "functions", "pass", "fail", "not judged")
_MOST_CAUSES: Final = 10
_MOST_NAMES: Final = 5
_MOST_REASONS: Final = 20
_DOES: Final = {Stage.START: "stops", Stage.EVENT: "breaks at an event", Stage.DEPLOY: "AWS refuses", Stage.NEVER: ""}


def document(report: FleetReport) -> Document:
    """The whole report; in full are the causes that stop most functions."""
    failing = [one for one in report.causes if one.severity is Severity.ERROR or report.strict]
    rest = [one for one in report.causes if one not in failing]
    return Document(
        subject=report.subject,
        verdict=report.verdict,
        summary=_summary(report),
        problems=tuple(map(_problem, failing[:_MOST_CAUSES])),
        warnings=tuple(map(_problem, (*failing[_MOST_CAUSES:], *rest))),
        not_done=tuple(_not_done(report)),
        facts=tuple(_facts(report)),
        archives=(),
        table=Table(COLUMNS, tuple(_rows(report))),
        seconds=report.seconds,
        links=tuple(_links(report)),
    )


def _links(report: FleetReport) -> Iterator[Link]:
    if report.reports:
        for member in sorted(report.members, key=lambda one: (one.verdict is Verdict.PASS, one.name)):
            if member.verified_at:
                yield Link(member.name, str(member.verdict), report_name(member.name))


def _summary(report: FleetReport) -> str:
    failed = sum(member.verdict is Verdict.FAIL for member in report.members)
    whole = text.count(len(report.members), "member", "members") or "nothing"
    parts = [f"{failed} of {whole}" if failed else f"{whole} with {report.functions:,} functions"]
    if report.undone:
        parts.append(f"{len(report.undone)} not judged, or not completely")
    if report.before is not None:
        new = sum(one.is_new for one in report.causes)
        parts.append(text.count(new, "new problem", "new problems") or "no new problem")
    return "; ".join(parts)


def _problem(cause: Cause) -> ProblemText:
    consequence = f"{_DOES[cause.stage]} {text.count(cause.functions, 'function', 'functions')}".strip()
    new = "new; " if cause.is_new else ""
    return ProblemText(
        severity=cause.severity,
        title=cause.title,
        consequence=consequence if cause.severity is Severity.ERROR else f"may concern {cause.functions}",
        message="",
        place=f"{new}{text.count(len(cause.members), 'member', 'members')}: {few(cause.members, _MOST_NAMES)}",
        steps=cause.edit,
    )


def _not_done(report: FleetReport) -> Iterator[NotDone]:
    reasons = text.gather((member.reason, member.name) for member in report.undone)
    for reason, names in list(reasons.items())[:_MOST_REASONS]:
        yield NotDone(few(names, _MOST_NAMES), reason)
    if len(reasons) > _MOST_REASONS:
        yield NotDone("others", f"{len(reasons) - _MOST_REASONS} more reasons are in the JSON report")


def _rows(report: FleetReport) -> Iterator[tuple[str, ...]]:
    for team, counted in report.by_team():
        numbers = (counted["members"], counted["functions"], counted["pass"], counted["fail"], counted["incomplete"])
        yield team or "(none)", *(f"{number:,}" for number in numbers)


def _facts(report: FleetReport) -> Iterator[Fact]:
    runtimes = [
        f"{runtime}: {count:,}" + (f" (until {report.deprecations[runtime]})" if runtime in report.deprecations else "")
        for runtime, count in sorted(report.by_runtime().items())
    ]
    yield Fact("runtimes", ", ".join(runtimes))
    if cached := report.cached:
        functions = sum(len(member.functions) for member in cached)
        since = min(member.verified_at for member in cached)
        yield Fact(
            "cached", f"the verdicts on {functions:,} functions are from the verdict cache, the oldest of {since}"
        )
    if report.shard:
        yield Fact("shard", report.shard)
    yield from (Fact("note", note) for note in report.notes)
    if report.reports:
        failed = [member.name for member in report.members if member.verdict is not Verdict.PASS]
        yield Fact("reports", f"each member's own report is in {report.reports}; failed: {few(failed, _MOST_NAMES)}")


def sarif(report: FleetReport) -> str:
    """One run with a result for each problem of each member, for a service that shows SARIF."""
    report = text.map_text(report, harmless)
    rules = list(dict.fromkeys(cause.id for cause in report.causes))
    titles = {cause.id: cause.title for cause in report.causes}
    results = [
        {
            "ruleId": problem.id,
            "ruleIndex": rules.index(problem.id),
            "level": problem.severity.value,
            "baselineState": "new" if report.is_new(member, problem) else "unchanged",
            "message": {"text": f"{member.name}: {problem.title}; {problem.edit}".replace("](", "] (")},
            "locations": [
                {
                    "physicalLocation": {"artifactLocation": {"uri": quote(member.name)}},
                    "logicalLocations": [
                        {"fullyQualifiedName": name, "kind": "function"} for name in problem.functions or (member.name,)
                    ],
                }
            ],
            "partialFingerprints": {"lambdaArtifact/v1": f"{problem.id}/{member.name}"},
        }
        for member in report.members
        for problem in member.problems
    ]
    if report.before is None:
        for result in results:
            del result["baselineState"]
    notifications = [
        {"level": "error", "message": {"text": f"{member.name} was not judged: {member.reason}".replace("](", "] (")}}
        for member in report.undone
    ]
    driver = {
        "name": "lambda-artifact",
        "version": report.version,
        "informationUri": text.SITE,
        "rules": [{"id": rule, "shortDescription": {"text": titles[rule].replace("](", "] (")}} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.undone,
                "exitCode": int(report.verdict.exit_code),
                "toolExecutionNotifications": notifications,
            }
        ],
        "results": results[:25_000],
    }
    document = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return printed_json(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"


FORMATS: Final = {**formats(document, json_v1.data), "sarif": sarif}
