"""What files say of the Python that they are for: texts beside what is read in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dependencies.pythons.images import containerfile, images, script
from harness.dependencies.pythons.infrastructure import LANGUAGES, code
from harness.dependencies.pythons.pin import lets_in
from harness.dependencies.pythons.pipeline_files import pipeline
from harness.dependencies.pythons.search import Kind, PythonPin, python_pins
from harness.dependencies.pythons.settings_files import DEVELOPERS, version
from harness.dependencies.pythons.templates import template
from tests.build import function, manifest
from tests.repositories import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

RUNTIME = (3, 12)
F, L, B, D, P = Kind.FUNCTION, Kind.LAYER, Kind.BUILD, Kind.DEVELOPMENT, Kind.PIPELINE


def brief(found: Iterable[PythonPin]) -> list[tuple[Kind, int, str]]:
    """What counts of each: what for, on which line, which Python."""
    return [(one.kind, one.line, one.python) for one in found]


@pytest.mark.parametrize(
    ("said", "lets"),
    [
        ("3.12", True),
        ("3.12.7", True),
        ("3", True),
        ("3.x", True),
        ("3.12.x", True),
        ("3.12-dev", True),
        ("3.12.0rc1", True),
        (">=3.9", True),
        (">=3.12.5", True),
        (">=3.9,<4", True),
        (">=3.9, <3.13", True),
        (">=3.9 <3.13", True),
        ("==3.12.*", True),
        ("==3.12.4", True),
        ("~=3.12.0", True),
        ("~=3.9", True),
        ("!=3.12.1", True),
        ("^3.12", True),
        ("^3.9", True),
        ("~3.12", True),
        ("^3.9 || ^4.0", True),
        ("3.11", False),
        ("3.1", False),
        ("3.120", False),
        ("2.7.18", False),
        ("<3.12", False),
        (">=3.13", False),
        (">=3.9,<3.12", False),
        ("!=3.12.*", False),
        ("==3.11.*", False),
        ("~=3.11.0", False),
        ("^4.0", False),
        ("~3.11", False),
        ("latest", None),
        ("", True),
        ("${PYTHON}", None),
    ],
)
def test_a_version_or_a_range_lets_the_runtime_in_or_does_not(said: str, lets: bool | None) -> None:  # noqa: FBT001 - a column
    assert lets_in(said, RUNTIME) is lets


@pytest.mark.parametrize(
    ("name", "python"),
    [
        ("3.12.7", "3.12.7"),
        ("3.12", "3.12"),
        ("cpython-3.12", "3.12"),
        ("cpython@3.12", "3.12"),
        ("cpython-3.12.4-linux-x86_64-gnu", "3.12.4"),
        ("python-3.12.7", "3.12.7"),
        ("python3.12", "3.12"),
        ("3.12-dev", "3.12-dev"),
        ("3.13t", "3.13t"),
        ("3.12.7/envs/shop", "3.12.7"),
        ("pypy3.10-7.3.12", "3.10"),
        (">=3.12,<3.13", ">=3.12,<3.13"),
        ("system", None),
        ("shop-3.11", None),
        ("miniconda3-3.11-24.1.2-0", None),
        ("anaconda3-2024.02-1", None),
        ("latest", None),
        ("ref:main", None),
        ("${{ matrix.python }}", None),
        ("", None),
    ],
)
def test_names_of_pythons_tell_their_version(name: str, python: str | None) -> None:
    assert version(name) == python


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        (".python-version", "3.11.4\n", [(1, "3.11.4")]),
        (".python-version", "# which\n3.12.1 3.11\n3.10\n", [(2, "3.12.1"), (2, "3.11"), (3, "3.10")]),
        (".python-version", "shop-venv\n", []),
        (".tool-versions", "nodejs 18.1\npython 3.11.4 3.12.1 # two\n", [(2, "3.11.4"), (2, "3.12.1")]),
        (".tool-versions", "python-extra 3.9\n\n", []),
        ("runtime.txt", "python-3.11.4\n", [(1, "3.11.4")]),
        ("mise.toml", '[env]\nA = "1"\n[tools]\nnode = "20"\npython = "3.11"\n', [(5, "3.11")]),
        (".mise.toml", '[tools]\npython = ["3.11", "3.12"]\n', [(2, "3.11"), (2, "3.12")]),
        ("mise.toml", '[tools]\npython = { version = "3.11", virtualenv = ".venv" }\n', [(2, "3.11")]),
        ("mise.toml", '[tools]\npython = "latest"\n', []),
        ("mise.toml", "tools = 1\n", []),
        ("mise.toml", "[tools\n", []),
        ("Pipfile", '[packages]\nx = "*"\n[requires]\npython_version = "3.11"\n', [(4, "3.11")]),
        ("Pipfile", '[requires]\npython_full_version = "3.11.4"\n', [(2, "3.11.4")]),
        ("Pipfile", '[packages]\npython_version = "3"\n', []),
    ],
)
def test_files_that_choose_a_python(file: str, text: str, found: list[tuple[int, str]]) -> None:
    assert brief(DEVELOPERS[file](text, file)) == [(D, *one) for one in found]


@pytest.mark.parametrize(
    ("image", "python"),
    [
        ("python:3.11", "3.11"),
        ("python:3.11.4-slim-bookworm", "3.11"),
        ("mirror.example/library/python:3.11-alpine", "3.11"),
        ("registry.example:5000/base/python:3.11", "3.11"),
        ("public.ecr.aws/lambda/python:3.11", "3.11"),
        ("public.ecr.aws/lambda/python:3.11.2024.11.22.10-arm64", "3.11"),
        ("amazon/aws-lambda-python:3.9", "3.9"),
        ("public.ecr.aws/sam/build-python3.11:latest-x86_64", "3.11"),
        ("public.ecr.aws/sam/emulation-python3.9", "3.9"),
        ("amazon/aws-sam-cli-build-image-python3.8", "3.8"),
        ("lambci/lambda:build-python3.8", "3.8"),
        ("cimg/python:3.11.4", "3.11"),
        ("circleci/python:3.8", "3.8"),
        ("mirror.example/astral-sh/uv:python3.11-bookworm-slim", "3.11"),
        ("mirror.example/astral-sh/uv:0.5.1-python3.11-alpine", "3.11"),
        ("python:3", None),
        ("python:latest", None),
        ("python:slim", None),
        ("node:20-python3", None),
        ("micropython:1.20", None),
        ("circleci/python@2.1", None),
        ("myimage/python:1.4", None),
        ("$REGISTRY/python:3.11", None),
        ("python: 3.11", None),
    ],
)
def test_names_of_images_tell_their_python(image: str, python: str | None) -> None:
    assert [one.python for one in images(f"docker run --rm {image} make")] == ([python] if python else [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM python:3.11-slim AS build\n", [(1, "3.11")]),
        ("# FROM python:3.9\nfrom --platform=linux/amd64 python:3.11\n", [(2, "3.11")]),
        ("FROM python:3.12 AS a\nFROM node:20\nFROM a\nFROM python:3.11\n", [(1, "3.12"), (4, "3.11")]),
        ("ARG V=3.11\nFROM python:${V}-slim\n", [(2, "3.11")]),
        ('ARG V="3.11"\nFROM python:$V\n', [(2, "3.11")]),
        ("ARG BASE=public.ecr.aws/lambda/python:3.11\nFROM ${BASE}\n", [(2, "3.11")]),
        ("FROM python:${V:-3.11}\n", [(1, "3.11")]),
        ("ARG V\nFROM python:${V}\n", []),
        ("RUN pip install python:3.9\nCOPY --from=python:3.9 /a /b\n", []),
    ],
)
def test_bases_of_containers(text: str, found: list[tuple[int, str]]) -> None:
    assert brief(containerfile(text, "Dockerfile")) == [(B, *one) for one in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("docker run public.ecr.aws/sam/build-python3.11 bash", [(B, 1, "3.11")]),
        ("set -e\ndocker run -v x:y python:3.11 bash", [(P, 2, "3.11")]),
        ("pip install --platform manylinux2014_x86_64 --python-version 3.11 -t python", [(B, 1, "3.11")]),
        ("pip install --python-version=311 -t python", [(B, 1, "3.11")]),
        ("pip install --python-version 3.11.4", [(B, 1, "3.11")]),
        ("pip install --python-version $V", []),
        ("# docker run python:3.11", []),
        ("mypy --python-version 3.9 app", []),
        ("uv pip compile pyproject.toml --universal --python-version 3.11 --output-file requirements.lock", []),
        ("uv pip sync --python-version 3.11 requirements.lock", [(B, 1, "3.11")]),
    ],
)
def test_commands(text: str, found: list[tuple[Kind, int, str]]) -> None:
    assert brief(script(text, "build.sh", P)) == found


WORKFLOW = """\
on:
  workflow_call:
    inputs:
      python-version: { default: "3.8" }
