"""The command `preflight`: its options, what it prints, and what it never prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from harness import cli
from harness.catalogue import PREFLIGHT
from harness.preflight import json_v1
from harness.reporters.json_v1 import schema
from tests import aws
from tests.canaries import CANARIES, KEY_ID, SIGNATURE
from tests.preflight.conftest import account
from tests.preflight.scene import Desk, Said, packed, preflight

if TYPE_CHECKING:
    from fixtures.build import Sample
    from tests.aws import Account

__all__ = ["account"]

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "preflight-v1.schema.json"
PAGE = (ROOT / "docs" / "preflight.md").read_text(encoding="utf-8")
MANIFEST = """\
code = "code.zip"
deployed-as = "parcel-desk-{function}:live"

[functions.api]
handler = "app.main.handler"

[functions.worker]
handler = "app.main.handler"
deployed-as = "worker"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project, in which the command is run."""
    (tmp_path / "code.zip").write_bytes(packed({"app/main.py": "handler = print"}))
    (tmp_path / "layer.zip").write_bytes(packed({"python/deps.py": ""}))
    (tmp_path / "lambda-artifact.toml").write_text(MANIFEST, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], environ: dict[str, str], *arguments: str) -> Said:
    code = cli.run(["preflight", *arguments], environ)
    captured = capsys.readouterr()
    return Said(code, captured.out, captured.err)


class TestNames:
    @pytest.mark.parametrize(
        ("arguments", "called"),
        [
            ([], ["parcel-desk-api:live", "worker"]),
            (["--deployed-as", "prod-{function}"], ["prod-api", "prod-worker"]),
            (["--function", "api=other:edge"], ["other:edge", "worker"]),
            (["--function", "worker={function}-2"], ["parcel-desk-api:live", "worker-2"]),
            (
                ["--function", f"api=arn:aws:lambda:eu-west-1:{aws.ACCOUNT}:function:other:edge"],
                ["other:edge", "worker"],
            ),
        ],
    )
    @pytest.mark.usefixtures("project")
    def test_what_functions_are_called(
        self,
        account: Account,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
        arguments: list[str],
        called: list[str],
    ) -> None:
        del account

        said = run(capsys, environ, "--format", "json", *arguments)

        assert [function["deployed_as"] for function in said.report["functions"]] == called
        assert said.finding("function-missing")["message"].startswith(
            "ResourceNotFoundException: none of the functions"
        )

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--deployed-as", "x"], "api and worker are both x: put {function} into the common `deployed-as`"),
            (["--deployed-as", "x-{fn}"], "--deployed-as: expected a function's name or ARN"),
            (["--function", "apy=x"], "--function: the manifest has no function apy; did you mean api?"),
            (["--function", "api"], "--function: expected NAME=a function's name or ARN, with :ALIAS"),
            (["--function", "api=x", "--function", "api=y"], "--function: api is given twice"),
            (["--function", "api=x:7"], "--function: expected NAME="),
            (["--skip", "layers"], "--skip layers: it takes function-missing, "),
            (["--format", "xml"], "--format xml: it takes terminal, json, markdown"),
            (["--handler", "app.main.handler", "--deployed-as", "x-{function}"], '"app.main.handler" is no name that'),
        ],
    )
    @pytest.mark.usefixtures("project")
    def test_a_wrong_request_is_told_before_anything_is_asked(
        self,
        account: Account,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
        arguments: list[str],
        sentence: str,
    ) -> None:
        said = run(capsys, environ, *arguments)

        assert sentence in said.err
        assert (said.code, said.out) == (2, "")
        assert not account.calls()

    def test_a_folder_is_no_archive(
        self, account: Account, project: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
    ) -> None:
        account.function("worker", (project / "code.zip").read_bytes())
        (project / "build").mkdir()

        said = run(capsys, environ, "--code", "build")

        assert said.code == 3
        assert "build is a folder, and Lambda gets an archive" in said.out


class TestReport:
    @pytest.fixture
    def desk(self, account: Account, sample: Sample) -> Desk:
        """An account in which something of everything is wrong."""
        desk = Desk(account, sample.code.read_bytes())
        deps = [account.layer("parcel-desk-deps", packed({"python/deps.py": text})) for text in "ab"]
        desk.layers = deps[:1]
        desk.deploy()
        desk.attach("migrate", [deps[1], account.layer("hotfix", packed({"python/fix.py": ""}))])
        for name in ("api", "worker"):
            desk.release(name)
        desk.release("api", packed({"app/main.py": "handler = print"}))
        desk.client.create_alias(FunctionName="parcel-desk-cleanup", Name="live", FunctionVersion="$LATEST")
        return desk

    @pytest.mark.usefixtures("desk")
    def test_it_is_of_the_published_schema(self, capsys: pytest.CaptureFixture[str], environ: dict[str, str]) -> None:
        said = preflight(capsys, environ)

        Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(said.report)
        assert {one["check"] for one in said.findings} >= {
            "siblings",
            "alias-latest",
            "alias-behind",
            "layer-undeclared",
        }
        api = said.report["functions"][0]
        assert api["live"]["variables"] == ["DATABASE_URL", "TOKEN_KEY"]
        assert api["live"]["variables_bytes"] > 50
        assert said.report["account"]["id"] == aws.ACCOUNT

    @pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
    @pytest.mark.usefixtures("desk")
    def test_it_is_told_to_people(self, capsys: pytest.CaptureFixture[str], environ: dict[str, str], form: str) -> None:
        said = preflight(capsys, environ, "--deployed-as", "parcel-desk-{function}", form=form)

        assert "FAIL" in said.out
        for words in ("function", "in the account", "parcel", "account", "4 of 4 functions", "hotfix"):
            assert words in said.out

    @pytest.mark.usefixtures("desk")
    def test_a_waiver_accepts_a_finding(
        self, tmp_path: Path, sample: Sample, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
    ) -> None:
        manifest = tmp_path / "lambda-artifact.toml"
        manifest.write_text(
            f'code = "{sample.code}"\nlayers = ["{sample.layer}"]\nlayers-deployed-as = ["parcel-desk-deps"]\n'
            '[functions.migrate]\nhandler = "lambdas.migrate.handler.handler"\n'
            '[[waivers]]\ncheck = "layer-undeclared"\nmatch = "hotfix"\nreason = "until Monday"\n',
            encoding="utf-8",
        )

        said = preflight(capsys, environ, "--manifest", str(manifest))

        assert [(one["check"], one["waived"]) for one in said.findings] == [("layer-undeclared", "until Monday")]
        assert said.code == 0
        assert (
            cli.run(["verify", "--manifest", str(manifest), "--engine", "none", "--select", "upload-size"], environ)
            == 0
        )

    @pytest.mark.usefixtures("desk")
    def test_no_secret_is_in_any_output(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
        environ: dict[str, str],
    ) -> None:
        caplog.set_level("DEBUG")
        reports = {form: tmp_path / f"report.{form}" for form in ("json", "markdown", "terminal", "html")}

        said = preflight(capsys, environ, *(f"--output={form}={path}" for form, path in reports.items()))

        written = "".join(path.read_text(encoding="utf-8") for path in reports.values())
        assert "TOKEN_KEY" in written
        for canary in CANARIES:
            assert canary not in said.out + said.err + written + caplog.text

    @pytest.mark.parametrize(
        "answer",
        [
            aws.error(403, "AccessDeniedException", f"{KEY_ID} https://x/?X-Amz-Signature={SIGNATURE}"),
            aws.error(500, "ServiceException", f"https://x/?X-Amz-Signature={SIGNATURE} {KEY_ID}"),
            aws.Answer(200, {"Content-Type": "application/json"}, b'{"FunctionName": "a"}'),
            aws.Answer(200, {"Content-Type": "application/json"}, b"{"),
        ],
        ids=["denied", "broken", "of another shape", "no JSON"],
    )
    def test_no_secret_is_in_an_error(
        self,
        desk: Desk,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
        answer: aws.Answer,
    ) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        desk.account.once("configuration", lambda *_: answer, 1_000)
        desk.account.courses.insert(0, desk.account.courses.pop())

        said = preflight(capsys, environ)

        assert said.code == 3
        assert "Traceback" not in said.err
        for canary in CANARIES:
            assert canary not in said.out + said.err


def test_the_schema_is_published_as_it_is() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(json_v1.PreflightV1, json_v1.SCHEMA)


@pytest.mark.parametrize("check", PREFLIGHT)
def test_the_page_tells_of_everything_that_is_looked_for(check: str) -> None:
    assert f"`{check}`" in PAGE
