"""Which build output a folder has, and what is said where there are several or none."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from harness.discovery.find import builds, discover
from harness.discovery.manifest import as_template
from harness.discovery.project import Project
from harness.discovery.values import Declared, Discovery, DiscoveryError
from harness.model import Place

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = json.dumps(
    {
        "Resources": {
            "Api": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"CodeUri": "Api", "Handler": "app.handler", "Runtime": "python3.12"},
            }
        }
    }
)
PLAN = json.dumps(
    {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {
            "root_module": {
                "resources": [
                    {
                        "address": "aws_lambda_function.api",
                        "type": "aws_lambda_function",
                        "values": {"filename": "code.zip", "handler": "app.handler", "runtime": "python3.12"},
                    }
                ]
            }
        },
    }
)
STATE = json.dumps(
    {
        "service": {
            "service": "shop",
            "provider": {
                "stage": "dev",
                "compiledCloudFormationTemplate": {
                    "Resources": {
                        "ApiLambdaFunction": {
                            "Type": "AWS::Lambda::Function",
                            "Properties": {
                                "Code": {"S3Bucket": "b", "S3Key": "x/shop.zip"},
                                "Handler": "app.handler",
                                "Runtime": {"$ref": '$["service"]["functions"]["api"]["runtime"]'},
                                "FunctionName": "shop-dev-api",
                            },
                        }
                    }
                },
            },
            "functions": {"api": {"name": "shop-dev-api", "runtime": "python3.12"}},
        }
    }
)
PREVIEW = json.dumps(
    {
        "steps": [
            {
                "op": "create",
                "newState": {
                    "type": "aws:lambda/function:Function",
                    "urn": "urn:pulumi:dev::shop::aws:lambda/function:Function::api",
                    "inputs": {
                        "code": {
                            "4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7",
                            "path": "./app",
                        },
                        "handler": "app.handler",
                        "runtime": "python3.12",
                        "memorySize": 256.0,
                    },
                },
            }
        ]
    }
)
ZAPPA = json.dumps({"dev": {"app_function": "app.app", "project_name": "shop", "runtime": "python3.12"}})
CDK = {
    "cdk.out/manifest.json": json.dumps(
        {
            "artifacts": {
                "Shop.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Shop.assets.json"}},
                "Shop": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "Shop.template.json"}},
            }
        }
    ),
    "cdk.out/Shop.assets.json": json.dumps({"files": {"abc": {"source": {"path": "asset.abc", "packaging": "zip"}}}}),
    "cdk.out/Shop.template.json": json.dumps(
        {
            "Resources": {
                "Api": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {
                        "Code": {"S3Bucket": {"Fn::Sub": "assets-${AWS::AccountId}"}, "S3Key": "abc.zip"},
                        "Handler": "app.handler",
                        "Runtime": "python3.12",
                    },
                }
            }
        }
    ),
}

# Of each tool: the files of its build, and the name and the code of the function.
BUILDS: dict[str, tuple[dict[str, str], str, str]] = {
    "SAM": ({".aws-sam/build/template.yaml": TEMPLATE}, "Api", ".aws-sam/build/Api"),
    "CDK": (CDK, "Api", "cdk.out/asset.abc"),
    "Terraform": ({"tfplan.json": PLAN}, "aws_lambda_function.api", "code.zip"),
    "Serverless": ({".serverless/serverless-state.json": STATE}, "api", ".serverless/shop.zip"),
    "Chalice": ({"out/sam.json": TEMPLATE, "out/deployment.zip": ""}, "Api", "out/Api"),
    "Pulumi": ({"preview.json": PREVIEW}, "api", "app"),
    "Zappa": ({"zappa_settings.json": ZAPPA, "shop-dev-1764370000.zip": ""}, "dev", "shop-dev-1764370000.zip"),
}


def made(folder: Path, files: dict[str, str]) -> Project:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return Project(folder, folder)


@pytest.mark.parametrize("tool", BUILDS)
def test_the_build_of_each_tool_is_found(tmp_path: Path, tool: str) -> None:
    files, name, code = BUILDS[tool]
    found = discover(made(tmp_path, files))
    assert found is not None
    (function,) = found.functions
    assert (found.tool, function.name, function.code) == (tool, name, code)
    assert function.handler == ("handler.lambda_handler" if tool == "Zappa" else "app.handler")
    assert function.runtime == "python3.12"


@pytest.mark.parametrize("tool", BUILDS)
def test_the_file_of_each_tool_can_be_named(tmp_path: Path, tool: str) -> None:
    files, name, _ = BUILDS[tool]
    other = {"template.yaml": TEMPLATE, ".aws-sam/build/template.yaml": TEMPLATE} if tool != "SAM" else {}
    found = discover(made(tmp_path, {**other, **files}), tmp_path / next(iter(files)))
    assert found is not None
    assert (found.tool, [function.name for function in found.functions]) == (tool, [name])


def test_two_builds_side_by_side_are_named(tmp_path: Path) -> None:
    project = made(tmp_path, {**BUILDS["SAM"][0], **BUILDS["Terraform"][0]})
    with pytest.raises(DiscoveryError) as error:
        discover(project)
    assert str(error.value) == (
        "SAM (.aws-sam/build/template.yaml) and Terraform (tfplan.json) were built here: choose one, as in --from "
        ".aws-sam/build/template.yaml"
    )


def test_a_template_that_nobody_has_built_counts_where_there_is_no_build(tmp_path: Path) -> None:
    files = {"template.yaml": TEMPLATE, "Api/app.py": "", "Api/requirements.txt": "idna\n"}
    found = discover(made(tmp_path, files))
    assert found is not None
    (uncovered,) = found.uncovered
    assert uncovered.reason.startswith("Api has a requirements.txt and nothing is installed in it: run `sam build`")
    (tmp_path / "Api" / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    found = discover(Project(tmp_path, tmp_path))
    assert found is not None
    assert [function.code for function in found.functions] == ["Api"]
    assert [build.tool for build in builds(made(tmp_path, BUILDS["CDK"][0]))] == ["CDK"]


def test_nothing_was_built(tmp_path: Path) -> None:
    assert discover(Project(tmp_path, tmp_path)) is None


@pytest.mark.parametrize(
    ("tool", "beside", "name"),
    [
        ("Serverless", ".serverless/cloudformation-template-update-stack.json", "api"),
        ("CDK", "cdk.out/Shop.template.json", "Api"),
    ],
)
def test_a_template_that_says_where_archives_will_be_is_read_with_what_lies_beside_it(
    tmp_path: Path, tool: str, beside: str, name: str
) -> None:
    project = made(tmp_path, {beside: TEMPLATE, **BUILDS[tool][0]})
    found = discover(project, tmp_path / beside)
    assert found is not None
    assert (found.tool, [one.name for one in found.functions]) == (tool, [name])


def test_a_file_of_no_known_form(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match="no known form: name a CloudFormation template"):
        discover(made(tmp_path, {"a.json": "{}"}), tmp_path / "a.json")


def test_a_build_that_is_older_than_its_sources(tmp_path: Path) -> None:
    build = f'[function_build_definitions.a]\ncodeuri = "{tmp_path}/src"\n'
    files = {**BUILDS["SAM"][0], ".aws-sam/build.toml": build, "src/app.py": "", "src/__pycache__/app.pyc": ""}
    project = made(tmp_path, files)
    os.utime(tmp_path / ".aws-sam" / "build" / "template.yaml", (0, 0))
    found = discover(project)
    assert found is not None
    assert found.notes == ("src/app.py is newer than the build in .aws-sam/build: run `sam build` again",)


def test_parameters_come_from_the_tools_configuration(tmp_path: Path) -> None:
    template = json.loads(TEMPLATE)
    template["Parameters"] = {"Stage": {"Type": "String", "Default": "dev"}, "Size": {"Type": "Number", "Default": 1}}
    properties = template["Resources"]["Api"]["Properties"]
    properties["Environment"] = {"Variables": {"STAGE": {"Ref": "Stage"}, "SIZE": {"Ref": "Size"}}}
    config = '[default.deploy.parameters]\nstack_name = "shop"\nparameter_overrides = "Stage=\\"a b\\" Size=2"\n'
    files = {".aws-sam/build/template.yaml": json.dumps(template), "samconfig.toml": config}
    project = made(tmp_path, files)
    for parameters, expected in (({}, ("a b", "2")), ({"Size": "3"}, ("a b", "3"))):
        found = discover(Project(project.root, project.folder, parameters))
        assert found is not None
        environment = found.functions[0].environment
        assert (environment["STAGE"], environment["SIZE"]) == expected


@pytest.mark.parametrize(
    ("written", "place"),
    [
        (f"# What people edit\n{TEMPLATE}", "template.yaml:2"),
        ("Resources: {Worker: {}}", ".aws-sam/build/template.yaml:1"),
        ("Resources: {Api: {}, Api: {}}", ".aws-sam/build/template.yaml:1"),
    ],
    ids=["the same", "other functions", "unreadable"],
)
def test_a_function_is_declared_in_the_template_that_people_edit(tmp_path: Path, written: str, place: str) -> None:
    found = discover(made(tmp_path, {**BUILDS["SAM"][0], "template.yaml": written}))

    assert found is not None
    (function,) = found.functions
    assert (str(function.place), str(function.places["handler"])) == (place, place)


@pytest.mark.parametrize(
    ("tool", "upload"), [("SAM", "s3"), ("CDK", "s3"), ("Serverless", "s3"), ("Zappa", "s3"), ("Terraform", None)]
)
def test_what_deploys_from_s3_only_says_so(tool: str, upload: str | None, tmp_path: Path) -> None:
    declared = Declared("api", "app.handler", "python3.12", "code.zip", Place("a.json"))

    found = as_template(Project(tmp_path, tmp_path), Discovery(tool, tmp_path / "a.json", (declared,)))

    assert found.scope.table.upload == upload
