"""The calls that this package makes to AWS, and their IAM actions; one of them writes, where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Purpose(StrEnum):
    """The command that needs a call."""

    SOURCES = "sources"
    PREFLIGHT = "preflight"
    FLEET = "fleet"


class Resource(StrEnum):
    """The kind of resource that an IAM policy can restrict a call to."""

    OBJECT = "object"
    DIRECTORY_BUCKET = "directory bucket"
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
        purpose: ``preflight`` and ``fleet`` make the calls of the sources, too.
    """

    service: str
    name: str
    action: str | None
    resource: Resource
    purpose: Purpose = Purpose.SOURCES


ALLOWED: Final = (
    Operation("s3", "HeadObject", "s3:GetObject", Resource.OBJECT),
    Operation("s3", "GetObject", "s3:GetObject", Resource.OBJECT),
    # The SDK's own call for a directory bucket, before any other of these: what it is allowed, the session is, to read.
    Operation("s3", "CreateSession", "s3express:CreateSession", Resource.DIRECTORY_BUCKET),
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
    Operation("lambda", "ListFunctions", "lambda:ListFunctions", Resource.ALL, Purpose.FLEET),
    Operation("resourcegroupstaggingapi", "GetResources", "tag:GetResources", Resource.ALL, Purpose.FLEET),
    Operation("lambda", "ListLayerVersions", "lambda:ListLayerVersions", Resource.ALL, Purpose.PREFLIGHT),
    Operation("lambda", "ListCodeSigningConfigs", "lambda:ListCodeSigningConfigs", Resource.ALL, Purpose.PREFLIGHT),
    Operation(
        "lambda",
        "ListFunctionsByCodeSigningConfig",
        "lambda:ListFunctionsByCodeSigningConfig",
        Resource.ALL,
        Purpose.PREFLIGHT,
    ),
    Operation("lambda", "GetAccountSettings", "lambda:GetAccountSettings", Resource.ALL, Purpose.PREFLIGHT),
)
"""All calls that read: a client refuses every other one, and the IAM policy is made from these."""

PINNED: Final = "s3:GetObjectVersion"
"""The IAM action in place of ``s3:GetObject`` where a version of an object is named."""


WRITES: Final = (Operation("s3", "PutObject", "s3:PutObject", Resource.OBJECT),)
"""What ``--write-verdict-cache`` needs in addition, below the prefix that the user names."""


def operation(service: str, name: str, *, writes: bool = False) -> Operation | None:
    """The call of that name; None where this package does not make it, or it writes and that is not asked for."""
    calls = (*ALLOWED, *WRITES) if writes else ALLOWED
    return next((call for call in calls if (call.service, call.name) == (service, name)), None)