env:
  PYTHON_VERSION: 3.10
  PYTHONUNBUFFERED: 1
jobs:
  test:
    container: python:3.9-slim
    strategy:
      matrix: { python: ["3.11", 3.12], node: [18] }
    steps:
      - uses: actions/setup-python@v5
        with: { python-version: "${{ matrix.python }}" }
      - uses: actions/setup-node@v4
        with: { node-version: "18.x" }
      - uses: actions/setup-python@v5
        with:
          python-version: |
            3.13
            pypy3.10
      - run: |
          # docker run python:3.7
          docker run public.ecr.aws/sam/build-python3.8 make
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            WORKFLOW,
            [(P, 10, "3.9"), (P, 12, "3.11"), (P, 12, "3.12"), (P, 21, "3.13"), (P, 22, "3.10"), (B, 25, "3.8")],
        ),
        # An action's inputs are given by who calls it; what its steps say is its own.
        (
            "inputs: {python-version: {default: '3.9'}}\nruns: {steps: [{with: {python-version: '3.11'}}]}",
            [(P, 2, "3.11")],
        ),
        ("image: python:3.11\ntest:\n  image: {name: 'python:3.12-slim'}", [(P, 1, "3.11"), (P, 3, "3.12")]),
        ("jobs: {a: {docker: [{image: cimg/python:3.11.4}]}}\norbs: {python: circleci/python@2.1.1}", [(P, 1, "3.11")]),
        (
            "steps: [{task: UsePythonVersion@0, inputs: {versionSpec: '3.11'}}, {inputs: {versionSpec: '18.x'}}]",
            [(P, 1, "3.11")],
        ),
        ("variables:\n  python.version: '3.11'", [(P, 2, "3.11")]),
        ("phases: {install: {runtime-versions: {python: 3.11, nodejs: 18}}}", [(P, 1, "3.11")]),
        ("a: &a {image: python:3.11}\nb: *a", [(P, 1, "3.11")]),
        ("python-version: '3.x'", [(P, 1, "3.x")]),
        ("python-version-file: .python-version", []),
        ("{% if x %}\npython-version: 3.11\n\t- [", []),
        ("", []),
    ],
)
def test_pipelines(text: str, found: list[tuple[Kind, int, str]]) -> None:
    assert brief(pipeline(text, "ci.yml")) == found


