"""The operations behind the SDK's methods, and the permissions that they need."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import StringShape, StructureShape

from harness.sources.aws_actions import ACTIONS, actions, operations, s3_operation, service_model

if TYPE_CHECKING:
    from botocore.model import Shape


@pytest.mark.parametrize(
    ("service", "resource", "method", "found"),
    [
        ("s3", None, "put_object", ["PutObject s3:PutObject"]),
        ("s3", None, "list_objects_v2", ["ListObjectsV2 s3:ListBucket"]),
        ("s3", None, "copy_object", ["CopyObject s3:GetObject s3:PutObject"]),
        ("s3", "Bucket", "upload_file", ["PutObject s3:PutObject"]),
        ("s3", "Bucket.objects", "filter", ["ListObjects s3:ListBucket"]),
        ("s3", "Bucket.objects", "delete", ["ListObjects s3:ListBucket", "DeleteObjects s3:DeleteObject"]),
        ("s3", "Object", "load", ["HeadObject s3:GetObject"]),
        ("s3", "", "Bucket", []),
        ("s3", "Nothing", "get", []),
        ("s3", None, "close", []),
        ("dynamodb", "Table", "query", ["Query dynamodb:Query"]),
        ("sqs", "", "get_queue_by_name", ["GetQueueUrl sqs:GetQueueUrl"]),
        ("lambda", None, "invoke", ["Invoke lambda:InvokeFunction"]),
        ("sesv2", None, "send_email", ["SendEmail ses:SendEmail"]),
        ("cloudwatch", None, "put_metric_data", ["PutMetricData cloudwatch:PutMetricData"]),
        ("stepfunctions", None, "start_execution", ["StartExecution states:StartExecution"]),
        ("bedrock-runtime", None, "converse", ["Converse bedrock:InvokeModel"]),
        ("sts", None, "get_caller_identity", ["GetCallerIdentity"]),
        ("apigateway", None, "get_rest_apis", ["GetRestApis"]),
        ("ssm", "", "get_parameter", []),
        ("no-service", None, "get_object", []),
    ],
)
def test_what_a_method_calls_and_needs(service: str, resource: str | None, method: str, found: list[str]) -> None:
    said = [" ".join((one, *actions(service, one))) for one in operations(service, resource, method)]

    assert said == found


def test_every_operation_of_the_table_is_one_of_the_sdk() -> None:
    """An operation that is misspelt would never be looked up."""
    named = [name.split(":") for name in ACTIONS]
    models = {service: service_model(service) for service, _ in named}

    assert [one for one in named if (model := models[one[0]]) is None or one[1] not in model.operation_names] == []


OTHER_HOSTS = {"ListDirectoryBuckets", "WriteGetObjectResponse"}  # of S3 Express and Object Lambda


def least(shape: Shape) -> Any:  # noqa: ANN401 - a parameter
    """The least value of a parameter that the SDK takes."""
    match shape:
        case StructureShape():
            return {name: least(shape.members[name]) for name in shape.required_members}
        case StringShape():
            return [*shape.enum, "text"][0]
        case _:
            return {"list": [], "map": {}, "blob": b"", "boolean": True, "timestamp": 0}.get(shape.type_name, 1)


def test_requests_to_s3_have_the_operations_that_the_sdk_makes_them_for() -> None:
    """All of its operations, by the requests that botocore sends; deprecated ones share theirs with a newer one."""
    session = botocore.session.Session()
    session.set_credentials("nobody", "nobody")
    client = session.create_client("s3", "us-east-1", endpoint_url="http://127.0.0.1:9")
    sent: list[Any] = []

    def send(request: Any, **_: Any) -> AWSResponse:  # noqa: ANN401 - botocore's
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), io.BytesIO())

    client.meta.events.register("before-send.s3", send)  # type: ignore[arg-type]  # its answer is taken
    found, expected = [], []
    for operation in map(client.meta.service_model.operation_model, client.meta.service_model.operation_names):
        sent.clear()
        shape = operation.input_shape
        with contextlib.suppress(Exception):  # the answer is no right one
            getattr(client, xform_name(operation.name))(**(least(shape) if shape else {}))
        if sent and not operation.deprecated and operation.name not in OTHER_HOSTS:
            url = urlsplit(sent[-1].url)
            keys = [part.partition("=")[0] for part in url.query.split("&")]
            keys += [name.lower() for name in sent[-1].headers if name.lower() == "x-amz-copy-source"]
            found.append(s3_operation(sent[-1].method, len(url.path.strip("/").split("/")) * (url.path != "/"), keys))
            expected.append(operation.name)

    assert len(found) > 90
    assert found == expected
