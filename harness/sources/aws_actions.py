"""The IAM actions that calls of AWS's SDK need, by the SDK's own model of each service."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import botocore.session
    from botocore.model import ServiceModel

# IAM's prefix where it is neither the name that requests are signed with nor the beginning of the endpoint.
_PREFIXES: Final = MappingProxyType({"monitoring": "cloudwatch", "iotdata": "iot", "tagging": "tag"})
# Methods that the SDK adds to its clients and resources, by the operations that they call.
_TRANSFERS: Final = MappingProxyType(
    {
        **dict.fromkeys(("upload_file", "upload_fileobj"), ("PutObject",)),
        **dict.fromkeys(("download_file", "download_fileobj"), ("GetObject",)),
        **dict.fromkeys(("copy", "copy_from"), ("CopyObject",)),
        "generate_presigned_post": ("PutObject",),
        "batch_writer": ("BatchWriteItem",),
    }
)
ACTIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "apigatewaymanagementapi:DeleteConnection": ("execute-api:ManageConnections",),
        "apigatewaymanagementapi:GetConnection": ("execute-api:ManageConnections",),
        "apigatewaymanagementapi:PostToConnection": ("execute-api:ManageConnections",),
        "bedrock-runtime:Converse": ("bedrock:InvokeModel",),
        "bedrock-runtime:ConverseStream": ("bedrock:InvokeModelWithResponseStream",),
        "dynamodb:BatchExecuteStatement": ("dynamodb:PartiQLSelect",),
        "dynamodb:ExecuteStatement": ("dynamodb:PartiQLSelect",),
        "dynamodb:TransactGetItems": ("dynamodb:GetItem",),
        "dynamodb:TransactWriteItems": ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
        "kms:ReEncrypt": ("kms:ReEncryptFrom", "kms:ReEncryptTo"),
        "lambda:Invoke": ("lambda:InvokeFunction",),
        "lambda:InvokeAsync": ("lambda:InvokeFunction",),
        "lambda:InvokeWithResponseStream": ("lambda:InvokeFunction",),
        "s3:CompleteMultipartUpload": ("s3:PutObject",),
        "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
        "s3:CreateMultipartUpload": ("s3:PutObject",),
        "s3:DeleteBucketCors": ("s3:PutBucketCORS",),
        "s3:DeleteObjects": ("s3:DeleteObject",),
        "s3:GetBucketCors": ("s3:GetBucketCORS",),
        "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
        "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
        "s3:GetBucketNotificationConfiguration": ("s3:GetBucketNotification",),
        "s3:GetBucketReplication": ("s3:GetReplicationConfiguration",),
        "s3:HeadBucket": ("s3:ListBucket",),
        "s3:HeadObject": ("s3:GetObject",),
        "s3:ListBuckets": ("s3:ListAllMyBuckets",),
        "s3:ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
        "s3:ListObjectVersions": ("s3:ListBucketVersions",),
        "s3:ListObjects": ("s3:ListBucket",),
        "s3:ListObjectsV2": ("s3:ListBucket",),
        "s3:ListParts": ("s3:ListMultipartUploadParts",),
        "s3:PutBucketCors": ("s3:PutBucketCORS",),
        "s3:PutBucketEncryption": ("s3:PutEncryptionConfiguration",),
        "s3:PutBucketLifecycleConfiguration": ("s3:PutLifecycleConfiguration",),
        "s3:PutBucketNotificationConfiguration": ("s3:PutBucketNotification",),
        "s3:PutBucketReplication": ("s3:PutReplicationConfiguration",),
        "s3:SelectObjectContent": ("s3:GetObject",),
        "s3:UploadPart": ("s3:PutObject",),
        "s3:UploadPartCopy": ("s3:GetObject", "s3:PutObject"),
        "sns:PublishBatch": ("sns:Publish",),
        "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
        "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
        "sqs:SendMessageBatch": ("sqs:SendMessage",),
        "sts:GetCallerIdentity": (),
        "sts:GetSessionToken": (),
    }
)
"""The actions of operations whose permission has another name, or that need none (Service Authorization Reference)."""
_OTHERS: Final = frozenset({"apigateway"})
"""Services whose actions are no operations: API Gateway's are HTTP methods."""