SAM = """\
Parameters:
  Python: { Type: String, Default: python3.10 }
  Stage: { Type: String, Default: prod }
Globals:
  Function:
    Runtime: python3.11
Resources:
  Api:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: python3.9 }
    Properties:
      Handler: app/main.handler
      Runtime: python3.12
  Other:
    Properties: { Handler: !Ref Handler, Runtime: !Ref Python }
  Page:
    Properties: { Handler: index.handler, Runtime: nodejs20.x }
  Layer:
    Properties:
      CompatibleRuntimes: [python3.12, python3.13]
  Task:
    ContainerDefinitions: [{ Image: "python:3.8" }]
"""


@pytest.mark.parametrize(
    ("text", "found", "handlers"),
    [
        (
            SAM,
            [(B, 10, "3.9"), (F, 13, "3.12"), (F, 2, "3.10"), (L, 20, "3.12"), (L, 20, "3.13")],
            ["app/main.handler"],
        ),
        ('{"Resources": {"F": {"Runtime": "python3.11",\n"Handler": "a.b"}}}', [(F, 1, "3.11")], ["a.b"]),
        (
            "provider: {runtime: python3.11}\ncustom: {dockerImage: public.ecr.aws/sam/build-python3.9}",
            [(F, 1, "3.11"), (B, 2, "3.9")],
            [],
        ),
        ("f: {runtime: python3.11, handler: '${self:custom.handler}'}", [(F, 1, "3.11")], []),
        ("f: {Handler: !GetAtt A.B, Runtime: python3.11}", [(F, 1, "3.11")], []),
        ("Runtime: python\nDescription: runs on python3.9", [], []),
        ("a: [", [], []),
    ],
)
def test_templates(text: str, found: list[tuple[Kind, int, str]], handlers: list[str]) -> None:
    told = list(template(text, "template.yaml"))

    assert brief(told) == found
    assert [one.handler for one in told if one.handler] == handlers


