"""What CloudFormation's intrinsic functions come to before a deploy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.discovery.cloudformation.intrinsics import Evaluator, loops, unknown
from harness.discovery.document import Document, UnreadableDocumentError

TEMPLATE: Any = {
    "Parameters": {
        "Stage": {"Type": "String", "Default": "dev"},
        "Size": {"Type": "Number", "Default": 512},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Key": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/shop/key"},
        "Secret": {"Type": "String"},
        "Level": {"Type": "String", "AllowedValues": ["INFO", "DEBUG"]},
    },
    "Mappings": {"ByStage": {"dev": {"Memory": 256}, "prod": {"Memory": 1024}}},
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
        "Hidden": {"Fn::Equals": [{"Ref": "Secret"}, "x"]},
        "Round": {"Fn::Not": [{"Condition": "Trip"}]},
        "Trip": {"Fn::Not": [{"Condition": "Round"}]},
    },
    "Resources": {
        "Orders": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Fn::Sub": "${Stage}-orders"}}},
        "Files": {"Type": "AWS::S3::Bucket"},
        "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Secret"}}},
        "Left": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::GetAtt": ["Right", "QueueName"]}}},
        "Right": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::GetAtt": ["Left", "QueueName"]}}},
        "Odd": {"Type": "Custom::Thing"},
    },
}


def evaluator(**parameters: str) -> Evaluator:
    return Evaluator(Document(Path("template.yaml"), TEMPLATE), parameters, stack="shop")


KNOWN: list[tuple[Any, Any]] = [
    ({"Ref": "Stage"}, "dev"),
    ({"Ref": "Size"}, "512"),
    ({"Ref": "Zones"}, ["a", "b"]),
    ({"Ref": "AWS::Region"}, "us-east-1"),
    ({"Ref": "AWS::AccountId"}, "123456789012"),
    ({"Ref": "Orders"}, "dev-orders"),
    ({"Fn::GetAtt": ["Orders", "Arn"]}, "arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders"),
    ({"Fn::GetAtt": "Orders.Arn"}, "arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders"),
    ({"Ref": "Files"}, "shop-files-1a2b3c4d5e6f"),
    ({"Ref": "Jobs"}, "https://sqs.us-east-1.amazonaws.com/123456789012/shop-Jobs-1A2B3C4D5E6F.fifo"),
    (
        {"Fn::Sub": "${Stage}-${!Literal}-${AWS::Region}-${Orders.Arn}"},
        ("dev-${Literal}-us-east-1-arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders"),
    ),
    ({"Fn::Sub": ["${X}/${Stage}", {"X": {"Ref": "Size"}}]}, "512/dev"),
    ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 3]]}, "a-dev-3"),
    ({"Fn::Select": [1, {"Ref": "Zones"}]}, "b"),
    ({"Fn::Select": ["1", {"Fn::Split": ["/", "a/b/c"]}]}, "b"),
    ({"Fn::FindInMap": ["ByStage", {"Ref": "Stage"}, "Memory"]}, 256),
    ({"Fn::FindInMap": ["ByStage", "test", "Memory", {"DefaultValue": 128}]}, 128),
    ({"Fn::If": ["IsProd", 1, 2]}, 2),
    ({"Fn::If": ["Either", 1, 2]}, 1),
    ({"Fn::If": ["Both", 1, 2]}, 2),
    ({"A": 1, "B": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]}}, {"A": 1}),
    ([1, {"Ref": "AWS::NoValue"}], [1]),
    ({"Fn::Base64": "ab"}, "YWI="),
    ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a": "dev"}'),
    ({"Fn::Length": {"Ref": "Zones"}}, 2),
]


@pytest.mark.parametrize(("raw", "value"), KNOWN)
def test_what_is_known_before_the_deploy(raw: Any, value: Any) -> None:  # noqa: ANN401 - a template's
    found = evaluator().value(raw)
    assert found == value
    assert unknown(found) == ()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"Ref": "Secret"}, "the parameter Secret, which has no default"),
        ({"Fn::Sub": "x-${Secret}"}, "the parameter Secret, which has no default"),
        ({"Ref": "Key"}, "the SSM parameter /shop/key"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Stage}-Vpc"}}, "Fn::ImportValue dev-Vpc"),
        ("{{resolve:ssm:/shop/url:1}}", "the dynamic reference ssm:/shop/url:1"),
        ({"Fn::Sub": "{{resolve:secretsmanager:${Stage}}}"}, "the dynamic reference secretsmanager:dev"),
        ({"Fn::GetAtt": ["Odd", "Thing"]}, "Fn::GetAtt Odd.Thing"),
        ({"Ref": "Absent"}, "Ref Absent, which the template does not declare"),
        ({"Fn::If": ["Hidden", 1, 2]}, "the condition Hidden"),
        ({"Fn::FindInMap": ["ByStage", "test", "Memory"]}, "Fn::FindInMap ByStage test Memory, which"),
        ({"Fn::Select": [9, {"Ref": "Zones"}]}, "Fn::Select, which is not written as CloudFormation expects"),
        ({"Fn::Transform": {"Name": "AWS::Include"}}, "Fn::Transform"),
        ({"Ref": "Topic"}, "the parameter Secret, which has no default"),
        ({"Ref": "Left"}, "the name of Left"),
    ],
)
def test_what_only_a_deploy_decides_is_named(raw: Any, reason: str) -> None:  # noqa: ANN401 - a template's
    assert any(name.startswith(reason) for name in unknown(evaluator().value(raw)))


def test_parameters_are_overridden() -> None:
    found = evaluator(Stage="prod", Secret="s")  # noqa: S106 - a parameter of that name
    assert found.value([{"Ref": "Stage"}, {"Ref": "Secret"}, {"Fn::If": ["IsProd", 1, 2]}]) == ["prod", "s", 1]


def test_a_placeholder_has_a_value_that_is_allowed() -> None:
    assert evaluator().value({"Ref": "Level"}) == "INFO"


def test_conditions_in_a_circle_are_refused() -> None:
    with pytest.raises(UnreadableDocumentError, match="the condition Round refers to itself"):
        evaluator().condition("Round")


LONG = "x" * 10_000


@pytest.mark.parametrize(
    "raw",
    [
        {"Fn::Sub": ["${long}" * 2_000, {"long": LONG}]},
        {"Fn::Join": [LONG, ["a"] * 2_000]},
        {"Fn::Join": ["", [{"Fn::Join": ["", [{"Fn::Join": ["", [LONG] * 20]}] * 20]}] * 20]},
        [{"Fn::Base64": LONG}] * 2_000,
        [{"Fn::ToJsonString": {"a": LONG}}] * 2_000,
    ],
)
def test_texts_that_grow_without_end_are_refused(raw: object) -> None:
    with pytest.raises(UnreadableDocumentError, match="its texts expand to more than 10,000,000 characters"):
        evaluator().value(raw)


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([LONG], "Fn::ForEach::A has an item that is no name"),
        ([f"{'x' * 200}{number}" for number in range(50)], "its texts expand to more than 10,000,000 characters"),
    ],
)
def test_so_are_loops_that_write_them(items: list[str], sentence: str) -> None:
    body = {"F${X}": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "${X}" * 2_000}}}
    with pytest.raises(UnreadableDocumentError, match=sentence):
        list(loops(evaluator(), {"Fn::ForEach::A": ["X", items, body]}))
