"""What a template's roles allow: SAM's own, those of CloudFormation and the CDK, and what is attached to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.discovery.cloudformation.functions import functions_of
from harness.discovery.cloudformation.template import Settings, Template
from harness.discovery.values import Declared

if TYPE_CHECKING:
    from pathlib import Path

GET, PUT = "dynamodb:GetItem", "dynamodb:PutItem"
CONDITIONS = {"Yes": {"Fn::Equals": ["a", "a"]}, "Perhaps": {"Fn::Equals": [{"Fn::ImportValue": "x"}, "a"]}}


def allow(*actions: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - a template's
    return {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}]}


def deny(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Statement": {"Effect": "Deny", "Action": list(actions), "Resource": resource}}


def managed(name: str) -> dict[str, Any]:
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":iam::aws:policy/{name}"]]}


def iam(kind: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - a template's
    return {"Type": f"AWS::IAM::{kind}", "Properties": properties}


def inline(*documents: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - a template's
    """A template's role with inline policies."""
    return {"R": iam("Role", Policies=[{"PolicyName": "p", "PolicyDocument": one} for one in documents], **more)}


def attached(kind: str, document: dict[str, Any], **properties: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"R": iam("Role"), "P": iam(kind, PolicyDocument=document, **properties)}


def answers(folder: Path, resource: dict[str, Any], more: dict[str, Any], *actions: str) -> list[str]:
    path = folder / "template.json"
    path.write_text(json.dumps({"Conditions": CONDITIONS, "Resources": {"F": resource, **more}}, indent=1), "utf-8")
    (found,) = functions_of(Template(path, Settings(folder)))
    assert isinstance(found, Declared)
    assert found.permissions
    return [found.permissions.grants(action)[1].partition(" the role in ")[0] for action in actions]


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (None, ["not granted by", "not granted by"]),
        ([allow(GET)], ["granted by", "not granted by"]),
        (allow("dynamodb:Get*", "dynamodb:?utItem"), ["granted by", "granted by"]),
        ([allow("DynamoDB:getitem")], ["granted by", "not granted by"]),
        ([{"DynamoDBReadPolicy": {"TableName": "t"}}], ["granted by", "not granted by"]),
        (["AWSLambdaExecute"], ["not granted by", "not granted by"]),
        (["AmazonDynamoDBFullAccess"], ["unknown: the managed policy AmazonDynamoDBFullAccess of"] * 2),
        ([{"Statement": [{"Effect": "Allow", "NotAction": ["s3:*", GET]}]}], ["not granted by", "granted by"]),
        ([{"Fn::If": ["Yes", allow(GET), {"Ref": "AWS::NoValue"}]}], ["granted by", "not granted by"]),
        ([{"Fn::If": ["Perhaps", allow(GET), {"Ref": "AWS::NoValue"}]}], ["unknown: the condition Perhaps of"] * 2),
        ([allow(GET, Condition={"Bool": {}})], ["unknown: a condition of", "not granted by"]),
        ([allow({"Fn::ImportValue": "Action"})], ["unknown: Fn::ImportValue Action of"] * 2),
        ([{"Ref": "Own"}], ["granted by", "not granted by"]),
    ],
)
def test_the_role_that_sam_makes(tmp_path: Path, policies: object, said: list[str]) -> None:
    destinations = {"DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": "q"}}}
    properties = {
        "CodeUri": ".",
        "Handler": "a.b",
        "Runtime": "python3.12",
        "Policies": policies,
        "EventInvokeConfig": destinations,
        "Events": {"Queue": {"Type": "SQS", "Properties": {"Queue": "q"}}},
        "Tracing": "Active",
    }
    own = {"Own": iam("ManagedPolicy", PolicyDocument=allow(GET))}

    resource = {"Type": "AWS::Serverless::Function", "Properties": properties}
    assert answers(tmp_path, resource, own, GET, PUT) == said
    implied = "sqs:SendMessage", "sqs:ReceiveMessage", "xray:PutTraceSegments", "logs:PutLogEvents"
    assert answers(tmp_path, resource, own, *implied) == ["granted by"] * 4


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (inline(allow(GET)), ["granted by", "not granted by"]),
        (inline(allow("*"), deny("dynamodb:Put*")), ["granted by", "denied by"]),
        (
            inline(allow("*"), deny(PUT, resource="arn:aws:dynamodb:*:*:table/audit")),
            ["granted by", "unknown: a Deny for some resources or under a condition of"],
        ),
        (
            inline(allow(GET), PermissionsBoundary="arn:aws:iam::1:policy/b"),
            ["unknown: a permissions boundary of", "not granted by"],
        ),
        (inline(ManagedPolicyArns=[managed("service-role/AWSLambdaBasicExecutionRole")]), ["not granted by"] * 2),
        (inline(ManagedPolicyArns=[managed("AdministratorAccess")]), ["unknown: the managed policy Administrator"] * 2),
        (attached("Policy", allow(GET), Roles=[{"Ref": "R"}]), ["granted by", "not granted by"]),
        (attached("Policy", allow(GET), Roles=["another"]), ["not granted by", "not granted by"]),
        (attached("ManagedPolicy", allow(PUT), Roles=[{"Ref": "R"}]), ["not granted by", "granted by"]),
        (attached("RolePolicy", allow(GET), RoleName={"Ref": "R"}), ["granted by", "not granted by"]),
        ({"R": {"Type": "Custom::Role"}}, ["unknown: template.json has no AWS::IAM::Role of the function"] * 2),
        ({}, ["unknown: template.json has no AWS::IAM::Role of the function"] * 2),
    ],
)
@pytest.mark.parametrize("role", [{"Fn::GetAtt": ["R", "Arn"]}, {"Fn::GetAtt": "R.Arn"}, {"Fn::Sub": "${R.Arn}"}])
def test_the_role_that_a_template_declares(
    tmp_path: Path, more: dict[str, Any], said: list[str], role: dict[str, Any]
) -> None:
    code = {"S3Bucket": "b", "S3Key": "k"}
    properties = {"Code": code, "Handler": "a.b", "Runtime": "python3.12", "Role": role}

    found = answers(tmp_path, {"Type": "AWS::Lambda::Function", "Properties": properties}, more, GET, PUT)

    assert [one[: len(start)] for one, start in zip(found, said, strict=True)] == said