def operations(service: str, resource: str | None, method: str) -> tuple[str, ...]:
    """The operations that a method calls: ``("ListObjectsV2",)``; empty where it calls none, or none is known.

    Args:
        service: As clients are made: ``dynamodb``.
        resource: Where it is no method of a client, the classes and collections that lead from the service's resource
            to what it is called on: ``Table``, ``Bucket.objects``; empty for that resource itself.
        method: Its name in Python.
    """
    model = service_model(service)
    if model is None:
        return ()
    if service in {"s3", "dynamodb"} and method in _TRANSFERS:
        return _TRANSFERS[method]
    if resource is None:
        return _methods(service).get(method, ())
    return _of_resource(service, resource, method)


def actions(service: str, operation: str) -> tuple[str, ...]:
    """The IAM actions that an operation needs: ``("s3:ListBucket",)``; empty where none is needed or known."""
    model = service_model(service)
    if model is None or service in _OTHERS:
        return ()
    prefix = model.metadata.get("signingName") or model.endpoint_prefix
    return ACTIONS.get(f"{service}:{operation}", (f"{_PREFIXES.get(prefix, prefix)}:{operation}",))


def s3_operation(method: str, depth: int, keys: Iterable[str]) -> str:
    """The operation of a request to S3, which has its name in no request; empty where the SDK makes none like it.

    Args:
        method: Of HTTP.
        depth: 1 where its path names a bucket, 2 where it names a key in it.
        keys: Of its query, and ``x-amz-copy-source`` where it has that header.
    """
    there = frozenset(keys)
    fitting = [(len(needed), name) for name, *wanted, needed in _s3() if wanted == [method, depth] and needed <= there]
    return max(fitting, key=lambda one: (one[0], -len(one[1])), default=(0, ""))[1]


@cache
def _s3() -> tuple[tuple[str, str, int, frozenset[str]], ...]:
    """Of each operation: the method, the depth of its path, and what its query and its headers must have."""
    model = service_model("s3")
    found = []
    for operation in map(model.operation_model, model.operation_names) if model else ():
        path, _, query = operation.http["requestUri"].partition("?")
        needed = {part.partition("=")[0] for part in query.split("&") if part}
        shape = operation.input_shape
        required = [shape.members[name].serialization for name in shape.required_members] if shape else []
        for at in required:
            if at.get("location") == "querystring" or at.get("name") == "x-amz-copy-source":
                needed.add(at["name"])
        if not operation.deprecated:
            found.append((operation.name, operation.http["method"], path.count("{"), frozenset(needed)))
    return tuple(found)


@cache
def _session() -> botocore.session.Session:
    import boto3  # noqa: PLC0415 - takes a tenth of a second
    import botocore.session  # noqa: PLC0415

    session = botocore.session.Session()
    session.get_component("data_loader").search_paths.append(str(Path(boto3.__file__).parent / "data"))
    return session


@cache
def service_model(service: str) -> ServiceModel | None:
    """The SDK's model of a service; None of what is no service."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    try:
        return _session().get_service_model(service)
    except (BotoCoreError, ValueError):
        return None


@cache
def _methods(service: str) -> Mapping[str, tuple[str, ...]]:
    from botocore import xform_name  # noqa: PLC0415

    model = service_model(service)
    return {xform_name(name): (name,) for name in model.operation_names} if model else {}


def _of_resource(service: str, resource: str, method: str) -> tuple[str, ...]:
    """The operation behind an action or a collection of a resource."""
    from botocore import xform_name  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    try:
        data: dict[str, Any] = _session().get_component("data_loader").load_service_model(service, "resources-1")
    except (BotoCoreError, ValueError):
        return ()
    shape, request = data["service"], None
    for part in filter(None, resource.split(".")):
        if part in data["resources"]:
            shape = data["resources"][part]
            continue
        collections = {xform_name(name): one for name, one in shape.get("hasMany", {}).items()}
        if part not in collections:
            return ()
        request = collections[part]["request"]["operation"]
        shape = data["resources"].get(collections[part]["resource"]["type"], {})
        shape = {"actions": shape.get("batchActions", {})}
    if request and method in {"all", "filter", "limit", "page_size", "pages"}:
        return (request,)
    found = {xform_name(name): one["request"]["operation"] for name, one in shape.get("actions", {}).items()}
    if method in {"load", "reload"} and "load" in shape:
        return (shape["load"]["request"]["operation"],)
    called = (found[method],) if method in found else ()
    return (request, *called) if request and called else called
