"""The calls that this package makes to AWS, and what allows them. None of them changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Purpose(StrEnum):
    """What needs a call."""

    SOURCES = "sources"
    PREFLIGHT = "preflight"


class Resource(StrEnum):
    """What an IAM policy can restrict a call to."""

    OBJECT = "object"
    FUNCTION = "function"
    LAYER_VERSION = "layer version"
    ALL = "*"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call.

    Attributes:
        service: As the SDK names it: ``s3``.
        name: As AWS names it: ``GetObject``.
        action: What IAM must allow; None where AWS answers what we need to know without it.
        resource: What the action can be restricted to.
        purpose: What needs it first; ``preflight`` makes those of the sources, too.
    """

    service: str
    name: str
    action: str | None
    resource: Resource
    purpose: Purpose = Purpose.SOURCES


ALLOWED: Final = (
    Operation("s3", "HeadObject", "s3:GetObject", Resource.OBJECT),
    Operation("s3", "GetObject", "s3:GetObject", Resource.OBJECT),
    # The SDK's own question in which region a bucket is; the answer is in the refusal, too.
    Operation("s3", "HeadBucket", None, Resource.ALL),
    Operation("lambda", "GetFunction", "lambda:GetFunction", Resource.FUNCTION),
    Operation("lambda", "GetFunctionConfiguration", "lambda:GetFunctionConfiguration", Resource.FUNCTION),
    Operation("lambda", "GetAlias", "lambda:GetAlias", Resource.FUNCTION),
    Operation("lambda", "GetLayerVersion", "lambda:GetLayerVersion", Resource.LAYER_VERSION),
    Operation("lambda", "GetLayerVersionByArn", "lambda:GetLayerVersion", Resource.LAYER_VERSION),
    Operation("lambda", "ListAliases", "lambda:ListAliases", Resource.FUNCTION, Purpose.PREFLIGHT),
    Operation(
        "lambda", "ListVersionsByFunction", "lambda:ListVersionsByFunction", Resource.FUNCTION, Purpose.PREFLIGHT
    ),
    Operation("lambda", "ListFunctions", "lambda:ListFunctions", Resource.ALL, Purpose.PREFLIGHT),
    Operation("lambda", "ListLayerVersions", "lambda:ListLayerVersions", Resource.ALL, Purpose.PREFLIGHT),
    Operation("lambda", "GetAccountSettings", "lambda:GetAccountSettings", Resource.ALL, Purpose.PREFLIGHT),
)
"""All of them: the client refuses every other one, and the policy that users give is made of these."""

PINNED: Final = "s3:GetObjectVersion"
"""What IAM must allow in place of ``s3:GetObject`` where a version of an object is named."""


def operation(service: str, name: str) -> Operation | None:
    """The call, if it is one of ours."""
    return next((one for one in ALLOWED if (one.service, one.name) == (service, name)), None)