TERRAFORM = """\
# runtime = "python3.8"
resource "aws_lambda_function" "api" {
  environment { variables = { handler = "not.this" } }
  handler = "app.main.handler" /* runtime = "python3.8" */
  runtime = "python3.11" // and not "python3.8"
  image   = "python:3.8"
}
variable "lambda_runtime" {
  description = "such as python3.8"
  default     = "python3.10"
}
variable "interpreter" {
  default = "python3.8"
}
resource "aws_lambda_layer_version" "libraries" {
  compatible_runtimes = [
    "python3.12",
    "python3.13",
  ]
  provisioner "local-exec" { interpreter = ["python3.8", "-c"] }
}
locals {
  functions = {
    worker = { handler = "lambdas.worker.handler", runtime = "python3.9" }
  }
  runtime = try(var.runtime, "python3.12")
}
module "built" {
  docker_image = "public.ecr.aws/sam/build-python3.11"
}
"""
TYPESCRIPT = """\
import * as lambda from 'aws-cdk-lib/aws-lambda'; // Runtime.PYTHON_3_8
/* runtime: lambda.Runtime.PYTHON_3_8 */
new lambda.Function(this, `api-${stage}`, {
  runtime: lambda.Runtime.PYTHON_3_11,
  environment: { handler: 'not.this' },
  handler: 'app.main.handler',
  code: lambda.Code.fromAsset('x', { bundling: { image: lambda.Runtime.PYTHON_3_9.bundlingImage } }),
});
new lambda.LayerVersion(this, 'layer', { compatibleRuntimes: [lambda.Runtime.PYTHON_3_12] });
new lambda.Function(this, 'edge', { runtime: lambda.Runtime.NODEJS_20_X, handler: 'index.handler' });
"""
PYTHON = '''\
"""Not Runtime.PYTHON_3_8."""
RUNTIME: str = "python3.10"
_lambda.Function(
    self, "api",
    runtime=_lambda.Runtime.PYTHON_3_11,
    environment=dict(handler="not.this"),
    handler="app.main.handler",
)
subprocess.run(["python3.8", "-m", "pip"])
print("runtime = 'python3.8'")
'''


