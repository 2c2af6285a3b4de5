from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.model import Completed, Crashed, Edit, Finding, FunctionInfo, Place, Skipped, When
from harness.reporters import FORMATS, sarif
from harness.reporters.text import SITE
from tests.reporters.reports import ALL, CODE, ENEMY, HOSTILE, MISSING, MIXED, MODES, PASSED, report, result
from tests.reporters.schemas import FOR_TOOLS, held

if TYPE_CHECKING:
    from harness.model import Report

DECLARED = replace(
    report(result("handler-imports", Completed((MISSING,)), "api")),
    functions=(FunctionInfo("api", "app.main.handler", declared_at=Place("template.yaml", 12)),),
    folder="services/shop",
    manifest="lambda-artifact.toml",
)


@pytest.mark.parametrize("name", FOR_TOOLS)
@pytest.mark.parametrize("report", ALL.values(), ids=ALL)
def test_reports_of_every_shape_are_of_the_schema(name: str, report: Report) -> None:
    hashed = replace(report, artifacts=tuple(replace(one, sha256="ab" * 32) for one in report.artifacts))
    held(name, hashed)


def placed(*, finding: Finding = MISSING, report: Report = DECLARED) -> Report:
    return replace(report, results=(result("handler-imports", Completed((finding,)), "api"),))


@pytest.mark.parametrize(
    ("shown", "file", "line"),
    [
        (placed(finding=replace(MISSING, source=Place("app/usps.py", 7))), "services/shop/app/usps.py", 7),
        (
            placed(finding=replace(MISSING, edits=(Edit("build it"), Edit("add it", Place("../requirements.txt", 5))))),
            "services/requirements.txt",
            5,
        ),
        (placed(finding=replace(MISSING, source=Place("../../../outside.py", 7))), "services/shop/template.yaml", 12),
        (placed(), "services/shop/template.yaml", 12),
        (placed(report=replace(DECLARED, functions=())), "services/shop/lambda-artifact.toml", None),
        (placed(report=replace(DECLARED, functions=(), manifest=None)), "services/shop/build/code.zip", None),
        (
            placed(
                report=replace(
                    DECLARED, functions=(), manifest=None, artifacts=(replace(CODE, source="/home/me/code.zip"),)
                )
            ),
            "code.zip",
            None,
        ),
        (placed(finding=replace(MISSING, source=Place("ä b%.py", 1))), "services/shop/ä b%.py", 1),
    ],
    ids=["source", "edit", "outside", "declaration", "manifest", "archive", "archive elsewhere", "unusual name"],
)
def test_a_finding_has_the_nearest_place_in_the_repository(shown: Report, file: str, line: int | None) -> None:
    at = held("sarif", shown)["results"][0]["locations"][0]["physicalLocation"]
    assert at["artifactLocation"]["uri"] == file.replace("%", "%25").replace(" ", "%20").replace("ä", "%C3%A4")
    assert at.get("region") == ({"startLine": line} if line else None)
    assert held("gitlab", shown)[0]["location"] == {"path": file, "lines": {"begin": line or 1}}
    before = f"::error file={file.replace('%', '%25')}{f',line={line}' if line else ''},title="
    assert held("github", shown)[0].startswith(before)


def test_a_finding_of_several_functions_is_one_result_with_a_stable_fingerprint() -> None:
    (first, second) = held("sarif", MIXED)["results"]
    moved = replace(MISSING, where=MISSING.where.replace(":7", ":8"))
    again = held("sarif", report(result("handler-imports", Completed((moved,)), "api")))["results"][0]

    assert [one["ruleId"] for one in (first, second)] == ["handler-imports", "file-permissions"]
    assert [one["fullyQualifiedName"] for one in first["locations"][0]["logicalLocations"]] == [
        MISSING.where,
        "api",
        "worker",
    ]
    assert first["partialFingerprints"] == again["partialFingerprints"]
    assert first["partialFingerprints"] != second["partialFingerprints"]


def test_findings_that_differ_in_their_lines_alone_stay_apart() -> None:
    found = tuple(replace(MISSING, where=f"app/main.py:{line}") for line in (1, 2, 3))
    shown = report(result("imports-resolve", Completed(found)))
    marks = [one["partialFingerprints"]["lambdaArtifact/v1"] for one in held("sarif", shown)["results"]]
    assert [mark.partition(":")[2] for mark in marks] == ["1", "2", "3"]
    assert len(held("gitlab", shown)) == 3


