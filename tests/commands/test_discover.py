"""``discover``, and ``verify`` where nothing is declared but by another tool."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from harness import cli

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE: dict[str, dict[str, object]] = {
    "Globals": {"Function": {"Runtime": "python3.12"}},
    "Resources": {
        "Api": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": "Api",
                "Handler": "app.handler",
                "MemorySize": 256,
                "Events": {"Http": {"Type": "HttpApi"}},
                "Environment": {"Variables": {"SHARED": {"Fn::ImportValue": "Shared"}, "STAGE": "dev"}},
            },
        },
        "Page": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"CodeUri": "Page", "Handler": "index.handler", "Runtime": "nodejs22.x"},
        },
    },
}
MANIFEST = """\
# From .aws-sam/build/template.yaml (SAM).

[functions."Api"]  # .aws-sam/build/template.yaml:8
# Not known before the deploy: environment.SHARED: Fn::ImportValue Shared
handler = "app.handler"
runtime = "python3.12"
architecture = "x86_64"
code = ".aws-sam/build/Api"
memory = 256
timeout = 3
environment = { SHARED = "<Shared>", STAGE = "dev" }

# Not covered: Page (.aws-sam/build/template.yaml:29): it runs on nodejs22.x, and only Python is verified
"""


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that ``sam build`` has built, as the working directory."""
    build = tmp_path / ".aws-sam" / "build"
    (build / "Api").mkdir(parents=True)
    (build / "Api" / "app.py").write_text("import absent\n\n\ndef handler(event, context):\n    return 1\n", "utf-8")
    (build / "template.yaml").write_text(json.dumps(TEMPLATE, indent=1), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(arguments, {"LAMBDA_ARTIFACT_CACHE": "cache", "NO_COLOR": "1"})
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.usefixtures("built")
def test_what_is_declared_is_shown_with_its_places(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "discover")
    assert code == 0
    assert text.startswith(".aws-sam/build/template.yaml (SAM): 1 function to verify\n\nApi  (.aws-sam/build/template")
    for line in (
        "  handler            app.handler  (.aws-sam/build/template.yaml:12)",
        "  can be called with template:Http",
        "  not known before the deploy: environment.SHARED: Fn::ImportValue Shared",
        "  Page  (.aws-sam/build/template.yaml:29): it runs on nodejs22.x, and only Python is verified",
    ):
        assert f"\n{line}\n" in text


def test_a_manifest_is_written_once(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "discover", "--write")[0] == 0
    assert (built / "lambda-artifact.toml").read_text("utf-8") == MANIFEST
    code, _, problem = run(capsys, "discover", "--write")
    assert (code, "--write lambda-artifact.toml: File exists" in problem) == (2, True)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("written", [False, True])
def test_the_findings_are_those_of_a_manifest(capsys: pytest.CaptureFixture[str], *, written: bool) -> None:
    if written:
        run(capsys, "discover", "--write")
    code, text, _ = run(capsys, "verify", "--engine", "none", "--format", "json")
    report = json.loads(text)
    assert code == 1
    assert [problem["title"] for problem in report["problems"] if problem["severity"] == "error"] == [
        "No module named 'absent'"
    ]
    assert report["problems"][0]["functions"] == ["Api"]
    reason, place = (
        "it runs on nodejs22.x, and only Python is verified",
        {"file": ".aws-sam/build/template.yaml", "line": 29},
    )
    page = {"name": "Page", "reason": reason, "declared_at": place, "undone": False}
    assert report["uncovered"] == ([] if written else [page])
    assert ("not covered: Page" in "\n".join(report["notes"])) is not written
    assert report["functions"][0]["caveats"] == ([] if written else ["environment.SHARED: Fn::ImportValue Shared"])


@pytest.mark.parametrize(
    ("properties", "code", "reason"),
    [
        ({"Runtime": "nodejs22.x"}, 0, None),
        ({"PackageType": "Image"}, 0, None),
        ({"Runtime": "python2.7"}, 3, "python2.7 cannot be verified, python3.10 to"),
        ({"Runtime": {"Ref": "Later"}}, 3, "its Runtime is not known before the deploy"),
        ({"CodeUri": {"Fn::ImportValue": "Code"}}, 3, "its code is not known before the deploy"),
        ({"CodeUri": {"Bucket": {"Fn::Sub": "code-${AWS::AccountId}"}, "Key": "a.zip"}}, 3, "AWS::AccountId"),
        ({"CodeUri": {"Bucket": {"Ref": "Made"}, "Key": "a.zip"}}, 3, "a generated name"),
        ({"Layers": [{"Fn::Sub": "arn:aws:lambda:eu-west-1:${AWS::AccountId}:layer:x:1"}]}, 3, "decided by the deploy"),
        ({"CodeUri": "../../../elsewhere"}, 3, "is outside of the project"),
        ({"Layers": [{"Fn::Sub": "arn:aws:lambda:eu-west-1:1:layer:x:${Later}"}]}, 3, "is decided by the deploy"),
    ],
)
def test_a_python_function_that_cannot_be_verified_leaves_the_run_incomplete(
    built: Path, capsys: pytest.CaptureFixture[str], properties: dict[str, object], code: int, reason: str | None
) -> None:
    build = built / ".aws-sam" / "build"
    (build / "Api" / "app.py").write_text("def handler(event, context):\n    return 1\n", "utf-8")
    own = {"CodeUri": "Api", "Handler": "app.handler", **properties}
    made = {"Type": "AWS::S3::Bucket"}
    resources = {
        **TEMPLATE["Resources"],
        "Made": made,
        "Page": {"Type": "AWS::Serverless::Function", "Properties": own},
    }
    template = {**TEMPLATE, "Resources": resources, "Parameters": {"Later": {"Type": "String"}}}
    (build / "template.yaml").write_text(json.dumps(template), "utf-8")
    found, text, _ = run(capsys, "verify", "--engine", "none", "--format", "json")
    assert found == code
    assert reason is None or reason in json.dumps(json.loads(text)["results"])


def test_a_setting_that_aws_refuses_is_shown_where_it_is_declared(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = json.loads(json.dumps(TEMPLATE))
    template["Resources"]["Api"]["Properties"]["Environment"] = {"Variables": {"AWS_REGION": "eu-west-1"}}
    (built / ".aws-sam" / "build" / "template.yaml").write_text(json.dumps(template, indent=1), "utf-8")

    _, text, _ = run(capsys, "verify", "--engine", "none")

    assert "Reserved keys used in this request: AWS_REGION" in text
    assert re.search(r"at +\.aws-sam/build/template\.yaml:\d+ \(Api: environment\)", text)

    template["Resources"]["Api"]["Properties"]["DurableConfig"] = {"ExecutionTimeout": 60}
    (built / ".aws-sam" / "build" / "template.yaml").write_text(json.dumps(template, indent=1), "utf-8")
    _, text, _ = run(capsys, "verify", "--engine", "none")
    assert re.search(r"at +\.aws-sam/build/template\.yaml:\d+ \(Api: durable\)", text)


def test_a_manifest_on_top_of_a_template(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (built / "lambda-artifact.toml").write_text(
        'from = ".aws-sam/build/template.yaml"\nrequired-files = ["alembic.ini"]\n\n'
        '[functions.Api]\nenvironment = { SHARED = "x" }\nmemory = 512\n',
        "utf-8",
    )
    code, text, _ = run(capsys, "verify", "--engine", "none", "--format", "json", "--select", "required-files")
    assert code == 1
    assert "alembic.ini" in json.dumps(json.loads(text)["problems"])


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("says", ["--code", "manifest", "neither"])
def test_code_that_only_the_deploy_knows_can_be_named(
    built: Path, capsys: pytest.CaptureFixture[str], says: str
) -> None:
    build = built / ".aws-sam" / "build"
    template = json.loads(json.dumps(TEMPLATE))
    template["Resources"]["Api"]["Properties"]["CodeUri"] = {"Bucket": {"Ref": "Made"}, "Key": "a.zip"}
    (build / "template.yaml").write_text(json.dumps(template), "utf-8")
    if says == "manifest":
        named = f'[functions.Api]\ncode = "{build}/Api"\n'
        (built / "lambda-artifact.toml").write_text(f'from = "{build}/template.yaml"\n{named}', "utf-8")
    options = ["--from", f"{build}/template.yaml"] if says != "manifest" else []
    options += ["--code", f"{build}/Api"] if says == "--code" else []

    code, text, problem = run(capsys, "verify", "--engine", "none", "--format", "json", *options)

    if says == "neither":
        assert (code, "no Python function whose archive is here (Api: its code is not known" in problem) == (2, True)
        return
    report = json.loads(text)
    assert [(one["name"], one["handler"]) for one in report["functions"]] == [("Api", "app.handler")]
    assert "Api" not in [one["name"] for one in report["uncovered"]]
    assert code == 1  # its module imports one that is nowhere


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["verify", "--from", "absent.yaml"], "absent.yaml: cannot be read"),
        (["verify", "--from", "Api"], "Api"),
        (["verify", "--parameter", "x"], '--parameter: expected NAME=VALUE, found "x"'),
        (["discover", "--from", "../../other.yaml"], "is outside of the project"),
        (["verify", "--handler", "app.handler"], "nothing says where its code is"),
    ],
)
def test_what_is_wrong_with_a_request(capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    code, text, problem = run(capsys, *arguments)
    assert (code, text) == (2, "")
    assert sentence in problem


def test_nothing_is_declared_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, problem = run(capsys, "discover")
    assert (code, "run `sam build`, `cdk synth`" in problem) == (2, True)
    code, _, problem = run(capsys, "verify")
    assert (code, "nothing to verify" in problem) == (2, True)