@pytest.mark.parametrize(
    ("text", "language", "found", "handlers"),
    [
        (
            TERRAFORM,
            "hcl",
            [
                (F, 5, "3.11"),
                (F, 10, "3.10"),
                (L, 17, "3.12"),
                (L, 18, "3.13"),
                (F, 24, "3.9"),
                (F, 26, "3.12"),
                (B, 29, "3.11"),
            ],
            ["app.main.handler", "lambdas.worker.handler"],
        ),
        (TYPESCRIPT, "javascript", [(F, 4, "3.11"), (B, 7, "3.9"), (L, 9, "3.12")], ["app.main.handler"]),
        (PYTHON, "python", [(F, 2, "3.10"), (F, 5, "3.11")], ["app.main.handler"]),
        ("runtime: 'python3.11', handler: `${name}.handler`", "javascript", [(F, 1, "3.11")], []),
        ('} ) ] runtime = "python3.11" {{{', "hcl", [(F, 1, "3.11")], []),
        ("compatible_runtimes=[Runtime.PYTHON_3_12]", "python", [(L, 1, "3.12")], []),
        ("PY = lambda_.Runtime.PYTHON_3_12", "python", [(F, 1, "3.12")], []),
    ],
)
def test_programs(text: str, language: str, found: list[tuple[Kind, int, str]], handlers: list[str]) -> None:
    told = list(code(text, "x", language))

    assert brief(told) == found
    assert [one.handler for one in told if one.handler] == handlers


@given(
    st.text(alphabet="ab\"'`#/*\\n(){}[]=: \n") | st.sampled_from([TERRAFORM, TYPESCRIPT, PYTHON, SAM, WORKFLOW]),
    st.data(),
)
def test_whatever_is_in_a_file_is_read_without_a_word(text: str, data: st.DataObject) -> None:
    cut = text[: data.draw(st.integers(0, len(text)))] + text[data.draw(st.integers(0, len(text))) :]

    for language in set(LANGUAGES.values()):
        list(code(cut, "x", language))
    for read in (*DEVELOPERS.values(), template, pipeline, containerfile, script):
        list(read(cut, "x"))


class More(TypedDict, total=False):
    project: Path
    source: Path
    inputs: tuple[Path, ...]


def around(folder: Path, texts: Mapping[str, str], at: str = ".", **more: Unpack[More]) -> list[str]:
    """The files that have something to say to a manifest in some folder of a repository."""
    files(folder, {".git/HEAD": "", **texts})
    declared = replace(manifest(function()), path=folder / at / "lambda-artifact.toml", **more)
    return sorted({one.file for one in python_pins(declared)})


TF = 'runtime = "python3.11"'
BASE = "FROM python:3.11"
FOR_LAMBDA = "FROM public.ecr.aws/lambda/python:3.11"
CI = "jobs: {a: {steps: [{with: {python-version: '3.11'}}, {run: pytest}]}}"
STACK = "import aws_cdk\nruntime = Runtime.PYTHON_3_11"


@pytest.mark.parametrize(
    ("path", "text", "looked_at"),
    [
        ("main.tf", TF, True),
        ("infra/modules/api/main.tf", TF, True),
        ("prod.tfvars", 'lambda_runtime = "python3.11"', True),
        ("template.yaml", "AWSTemplateFormatVersion: x\nR: {Type: AWS::Lambda::Function, Runtime: python3.11}", True),
        ("k8s/deployment.yaml", "Runtime: python3.11", False),
        ("serverless.yml", "provider: {runtime: python3.11}", True),
        ("infra/app.py", STACK, True),
        ("infra/stack.ts", STACK, True),
        ("app/main.py", "runtime = Runtime.PYTHON_3_11", False),
        ("infra/test_stack.py", STACK, False),
        ("infra/stack.test.ts", STACK, False),
        ("infra/tests/stack.py", STACK, False),
        ("Dockerfile", BASE, True),
        ("build.Dockerfile", BASE, True),
        ("website/Dockerfile", BASE, False),
        ("layer/Dockerfile", FOR_LAMBDA, True),
        ("build-layer.sh", "docker run python:3.11 # the layer", True),
        ("scripts/lint.sh", "docker run python:3.11", False),
        (".terraform/modules/x/main.tf", TF, False),
        ("node_modules/x/main.tf", TF, False),
        ("build/main.tf", TF, False),
        ("cdk.out/template.yaml", "R: {Type: AWS::Lambda::Function, Runtime: python3.11}", False),
        ("a/b/c/d/e/f/g/main.tf", TF, False),
        (".github/workflows/test.yml", CI, True),
        (".github/workflows/lint.yml", CI.replace("pytest", "pre-commit run"), False),
        (".github/workflows/deploy-docs-website.yml", CI.replace("pytest", "make html"), False),
        (".github/workflows/documents-service.yml", CI, True),
        (".gitlab-ci.yml", "test: {image: python:3.11, script: [pytest]}", True),
        (".circleci/config.yml", "docker: [{image: cimg/python:3.11}]\nsteps: [{run: make test}]", True),
        ("buildspec.yml", "runtime-versions: {python: 3.11}\ncommands: [sam build]", True),
        ("notes.txt", TF, False),
        ("main.tf", TF + " " * 1_048_576, False),
    ],
)
def test_where_is_looked(tmp_path: Path, path: str, text: str, looked_at: bool) -> None:  # noqa: FBT001 - a column
    assert around(tmp_path, {path: text}) == ([path] if looked_at else [])


