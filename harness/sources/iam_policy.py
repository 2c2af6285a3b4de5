"""The least that IAM must allow, made from the list of calls that this package makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from harness.sources.aws_calls import ALLOWED, PINNED, Purpose, Resource
from harness.sources.aws_resources import LambdaFunction, LayerVersion, S3Object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.sources.aws_resources import Place

_SIDS: Final = {
    Resource.OBJECT: "ReadObjects",
    Resource.FUNCTION: "ReadFunctions",
    Resource.LAYER_VERSION: "ReadLayers",
    Resource.ALL: "ReadAccount",
}
_ANY: Final = {
    Resource.OBJECT: ("arn:aws:s3:::BUCKET/*",),
    Resource.FUNCTION: ("arn:aws:lambda:REGION:ACCOUNT:function:*",),
    Resource.LAYER_VERSION: ("arn:aws:lambda:REGION:ACCOUNT:layer:*",),
    Resource.ALL: ("*",),
}


def policy(places: Sequence[Place] = (), *, preflight: bool = False) -> str:
    """An IAM policy, as JSON.

    Args:
        places: What is to be read; without any, names in capitals stand for them.
        preflight: Whether to allow what ``preflight`` asks, too.
    """
    purposes = {Purpose.SOURCES, Purpose.PREFLIGHT} if preflight else {Purpose.SOURCES}
    statements = []
    for resource, sid in _SIDS.items():
        wanted = [one.action for one in ALLOWED if one.resource is resource and one.purpose in purposes]
        actions = {action for action in wanted if action}
        if resource is Resource.OBJECT and (not places or any(isinstance(p, S3Object) and p.version for p in places)):
            actions.add(PINNED)
        targets = _targets(resource, places) if places else _ANY[resource]
        if actions and targets:
            statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(set(targets))}
            statements.append(statement)
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _targets(resource: Resource, places: Sequence[Place]) -> tuple[str, ...]:
    """What a policy names the places by, as far as they are of one kind."""
    if resource is Resource.ALL:
        return _ANY[resource]
    return tuple(target for one in places for target in _of(resource, one))


def _of(resource: Resource, one: Place) -> tuple[str, ...]:
    match one:
        case S3Object(bucket, key) if resource is Resource.OBJECT:
            return (f"arn:aws:s3:::{bucket}/{key}",)
        case LayerVersion(arn) if resource is Resource.LAYER_VERSION:
            return (arn,)
        case LambdaFunction() if resource is Resource.FUNCTION:
            arn = one.function if one.region else f"arn:aws:lambda:*:*:function:{one.name}"
            return arn, f"{arn}:*"  # and its versions and aliases
        case LambdaFunction() if resource is Resource.LAYER_VERSION:  # which ones it carries is not known here
            head = one.function.partition(":function:")[0] if one.region else "arn:aws:lambda:*:*"
            return (f"{head}:layer:*",)
        case _:
            return ()
