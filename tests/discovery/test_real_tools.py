"""Builds that the real tools write: `verify` without options finds in them what it finds with a manifest by hand.

`.ci/tools` installs the tools. Of Terraform and Pulumi there are only files written by hand (test_terraform.py,
test_find.py, fixtures/sample/tfplan.json).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.build import SAMPLE
from harness.discovery.find import discover
from harness.discovery.project import Project
from tests.aws import started

if TYPE_CHECKING:
    from collections.abc import Mapping

TOOLS = "LAMBDA_ARTIFACT_TEST_TOOLS"
"""A folder with the tools' commands, before those of the PATH; a test whose tool is in neither is skipped."""

pytestmark = [pytest.mark.slow, pytest.mark.network]  # they install what the projects require

API = "import helper\n\n\ndef handler(event, context):\n    return helper.answer()\n"
WORKER = "import absent\n\n\ndef handler(event, context):\n    return absent\n"
HELPER = "def answer():\n    return 42\n"
ZAPPA = {"dev": {"app_function": "app.app", "project_name": "shop", "s3_bucket": "shop", "aws_region": "eu-west-1"}}


@dataclass(frozen=True)
class Built:
    """A project, and how its tool builds it.

    Attributes:
        command: The tool's.
        files: The project's files, by their paths.
        manifest: What a person would declare by hand; ``*`` is what the tool makes up.
        needs: The other commands that have to be there.
    """

    command: str
    files: Mapping[str, str]
    manifest: str
    needs: tuple[str, ...] = ()


TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Environment: {Variables: {TABLE: !Ref Orders}}}}
Resources:
  Orders: {Type: AWS::Serverless::SimpleTable, Properties: {TableName: orders}}
  Helper:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.12}
    Properties: {ContentUri: layer/python}
  Api: {Type: AWS::Serverless::Function, Properties: {CodeUri: api, Handler: app.handler, Layers: [!Ref Helper]}}
  Worker: {Type: AWS::Serverless::Function, Properties: {CodeUri: worker, Handler: worker.handler, MemorySize: 256}}
"""
CDK = """\
import aws_cdk as cdk
from aws_cdk import aws_lambda as functions

app = cdk.App()
stack = cdk.Stack(app, "Shop")
common = {"runtime": functions.Runtime.PYTHON_3_12, "environment": {"TABLE": "orders"}}
helper = functions.LayerVersion(stack, "Helper", code=functions.Code.from_asset("layer"))
api = functions.Function(
    stack, "Api", handler="app.handler", code=functions.Code.from_asset("api"), layers=[helper], **common
)
worker = functions.Function(
    stack, "Worker", handler="worker.handler", code=functions.Code.from_asset("worker"), memory_size=256, **common
)
for function in (api, worker):
    function.node.default_child.override_logical_id(function.node.id)
app.synth()
"""
SERVERLESS = """\
service: shop
provider: {name: aws, runtime: python3.12, environment: {TABLE: orders}, memorySize: 128, timeout: 3}
package: {individually: true, patterns: ["!./**"]}
layers: {helper: {path: layer, package: {patterns: ["python/**"]}}}
functions:
  Api: {handler: api/app.handler, layers: [!Ref HelperLambdaLayer], package: {patterns: ["api/**"]}}
  Worker: {handler: worker/worker.handler, memorySize: 256, package: {patterns: ["worker/**"]}}
"""
CHALICE = """\
from chalice import Chalice

app = Chalice(app_name="shop")


@app.route("/")
def index():
    return {}


@app.lambda_function(name="Worker")
def worker(event, context):
    import absent

    return absent
"""
STAGES = '{"version": "2.0", "app_name": "shop", "stages": {"dev": {"environment_variables": {"TABLE": "orders"}}}}'
SOURCES = {"api/app.py": API, "worker/worker.py": WORKER, "layer/python/helper.py": HELPER}
HAND = """\
runtime = "python3.12"
memory = 128
timeout = 3
environment = {{ TABLE = "orders" }}

[functions.Api]
handler = "{api}"
code = "{code}"
layers = ["{layer}"]

