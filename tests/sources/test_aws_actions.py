"""The operations behind the SDK's methods, and the permissions that they need."""

from __future__ import annotations

import pytest

from harness.sources.aws_actions import ACTIONS, actions, operations, service_model


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
