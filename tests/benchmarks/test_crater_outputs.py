"""The crater of build outputs, on a repository of our own."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from benchmarks.crater_outputs.__main__ import LIST, TOOLS, Crater, Output, extract, oracle
from fixtures.build import SAMPLE
from harness.discovery.find import discover
from harness.discovery.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from harness.discovery.values import Discovery

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: dev}, Size: {Type: Number, Default: 256}}
Conditions: {Never: !Equals [!Ref Stage, prod]}
Mappings: {Times: {dev: {Seconds: 9}}}
Globals:
  Function: {Runtime: python3.12, MemorySize: !Ref Size, Environment: {Variables: {STAGE: !Ref Stage, FLAG: true}}}
Resources:
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  Api:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: api
      Handler: !Sub app.${Stage}
      Architectures: [arm64]
      Timeout: !FindInMap [Times, !Ref Stage, Seconds]
      Layers: [!Ref Layer]
      EphemeralStorage: {Size: 1024}
      Environment: {Variables: {NAME: !Join ["-", [shop, !Ref Stage]]}}
  Never: {Type: AWS::Serverless::Function, Condition: Never, Properties: {CodeUri: api, Handler: app.handler}}
  Page: {Type: AWS::Serverless::Function, Properties: {CodeUri: page, Handler: index.handler, Runtime: nodejs22.x}}
"""


def found(folder: Path) -> Discovery:
    (folder / "template.yaml").write_text(TEMPLATE, "utf-8")
    read = discover(Project(folder, folder))
    assert read is not None
    return read


def test_the_listed_files_are_taken_from_a_commit(tmp_path: Path) -> None:
    repository, root = tmp_path / "shop+api", tmp_path / "out"
    files = {"a/template.yaml": TEMPLATE, "a/app.py": "", "node_modules/x/template.yaml": "", "broken.json": "{"}
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text, "utf-8")
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *command], check=True)
    output = Output("shop/api", "HEAD", "a/template.yaml")
    folder = output.git(tmp_path)
    assert folder is not None
    extract(folder, output.commit, root)
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.*")) == ["a/template.yaml", "broken.json"]
    crater = Crater()
    crater.read(output, root)
    crater.read(Output("shop/api", "HEAD", "broken.json"), root)
    assert (crater.counts["read"], crater.counts["refused"], crater.counts["functions not covered"]) == (1, 1, 1)
    assert crater.problems == []


def test_what_the_translator_makes_otherwise_is_named(tmp_path: Path) -> None:
    theirs = {
        "Handler": "app.dev",
        "Runtime": "python3.12",
        "Architectures": ["arm64"],
        "MemorySize": 256,
        "Timeout": 3,
    }
    own = {"Conditional": False, "Layers": [{"Ref": "x"}], "Environment": {"Variables": {"STAGE": {"Ref": "a"}}}}
    differences = list(Crater().differences(found(tmp_path), {"Api": {**theirs, **own}}))
    assert differences == [
        "functions ['Page']",
        "Api.Timeout: 9, and for the translator 3",
        "Api.EphemeralStorage: 1024, and for the translator None",
        "Api.variables: ['FLAG', 'NAME', 'STAGE'], and for the translator ['STAGE']",
    ]


def test_the_translator_makes_the_same_of_templates(tmp_path: Path) -> None:
    python = oracle()
    if python is None:
        pytest.skip(f"sam: neither on the PATH nor in the folder that {TOOLS} names: see .ci/tools")
    crater = Crater()
    for name, text in (("sample", (SAMPLE / "template.yaml").read_text("utf-8")), ("own", TEMPLATE)):
        (tmp_path / "fixtures" / name).mkdir(parents=True)
        (tmp_path / "fixtures" / name / "template.yaml").write_text(text, "utf-8")
        crater.read(Output("ours", "HEAD", f"fixtures/{name}/template.yaml"), tmp_path)
    crater.compare(python)
    assert crater.problems == []
    assert crater.counts["functions compared"] == 5


def test_the_list_has_150_outputs_at_commits() -> None:
    rows = [line.split(" ", 2) for line in LIST.read_text("utf-8").splitlines()]
    assert len(rows) == len(set(map(json.dumps, rows))) >= 150
    assert all(len(commit) == 40 and "/" in repository and path[0] != "/" for repository, commit, path in rows)
