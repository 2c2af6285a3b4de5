"""The calls that this package makes to AWS, none of which changes anything, and their IAM actions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Purpose(StrEnum):
    """The command that needs a call."""

    SOURCES = "sources"
    PREFLIGHT = "preflight"


class Resource(StrEnum):
    """The kind of resource that an IAM policy can restrict a call to."""

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
        action: The IAM action; None where AWS answers without it.
        resource: The kind of resource that the action can be restricted to.
        purpose: ``preflight`` makes the calls of the sources, too.
    """

    service: str
    name: str
    action: str | None
    resource: Resource
    purpose: Purpose = Purpose.SOURCES


ALLOWED: Final = (
    Operation("s3", "HeadObject", "s3:GetObject", Resource.OBJECT),
    Operation("s3", "GetObject", "s3:GetObject", Resource.OBJECT),
    # The SDK's own call for the region of a bucket; the region is in the refusal, too.
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
"""All calls: the client refuses every other one, and the IAM policy is made from these."""

PINNED: Final = "s3:GetObjectVersion"
"""The IAM action in place of ``s3:GetObject`` where a version of an object is named."""


def operation(service: str, name: str) -> Operation | None:
    """The call of that name; None where this package does not make it."""
    return next((call for call in ALLOWED if (call.service, call.name) == (service, name)), None)