[functions.Worker]
handler = "{worker}"
code = "{other}"
memory = 256
"""
_HANDLERS = {"api": "app.handler", "worker": "worker.handler"}
BUILDS = {
    "SAM": Built(
        "sam build",
        {**SOURCES, "template.yaml": TEMPLATE, "worker/requirements.txt": "idna\n"},
        HAND.format(
            code=".aws-sam/build/Api", layer=".aws-sam/build/Helper", other=".aws-sam/build/Worker", **_HANDLERS
        ),
    ),
    "CDK": Built(
        "cdk synth --quiet --app 'cdk-python app.py'",
        {**SOURCES, "app.py": CDK},
        HAND.format(code="api", layer="layer", other="worker", **_HANDLERS),
        needs=("cdk-python", "node"),
    ),
    "Serverless": Built(
        "osls package",
        {**SOURCES, "serverless.yml": SERVERLESS},
        HAND.format(
            code=".serverless/Api.zip",
            layer=".serverless/helper.zip",
            other=".serverless/Worker.zip",
            api="api/app.handler",
            worker="worker/worker.handler",
        ),
        needs=("node",),
    ),
    "Chalice": Built(
        "chalice package out",
        {"app.py": CHALICE, ".chalice/config.json": STAGES, "requirements.txt": "chalice\n"},
        'runtime = "python3.12"\ncode = "out/deployment.zip"\ntimeout = 60\nmemory = 128\n'
        'environment = { TABLE = "orders" }\n'
        '[functions.APIHandler]\nhandler = "app.app"\n[functions.Worker]\nhandler = "app.worker"\n',
    ),
    "Zappa": Built(
        "zappa package dev",
        {"app.py": "import absent\n\napp = absent.app\n", "event.json": "{}", "zappa_settings.json": json.dumps(ZAPPA)},
        'runtime = "python3.12"\nmemory = 512\n[functions.dev]\nhandler = "handler.lambda_handler"\n'
        'code = "shop-dev-*.zip"\ndeployed-as = "shop-dev"\n'
        'events = ["event.json"]\n',
    ),
}


def run(folder: Path, python: Path, built: Built) -> None:
    """Run a project's tool in its folder; skip where it is not there."""
    path = os.pathsep.join(filter(None, (os.environ.get(TOOLS), str(python.parent), os.environ["PATH"])))
    found = {name: shutil.which(name, path=path) for name in (built.command.split()[0], *built.needs)}
    if missing := [name for name, where in found.items() if where is None]:
        pytest.skip(f"{', '.join(missing)}: neither on the PATH nor in the folder that {TOOLS} names: see .ci/tools")
    with contextlib.contextmanager(started)() as account:  # osls asks which layers there are
        environ = {
            **os.environ,
            "PATH": path,
            "AWS_ENDPOINT_URL": account,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nobody",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "SAM_CLI_TELEMETRY": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "VIRTUAL_ENV": str(Path(next(iter(found.values())) or "").resolve().parents[1]),  # what Zappa packages
        }
        command = ["sh", "-c", built.command]
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def written(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def verified(folder: Path, environ: dict[str, str]) -> tuple[int, list[Any], list[Any]]:
    """The exit code of `verify` without options, its functions, and what it finds."""
    command = [sys.executable, "-m", "harness", "verify", "--format", "json"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    said = ("severity", "message", "where", "chain", "cause", "remedy")
    findings = [
        (result["check"], result["function"], result["outcome"], [{key: one[key] for key in said} for one in found])
        for result in report["results"]
        if (found := result["findings"]) or result["outcome"] in ("skipped", "crashed")
    ]
    platform = report["target"]
    functions = [
        (one["name"], one["handler"], one["runtime"] or platform["runtime"], one["architecture"])
        for one in report["functions"]
    ]
    return done.returncode, sorted(functions), sorted(findings, key=str)


@pytest.mark.parametrize("tool", BUILDS)
def test_a_build_is_verified_as_with_a_manifest_by_hand(
    tmp_path: Path, tool: str, python: Path, environ: dict[str, str]
) -> None:
    built = BUILDS[tool]
    written(tmp_path, built.files)
    run(tmp_path, python, built)

    without = verified(tmp_path, environ)

    manifest = built.manifest
    if "*" in manifest:
        (archive,) = tmp_path.glob("*.zip")
        manifest = manifest.replace("shop-dev-*.zip", archive.name)
    (tmp_path / "lambda-artifact.toml").write_text(manifest, "utf-8")
    assert without == verified(tmp_path, environ)
    code, functions, findings = without
    assert (code, len(functions)) == (1, len(tomllib.loads(manifest)["functions"]))
    assert "absent" in str(findings)
    found = discover(Project(tmp_path, tmp_path))
    assert found is not None
    assert found.tool == tool


SAMPLES = {
    "SAM": (BUILDS["SAM"], ".aws-sam/build/template.yaml"),
    "CDK": (Built("cdk synth --quiet --app 'cdk-python cdk_app.py'", {}, "", BUILDS["CDK"].needs), "cdk.out"),
    "Serverless": (BUILDS["Serverless"], ".serverless"),
    "Terraform": (None, "tfplan.json"),
}


@pytest.mark.parametrize("tool", SAMPLES)
def test_the_sample_is_the_same_by_each_tool(tmp_path: Path, tool: str, request: pytest.FixtureRequest) -> None:
    built, output = SAMPLES[tool]
    folder, archives = tmp_path / "fixtures" / "sample", tmp_path / "build" / "sample" / "x86_64"
    shutil.copytree(SAMPLE, folder)
    archives.mkdir(parents=True)
    for name in ("code.zip", "layer.zip"):  # the tools look at the names only
        (archives / name).write_bytes(name.encode())
    if built is not None:
        run(folder, request.getfixturevalue("python"), built)

    found = discover(Project(tmp_path, folder), folder / output)

    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    assert found is not None
    assert (found.tool, found.uncovered, found.notes) == (tool, (), ())
    events = [event for one in found.functions if "worker" in one.name for event in one.events.values()]
    assert [":parcel-desk-work" in event for event in events] == ([True] if built is not None else [])
    manifest = tomllib.loads((SAMPLE / "lambda-artifact.toml").read_text("utf-8"))
    assert {
        one.name.rpartition(".")[2]: (
            one.handler,
            one.runtime,
            one.architecture,
            digest(tmp_path / one.code),
            [digest(tmp_path / layer) for layer in one.layers],
            one.memory,
            one.timeout,
            dict(one.environment),
            one.unknown,
        )
        for one in found.functions
    } == {
        name: (
            own["handler"],
            manifest["runtime"],
            manifest["architecture"],
            digest(folder / manifest["code"]),
            [digest(folder / layer) for layer in manifest["layers"]],
            own.get("memory", manifest["memory"]),
            own.get("timeout", manifest["timeout"]),
            manifest["environment"],
            (),
        )
        for name, own in manifest["functions"].items()
    }
