"""JUnit XML: a test case for each check and function, as ``pytest -m artifact`` has them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.model import Completed, Crashed, NotApplicable, Severity, Skipped
from harness.plain_text import and_more, harmless, printed
from harness.reporters import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.model import Finding, Report, Result


def render(report: Report) -> str:
    """One suite: errors are failures, what could not be done is an error, what does not apply is skipped."""
    report = text.map_text(report, harmless)
    cases = [_case(result, strict=report.strict) for result in report.results]
    tags = [child.tag for case in cases for child in case]
    counts = {
        "tests": str(len(cases)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": _seconds(report.seconds),
    }
    whole = Element("testsuites")
    suite = SubElement(whole, "testsuite", {"name": "lambda-artifact", **counts})
    properties = SubElement(suite, "properties")
    named = {"version": report.version, "platform": text.runs_on(report.runtime, report.architecture, report.engine)}
    for name, value in (*named.items(), *((one.source, f"sha256 {one.sha256}") for one in report.artifacts)):
        SubElement(properties, "property", name=name, value=value)
    suite.extend(cases)
    indent(whole)
    return printed(f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(whole, encoding="unicode")}\n')


def _case(result: Result, *, strict: bool) -> Element:
    name = text.about(result.check, [result.function] if result.function else [])
    case = Element("testcase", classname="lambda-artifact", name=name, time=_seconds(result.seconds))
    match result.outcome:
        case Completed() | Skipped():
            failing = [one for one in result.findings if strict or one.severity is Severity.ERROR]
            others = [one for one in result.findings if not (strict or one.severity is Severity.ERROR)]
            if failing:
                said = failing[0].message + and_more(len(failing))
                SubElement(case, "failure", type=failing[0].severity, message=said).text = _words(failing)
            if isinstance(result.outcome, Skipped):
                SubElement(case, "error", type="not done", message=result.outcome.reason)
            if others:
                SubElement(case, "system-out").text = _words(others)
        case Crashed(summary, traceback):
            SubElement(case, "error", type="crash", message=summary).text = traceback
        case NotApplicable(reason):
            SubElement(case, "skipped", message=reason)
    return case


def _words(findings: Sequence[Finding]) -> str:
    """Each finding in full."""
    return "\n\n".join(
        "\n".join(filter(None, (f"{one.severity}: {one.message}", one.where, one.cause, one.remedy)))
        for one in findings
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}" if isfinite(seconds) else "0"
