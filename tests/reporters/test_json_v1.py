from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from harness.diagnosis.problems import problems
from harness.model import Completed, Edit, Place, Stage
from harness.reporters import FORMATS, json_v1
from tests.reporters.reports import (
    ALL,
    ENEMY,
    FUNCTIONS,
    HOSTILE,
    MISSING,
    MIXED,
    PASSED,
    TIMED,
    UNAVAILABLE,
    report,
    result,
)

if TYPE_CHECKING:
    from harness.model import Report

ROOT = Path(__file__).parents[2]


def test_the_published_schema_is_current() -> None:
    shipped = resources.files("harness.reporters").joinpath("report-v1.schema.json").read_text("utf-8")
    published = (ROOT / "docs/report-v1.schema.json").read_text("utf-8")
    assert shipped == published == json_v1.schema(), "write json_v1.schema() to both files"


@pytest.mark.parametrize("report", ALL.values(), ids=ALL)
def test_reports_of_every_shape_are_of_the_schema(report: Report) -> None:
    schema = json.loads(json_v1.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(FORMATS["json"](report)))


def test_the_schema_allows_keys_to_be_added_and_none_to_be_missing() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(json_v1.schema()))
    rendered = json.loads(FORMATS["json"](PASSED))
    assert validator.is_valid({**rendered, "added": 1})
    for key in rendered:
        assert not validator.is_valid({name: value for name, value in rendered.items() if name != key}), key


def test_a_report_by_value() -> None:
    rendered = json.loads(FORMATS["json"](UNAVAILABLE))
    layer = {
        "role": "layer",
        "source": "build/layer.zip",
        "sha256": "1f2e3d4c5b6a" + "0" * 52,
        "code_sha256": "Hy49TFtqAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "zipped_bytes": 52_000_000,
        "unzipped_bytes": 150_000_000,
        "files": 4_210,
        "content_sha256": None,
    }
    code = {
        **layer,
        "role": "code",
        "source": "build/code.zip",
        "zipped_bytes": 203_366,
        "unzipped_bytes": 812_345,
        "files": 131,
    }
    assert rendered == {
        "schema": "lambda-artifact/report/v1",
        "verdict": "incomplete",
        "exit_code": 3,
        "harness": {"version": "0.1.0"},
        "target": {"runtime": "python3.12", "architecture": "x86_64"},
        "engine": {"name": "none", "image": None, "digest": None, "python": None, "caveats": [], "sandbox": None},
        "artifacts": [code, layer],
        "functions": [
            {
                "name": "api",
                "handler": "app.main.handler",
                "init_seconds": 1.42,
                "max_rss_mb": 118.4,
                "init_cpu_seconds": None,
                "runtime": None,
                "architecture": None,
                "declared_at": None,
                "caveats": [],
                "archives": [],
                "aws_calls": None,
            },
            {
                "name": "worker",
                "handler": "app.worker.handler",
                "init_seconds": 0.317,
                "max_rss_mb": 90.0,
                "init_cpu_seconds": None,
                "runtime": None,
                "architecture": None,
                "declared_at": None,
                "caveats": [],
                "archives": [],
                "aws_calls": [{"service": "s3", "operation": "GetObject", "event": "e.json"}],
            },
        ],
        "results": [
            {
                "check": "archive-integrity",
                "title": "Title of archive-integrity.",
                "function": None,
                "outcome": "completed",
                "seconds": 0.25,
                "findings": [],
                "reason": None,
                "traceback": None,
                "notes": [],
            },
            {
                "check": "handler-imports",
                "title": "Title of handler-imports.",
                "function": "api",
                "outcome": "skipped",
                "seconds": 0.25,
                "findings": [],
                "reason": "no Docker daemon answers",
                "traceback": None,
                "notes": [],
            },
        ],
        "problems": [],
        "seconds": 3.21,
        "strict": False,
        "static": False,
        "notes": [],
        "uncovered": [],
        "verified_at": "",
        "configuration_sha256": "",
        "policy_sha256": "",
        "timings": [],
        "from_verdict_cache": None,
    }


def test_timings_by_value() -> None:
    assert json.loads(FORMATS["json"](TIMED))["timings"] == [
        {"name": "reading", "seconds": 0.42, "parent": None},
        {"name": "build/code.zip", "seconds": 0.02, "parent": "reading"},
        {"name": "build/layer.zip", "seconds": 0.4, "parent": "reading"},
        {"name": "starting the runtime", "seconds": 0.31, "parent": None},
    ]


def test_findings_by_value() -> None:
    results = json.loads(FORMATS["json"](MIXED))["results"]
    assert results[3]["findings"] == [
        {
            "severity": "error",
            "message": "Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'defusedxml'",
            "where": "/var/task/app/services/carriers/usps.py:7",
            "chain": ["app.main", "app.api.v1.tracking", "app.services.carriers", "app.services.carriers.usps"],
            "cause": "defusedxml is in requirements.txt, and in none of the layers",
            "remedy": "Build the layer from requirements.txt again:\n"
            "    pip install --target python -r requirements.txt",
            "waived": None,
            "fingerprint": "119187e929ab2c242b18952a48febb24",
            "source": None,
        }
    ]
    assert [finding["waived"] for finding in results[2]["findings"]] == ["the GUI is never imported"]
    assert results[1]["findings"][0]["chain"] is None


def test_problems_by_value() -> None:
    source = Place("src/app/main.py", 7)
    edits = (Edit("add defusedxml==0.7.1", Place("requirements.txt")), Edit("build layer.zip again"))
    one = replace(MISSING, edits=edits, stage=Stage.START, source=source)
    functions = (replace(FUNCTIONS[0], runtime="python3.12", declared_at=Place("lambda-artifact.toml", 9)),)
    given = replace(report(result("handler-imports", Completed((one,)), "api")), functions=functions)

    rendered = json.loads(FORMATS["json"](given))
    assert rendered["problems"] == [
        {
            "id": problems(given)[0].id,
            "severity": "error",
            "stage": "start",
            "title": "No module named 'defusedxml'",
            "functions": ["api"],
            "not_affected": [],
            "cause": MISSING.cause,
            "edits": [
                {"file": "requirements.txt", "line": None, "do": "add defusedxml==0.7.1"},
                {"file": None, "line": None, "do": "build layer.zip again"},
            ],
            "findings": [[0, 0]],
        }
    ]
    assert rendered["results"][0]["findings"][0]["source"] == {"file": "src/app/main.py", "line": 7}
    assert rendered["functions"][0]["declared_at"] == {"file": "lambda-artifact.toml", "line": 9}


def test_outcomes_by_value() -> None:
    results = json.loads(FORMATS["json"](MIXED))["results"]
    assert [(result["outcome"], result["reason"], result["traceback"]) for result in results[5:]] == [
        ("completed", None, None),
        ("skipped", "the init of the function failed", None),
        ("skipped", "the init of the function failed", None),
        ("crashed", "KeyError: 'x'", "Traceback:\n  File \"checks.py\", line 1\nKeyError: 'x'"),
        ("not-applicable", "no layers", None),
    ]


def test_no_text_and_no_figure_breaks_the_document() -> None:
    def refuse(name: str) -> None:
        pytest.fail(f"{name} is no JSON")

    text = FORMATS["json"](HOSTILE)
    rendered = json.loads(text.encode("utf-8"), parse_constant=refuse)
    assert rendered["notes"] == [ENEMY.replace("\udc80", "\\udc80")]
    assert rendered["seconds"] == 0.0
    assert rendered["functions"][0]["init_seconds"] is None
    assert text == FORMATS["json"](HOSTILE)
    assert text.endswith("}\n")