def test_above_the_manifest_folders_are_looked_at_and_not_what_is_beside_it(tmp_path: Path) -> None:
    texts = {
        "main.tf": TF,
        "services/Dockerfile": BASE,
        "services/shop/main.tf": TF,
        "services/blog/main.tf": TF,
        ".python-version": "3.11",
        "services/.python-version": "3.11",
    }

    found = around(tmp_path, texts, "services/shop")

    assert found == ["../../main.tf", "../.python-version", "../Dockerfile", "main.tf"]


def test_above_the_repository_nothing_is(tmp_path: Path) -> None:
    files(tmp_path, {"main.tf": TF, ".python-version": "3.11"})

    assert around(tmp_path / "repository", {}) == []


def test_without_a_repository_only_the_folder_is(tmp_path: Path) -> None:
    files(tmp_path, {"main.tf": TF, "shop/main.tf": TF, "shop/lambda-artifact.toml": ""})

    assert [one.where for one in python_pins(replace(manifest(), path=tmp_path / "shop/lambda-artifact.toml"))] == [
        "main.tf:1"
    ]


def test_of_several_projects_only_the_pipelines_that_speak_of_this_one_count(tmp_path: Path) -> None:
    own = CI.replace("pytest", "pytest services/shop")

    found = around(tmp_path, {".github/workflows/a.yml": CI, ".github/workflows/b.yml": own}, "services/shop")

    assert found == ["../../.github/workflows/b.yml"]


@pytest.mark.parametrize("marker", ["lambda-artifact.toml", ".git/HEAD", "pyvenv.cfg"])
def test_what_another_manifest_or_repository_speaks_for_does_not_count(tmp_path: Path, marker: str) -> None:
    assert around(tmp_path, {"other/main.tf": TF, f"other/{marker}": ""}) == []


def test_the_nearest_choice_of_the_project_and_of_the_sources_counts(tmp_path: Path) -> None:
    texts = {".python-version": "3.12", "backend/.python-version": "3.11", "backend/pyproject.toml": ""}

    assert around(tmp_path, texts) == [".python-version"]
    project = tmp_path / "backend/pyproject.toml"
    assert around(tmp_path, texts, project=project) == [".python-version", "backend/.python-version"]
    source = tmp_path / "backend"
    assert around(tmp_path, texts, source=source) == [".python-version", "backend/.python-version"]


def test_a_pipfile_that_is_the_project_is_not_read_twice(tmp_path: Path) -> None:
    texts = {"Pipfile": '[requires]\npython_version = "3.11"'}

    assert around(tmp_path, texts) == ["Pipfile"]
    assert around(tmp_path, texts, project=tmp_path / "Pipfile") == []


def test_what_the_manifest_lists_is_looked_at_wherever_it_is(tmp_path: Path) -> None:
    texts = {"ops/Makefile": "layer:\n\tdocker run python:3.11", "tests/Dockerfile": BASE}
    listed = (tmp_path / "ops/Makefile", tmp_path / "tests/Dockerfile")

    assert around(tmp_path, texts) == []
    assert around(tmp_path, texts, inputs=listed) == ["ops/Makefile", "tests/Dockerfile"]