def test_the_chain_of_imports_is_a_code_flow() -> None:
    trail = (Place("app/main.py", 3), Place("app/api.py", 9), None, Place("app/usps.py", 7))
    found = replace(MISSING, trail=trail, source=Place("app/usps.py", 8))
    (result,) = held("sarif", placed(finding=found))["results"]
    steps = [one["location"] for one in result["codeFlows"][0]["threadFlows"][0]["locations"]]
    assert [
        (step["physicalLocation"]["artifactLocation"]["uri"], step["physicalLocation"]["region"]["startLine"])
        for step in steps
    ] == [("services/shop/app/main.py", 3), ("services/shop/app/api.py", 9), ("services/shop/app/usps.py", 8)]
    assert steps[0]["message"]["text"] == "imports app.api.v1.tracking"


def test_sarif_stays_within_what_github_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    long = tuple(f"m{number}" for number in range(1_500))
    trail = tuple(Place(f"{name}.py", 1) for name in long)
    (found,) = held("sarif", placed(finding=replace(MISSING, chain=long, trail=trail)))["results"]
    assert len(found["codeFlows"][0]["threadFlows"][0]["locations"]) == sarif.MOST_STEPS

    monkeypatch.setattr(sarif, "MOST_RESULTS", 2)
    several = tuple(replace(MODES, where=f"code.zip!{number}") for number in range(5))
    run = held("sarif", report(result("file-permissions", Completed((*several, MISSING)))))
    assert [one["level"] for one in run["results"]] == ["error", "warning"]
    said = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert said == "4 more findings are in the other reports"


def test_an_annotation_is_a_problem_and_the_last_says_how_many_more_there_are() -> None:
    errors = tuple(replace(MISSING, message=f"No module named 'm{number}'") for number in range(12))
    twice = (result("handler-imports", Completed(errors), "api"), result("handler-imports", Completed(errors), "b"))
    lines = held("github", report(result("file-permissions", Completed((MODES,))), *twice))

    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 10 + ["::warning"]
    assert [" and 2 more::" in line for line in lines] == [False] * 9 + [True, False]


def test_severities_of_gitlab_are_what_a_function_meets() -> None:
    findings = (
        replace(MISSING, when=When.AT_START),
        Finding("fails at each event", "a.py:1", when=When.AT_EVENT),
        Finding("is wrong", "b.py:1"),
        MODES,
    )
    shown = held("gitlab", report(result("x", Completed(findings))))
    assert [entry["severity"] for entry in shown] == ["blocker", "critical", "major", "minor"]


INCOMPLETE = report(
    result("handler-imports", Skipped("no Docker daemon answers"), "api"),
    result("upload-size", Crashed("KeyError: 'x'", "Traceback")),
)


def test_what_could_not_be_done_is_in_every_format() -> None:
    run = held("sarif", INCOMPLETE)
    said = [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["exitCode"] == 3
    assert said == [
        "handler-imports[api] could not be done: no Docker daemon answers",
        "upload-size could not be done: KeyError: 'x'",
    ]
    assert [line.partition(" ")[0] for line in held("github", INCOMPLETE)] == ["::error", "::error"]
    assert [entry["severity"] for entry in held("gitlab", INCOMPLETE)] == ["major", "major"]
    assert held("junit", INCOMPLETE).find("testsuite").get("errors") == "2"


def test_junit_has_a_case_for_each_check_and_function() -> None:
    suite = held("junit", MIXED).find("testsuite")
    cases = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert cases == {
        "archive-integrity": [],
        "file-permissions": ["failure"],  # with --strict
        "shared-libraries": [],
        "handler-imports[api]": ["failure"],
        "handler-imports[worker]": ["failure"],
        "handler-imports[cleanup]": [],
        "handler-responds[api]": ["error"],
        "handler-responds[worker]": ["error"],
        "upload-size": ["error"],
        "layer-count": ["skipped"],
    }
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "10",
        "failures": "3",
        "errors": "3",
        "skipped": "1",
    }
    warned = held("junit", replace(MIXED, strict=False)).find("testsuite/testcase[@name='file-permissions']")
    assert [child.tag for child in warned] == ["system-out"]


def test_a_text_of_an_archive_stays_a_text() -> None:
    texts = [one["message"]["text"] for one in held("sarif", HOSTILE)["results"]]
    assert "](" in ENEMY
    assert [text for text in texts if "](" in text] == []
    case = held("junit", HOSTILE).find("testsuite/testcase")
    assert [child.tag for child in case] == ["failure"]
    assert "<script>alert(1)</script>" in case.find("failure").text


def test_a_report_that_passed_says_nothing() -> None:
    assert held("sarif", PASSED)["results"] == []
    assert held("gitlab", PASSED) == []
    assert FORMATS["github"](PASSED) == ""


def test_rules_lead_to_the_page_of_their_check() -> None:
    site = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
        "Documentation"
    ]
    rule = held("sarif", MIXED)["tool"]["driver"]["rules"][0]
    assert site == SITE
    assert rule["helpUri"] == f"{site}checks/archive-integrity/"
