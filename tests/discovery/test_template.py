"""Functions of CloudFormation templates, as SAM, CDK and others write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.discovery.cloudformation.functions import functions_of
from harness.discovery.cloudformation.template import Settings, Template
from harness.discovery.values import Declared, DiscoveryError
from harness.model import Uncovered

if TYPE_CHECKING:
    from pathlib import Path

GLOBALS = {
    "Function": {
        "Runtime": "python3.12",
        "Timeout": 20,
        "Layers": [{"Ref": "Deps"}],
        "Environment": {"Variables": {"STAGE": "dev", "TABLE": {"Ref": "Orders"}}},
    }
}
RESOURCES = {
    "Deps": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer/"}},
    "Orders": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "orders"}},
}


def function(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - a template's
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {"CodeUri": "api/", "Handler": "app.handler", **properties},
    }


def lambda_function(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - a template's
    standard = {"Code": {"S3Bucket": "b", "S3Key": "code.zip"}, "Handler": "app.handler", "Runtime": "python3.12"}
    return {"Type": "AWS::Lambda::Function", "Properties": {**standard, **properties}}


def read(folder: Path, resources: dict[str, Any], **more: Any) -> list[Declared | Uncovered]:  # noqa: ANN401
    path = folder / "template.json"
    path.write_text(json.dumps({"Globals": GLOBALS, "Resources": {**RESOURCES, **resources}, **more}), encoding="utf-8")
    return list(functions_of(Template(path, Settings(folder))))


def one(folder: Path, resource: dict[str, Any], **more: Any) -> Declared:  # noqa: ANN401 - a template's
    (found,) = read(folder, {"Api": resource}, **more)
    assert isinstance(found, Declared)
    return found


def test_globals_are_merged_as_sam_merges_them(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        function(Timeout=5, Layers=["arn:aws:lambda:eu-west-1:1:layer:x:1"], Environment={"Variables": {"STAGE": "x"}}),
    )
    assert (found.runtime, found.timeout, found.code) == ("python3.12", 5, "api")
    assert found.layers == ("layer", "arn:aws:lambda:eu-west-1:1:layer:x:1")
    assert found.environment == {"STAGE": "x", "TABLE": "orders"}


@pytest.mark.parametrize(
    ("properties", "attribute", "value"),
    [
        ({"Architectures": ["arm64"]}, "architecture", "arm64"),
        ({"MemorySize": "1024"}, "memory", 1024),
        ({"EphemeralStorage": {"Size": 2048}}, "tmp", 2048),
        ({"FileSystemConfigs": [{"Arn": "x", "LocalMountPath": "/mnt/data"}]}, "file_systems", ("/mnt/data",)),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "snap_start", True),
        ({"SnapStart": {"ApplyOn": "None"}}, "snap_start", False),
        ({"CapacityProviderConfig": {"Arn": "x"}}, "capacity_provider", True),
        ({"CapacityProviderConfig": {"Arn": "x", "PerExecutionEnvironmentMaxConcurrency": 8}}, "max_concurrency", 8),
        (
            {
                "MemorySize": 16384,
                "CapacityProviderConfig": {
                    "LambdaManagedInstancesCapacityProviderConfig": {"ExecutionEnvironmentMemoryGiBPerVCpu": 8}
                },
            },
            "max_concurrency",
            32,
        ),
        (
            {"DurableConfig": {"ExecutionTimeout": 3600, "RetentionPeriodInDays": "7"}},
            "durable",
            {"execution-timeout": 3600, "retention-days": 7},
        ),
        ({"DurableConfig": {}}, "durable", {}),
        ({}, "durable", None),
        ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "tenant_isolation", True),
        ({"FunctionName": "shop-api"}, "deployed_as", "shop-api"),
        ({"FunctionName": "shop-api", "AutoPublishAlias": "live"}, "deployed_as", "shop-api:live"),
        ({"CodeUri": "s3://bucket/code.zip"}, "code", "s3://bucket/code.zip"),
        ({"CodeUri": {"Bucket": "b", "Key": "k.zip", "Version": "3"}}, "code", "s3://b/k.zip?versionId=3"),
        (
            {"Environment": {"Variables": {"ON": True, "N": 3}}},
            "environment",
            {"ON": "true", "N": "3", "STAGE": "dev", "TABLE": "orders"},
        ),
    ],
)
def test_what_a_function_declares(tmp_path: Path, properties: dict[str, Any], attribute: str, value: object) -> None:
    assert getattr(one(tmp_path, function(**properties)), attribute) == value


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (function(PackageType="Image"), "it is deployed as an image"),
        (lambda_function(Code={"ImageUri": "x"}), "it is deployed as an image"),
        (function(InlineCode="def handler(): ..."), "its code stands in the template"),
        (lambda_function(Code={"ZipFile": "def handler(): ..."}), "its code stands in the template"),
        (function(Runtime="nodejs22.x"), "it runs on nodejs22.x"),
        (
            lambda_function(Runtime="custom", RuntimeConfig={}),
            "it runs on a runtime of the account's own (`Runtime: custom`)",
        ),
        ({"Type": "AWS::Lambda::WebFunction"}, "it is a web function, which is not covered"),
        ({"Type": "AWS::Lambda::MicrovmImage"}, "it is an image of a MicroVM, which is not covered"),
        (lambda_function(Runtime={"Ref": "Absent"}), "its Runtime is not known before the deploy"),
        (lambda_function(Handler=None), "it declares no Handler"),
        (function(CodeUri="../../elsewhere"), "its code, ../../elsewhere, is outside of the project"),
        (lambda_function(Code={"S3Bucket": {"Fn::ImportValue": "B"}, "S3Key": "k"}), "its code is not known before"),
    ],
)
def test_what_is_not_covered(tmp_path: Path, resource: dict[str, Any], reason: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (found,) = read(folder, {"Api": resource})
    assert isinstance(found, Uncovered)
    assert found.reason.startswith(reason)


def test_a_condition_leaves_a_function_out(tmp_path: Path) -> None:
    conditions = {"Never": {"Fn::Equals": ["a", "b"]}, "Always": {"Fn::Not": [{"Condition": "Never"}]}}
    resources = {name: {**function(), "Condition": name} for name in conditions}
    assert [found.name for found in read(tmp_path, resources, Conditions=conditions)] == ["Always"]


def test_loops_are_written_out(tmp_path: Path) -> None:
    loop = ["Name", ["Api", "Worker"], {"${Name}Function": function(Handler="${Name}.handler")}]
    found = read(tmp_path, {"Fn::ForEach::Functions": loop})
    assert [(one.name, getattr(one, "handler", "")) for one in found] == [
        ("ApiFunction", "Api.handler"),
        ("WorkerFunction", "Worker.handler"),
    ]


def stack(folder: Path, name: str, template: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(template), encoding="utf-8")


def test_nested_stacks_exchange_layers_and_values(tmp_path: Path) -> None:
    layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "deps.zip"}}
    stack(tmp_path, "layers.json", {"Resources": {"Deps": layer}, "Outputs": {"Arn": {"Value": {"Ref": "Deps"}}}})
    api = function(Runtime="python3.12", Layers=[{"Ref": "Layer"}], Environment={"Variables": {"T": {"Ref": "Table"}}})
    parameters = {"Layer": {"Type": "String"}, "Table": {"Type": "String"}}
    stack(tmp_path, "api.json", {"Parameters": parameters, "Resources": {"Api": api}})
    given = {"Layer": {"Fn::GetAtt": ["Layers", "Outputs.Arn"]}, "Table": {"Ref": "Orders"}}
    resources = {
        "Backend": {
            "Type": "AWS::Serverless::Application",
            "Properties": {"Location": "api.json", "Parameters": given},
        },
        "Layers": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "layers.json"}},
    }
    (found,) = read(tmp_path, resources)
    assert isinstance(found, Declared)
    assert (found.name, found.layers, found.environment, found.unknown) == (
        "Backend/Api",
        ("deps.zip",),
        {"T": "orders"},
        (),
    )
    assert found.place.file == "api.json"


def test_a_stack_that_contains_itself_is_refused(tmp_path: Path) -> None:
    inner = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "template.json"}}
    with pytest.raises(DiscoveryError, match="the stack Inner contains itself"):
        read(tmp_path, {"Inner": inner})


@pytest.mark.parametrize("location", ["../outside.json", "/etc/passwd", "https://example.com/t.json", "absent.json"])
def test_nothing_outside_the_project_is_read(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    stack(tmp_path, "outside.json", {"Resources": {"Api": function()}})
    assert (
        read(folder, {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": location}}}) == []
    )


def test_more_resources_than_any_template_has(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match="more than 10,000 resources; CloudFormation accepts 500"):
        read(tmp_path, {f"R{number}": {} for number in range(10_001)})


def test_what_only_the_deploy_decides_is_named(tmp_path: Path) -> None:
    imported = {"Fn::ImportValue": "Shared"}
    found = one(
        tmp_path, function(Layers=[imported], MemorySize=imported, Environment={"Variables": {"URL": imported}})
    )
    assert sorted(found.unknown) == [
        "environment.URL: Fn::ImportValue Shared",
        "layers: Fn::ImportValue Shared",
        "memory: Fn::ImportValue Shared",
    ]
    assert (found.memory, found.layers) == (None, ("layer", "<Fn::ImportValue Shared>"))


OPTIONAL = {"Fn::If": ["Never", "x", {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize(
    ("properties", "more", "whole"),
    [
        ({}, {}, True),
        ({"Environment": {}}, {}, True),
        ({"Environment": {"Variables": {"A": {"Fn::ImportValue": "X"}}}}, {}, True),
        ({"Environment": {"Variables": {"A": {"Fn::If": ["Never", "x", "y"]}}}}, {}, True),
        ({"Environment": {"Variables": {"A": OPTIONAL}}}, {}, False),
        ({"Environment": {"Variables": OPTIONAL}}, {}, False),
        ({"Environment": OPTIONAL}, {}, False),
        ({"Environment": {"Variables": {"Ref": "Parameter"}}}, {}, False),
        ({"Environment": {"Variables": {"A": "x", "Fn::Transform": {"Name": "AWS::Include"}}}}, {}, False),
        ({"Environment": {"Variables": {"A": "x", "Fn::ForEach::B": []}}}, {}, False),
        ({"Fn::Transform": {"Name": "AWS::Include"}}, {}, False),
        ({}, {"Transform": "AWS::Serverless-2016-10-31"}, True),
        ({}, {"Transform": ["AWS::LanguageExtensions", "Macro"]}, False),
        ({}, {"Transform": [{"Name": "AWS::Include"}]}, False),
    ],
)
def test_whether_a_template_names_all_variables(
    tmp_path: Path, properties: dict[str, Any], more: dict[str, Any], *, whole: bool
) -> None:
    conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
    found = one(tmp_path, lambda_function(**properties), Conditions=conditions, **more)

    assert found.whole_environment is whole
