"""The IAM actions that SAM's policy templates and AWS's policies for functions allow: data, in ``permissions.json``."""

from __future__ import annotations

from functools import cache

from harness.policy.documents import read_json


@cache
def of_templates() -> dict[str, tuple[str, ...]]:
    """The actions of each policy template of SAM: ``DynamoDBReadPolicy``."""
    return {name: tuple(actions) for name, actions in read_json("permissions.json")["templates"].items()}


@cache
def of_managed() -> dict[str, tuple[str, ...]]:
    """The actions of AWS's own policies that are made for functions' roles: ``AWSLambdaBasicExecutionRole``."""
    return {name: tuple(actions) for name, actions in read_json("permissions.json")["managed"].items()}
