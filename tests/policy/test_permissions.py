"""The actions of SAM's policy templates and of AWS's policies for functions, compared with where they come from."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from harness.policy.permissions import of_managed, of_templates

if TYPE_CHECKING:
    from collections.abc import Iterable


def actions(statements: Iterable[dict[str, Any]]) -> set[str]:
    assert {one["Effect"] for one in statements} == {"Allow"}
    several = (one["Action"] for one in statements)
    return {action for one in several for action in ([one] if isinstance(one, str) else one)}


def test_templates_are_those_of_sam() -> None:
    pytest.importorskip("samtranslator", reason="a development dependency")
    text = files("samtranslator.policy_templates_data").joinpath("policy_templates.json").read_text("utf-8")

    theirs = {name: actions(one["Definition"]["Statement"]) for name, one in json.loads(text)["Templates"].items()}

    assert {name: set(ours) for name, ours in of_templates().items()} == theirs


def test_managed_policies_are_those_that_moto_has_from_iam() -> None:
    from moto.iam.aws_managed_policies import aws_managed_policies_data  # noqa: PLC0415 - 5 MB

    theirs = json.loads(aws_managed_policies_data)

    assert {"AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"} < of_managed().keys()
    for name, ours in of_managed().items():
        assert set(ours) == actions(theirs[name]["Document"]["Statement"]), name
