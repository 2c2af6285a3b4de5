"""The least IAM policy, made from the list of calls that this package makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from harness.sources.aws_calls import ALLOWED, PINNED, Purpose, Resource
from harness.sources.aws_resources import LambdaFunction, LayerVersion, S3Object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.sources.aws_resources import AwsResource

_SIDS: Final = {
    Resource.OBJECT: "ReadObjects",
    Resource.DIRECTORY_BUCKET: "ReadDirectoryBuckets",
    Resource.FUNCTION: "ReadFunctions",
    Resource.LAYER_VERSION: "ReadLayers",
    Resource.ALL: "ReadAccount",
}
_ANY: Final = {
    Resource.OBJECT: ("arn:aws:s3:::BUCKET/*",),
    Resource.DIRECTORY_BUCKET: (),
    Resource.FUNCTION: ("arn:aws:lambda:REGION:ACCOUNT:function:*",),
    Resource.LAYER_VERSION: ("arn:aws:lambda:REGION:ACCOUNT:layer:*",),
    Resource.ALL: ("*",),
}


def policy(resources: Sequence[AwsResource] = (), *, preflight: bool = False, fleet: bool = False) -> str:
    """An IAM policy, as JSON.

    Args:
        resources: The resources to read; without any, placeholders in capitals.
        preflight: Whether to allow the calls of ``preflight``, too.
        fleet: The same of ``fleet --account``.
    """
    purposes = {Purpose.SOURCES, *([Purpose.PREFLIGHT] * preflight), *([Purpose.FLEET] * fleet)}
    pinned = not resources or any(isinstance(resource, S3Object) and resource.version for resource in resources)
    statements = []
    for kind, sid in _SIDS.items():
        calls = [call for call in ALLOWED if call.resource is kind and call.purpose in purposes]
        actions = {call.action for call in calls if call.action}
        if kind is Resource.OBJECT and pinned:
            actions.add(PINNED)
        named = {arn for resource in resources for arn in _arns(kind, resource)}
        arns = named if resources and kind is not Resource.ALL else set(_ANY[kind])
        if actions and arns:
            statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(arns)}
            statements.append(statement)
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _arns(kind: Resource, resource: AwsResource) -> tuple[str, ...]:
    """The ARNs that a policy needs for a resource, of those that restrict one kind of call."""
    match resource:
        case S3Object() if kind is (Resource.DIRECTORY_BUCKET if resource.express else Resource.OBJECT):
            return (resource.arn,)
        case LayerVersion(arn) if kind is Resource.LAYER_VERSION:
            return (arn,)
        case LambdaFunction() if kind is Resource.FUNCTION:
            arn = resource.function if resource.region else f"arn:aws:lambda:*:*:function:{resource.name}"
            return arn, f"{arn}:*"  # and its versions and aliases
        case LambdaFunction() if kind is Resource.LAYER_VERSION:  # any that it carries
            head = resource.function.partition(":function:")[0] if resource.region else "arn:aws:lambda:*:*"
            return (f"{head}:layer:*",)
        case _:
            return ()
