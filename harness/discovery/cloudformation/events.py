"""Events of the form in which the services that a SAM template names send them to a function.

Sources: the "Example event" of each service in the AWS Lambda developer guide, and the payload formats 1.0 and 2.0 in
the API Gateway developer guide. Only the user knows what stands in a message's body: here it is an empty object.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

from harness.discovery.cloudformation.intrinsics import ACCOUNT
from harness.discovery.document import mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ID: Final = "00000000-0000-4000-8000-000000000000"
_TIME: Final = "2026-01-01T00:00:00Z"
_BODY: Final = "{}"
_DIGEST: Final = "99914b932bd37a50b983c5e7c90ae93b"  # MD5 of the body
_VARIABLE: Final = re.compile(r"\{(\w+)(\+?)\}")


def sample(kind: str, properties: Mapping[str, Any], region: str) -> dict[str, Any] | None:
    """An event of an entry under ``Events``; None for a kind that is not known here.

    Args:
        kind: The entry's ``Type``.
        properties: Its evaluated ``Properties``.
        region: Where the stack is.
    """
    made = _MAKERS.get(kind)
    return made(properties, region) if made else None


def _text(properties: Mapping[str, Any], key: str, otherwise: str = "") -> str:
    value = properties.get(key)
    return value if isinstance(value, str) and value else otherwise


def _request(properties: Mapping[str, Any]) -> tuple[str, str, str, dict[str, str]]:
    """The method, the path as the route has it, the path as it is called, and its parameters."""
    method = _text(properties, "Method", "any").upper()
    route = _text(properties, "Path", "/{proxy+}")
    parameters = {name: "sample" for name, _ in _VARIABLE.findall(route)}
    return "GET" if method in ("ANY", "*") else method, route, _VARIABLE.sub("sample", route), parameters


def _rest(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    del region
    method, route, path, parameters = _request(properties)
    headers = {"Host": "abcde12345.execute-api.amazonaws.com", "Accept": "application/json"}
    return {
        "version": "1.0",
        "resource": route,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "abcde12345",
            "domainName": headers["Host"],
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "sample"},
            "path": f"/Prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": _ID,
            "requestTimeEpoch": 1767225600000,
            "resourcePath": route,
            "stage": "Prod",
        },
        "body": _BODY if method in ("POST", "PUT", "PATCH") else None,
        "isBase64Encoded": False,
    }


def _http(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    if str(properties.get("PayloadFormatVersion")) == "1.0":
        return _rest(properties, region)
    method, route, path, parameters = _request(properties)
    declared = _text(properties, "Method", "any").upper()
    key = "$default" if "Path" not in properties else f"{'ANY' if declared in ('ANY', '*') else declared} {route}"
    body = {"body": _BODY} if method in ("POST", "PUT", "PATCH") else {}
    return {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "abcde12345.execute-api.amazonaws.com", "accept": "application/json"},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "abcde12345",
            "domainName": "abcde12345.execute-api.amazonaws.com",
            "domainPrefix": "abcde12345",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "sample",
            },
            "requestId": _ID,
            "routeKey": key,
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        **({"pathParameters": parameters} if parameters else {}),
        **body,
        "isBase64Encoded": False,
    }


def _sqs(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    queue = _text(properties, "Queue", f"arn:aws:sqs:{region}:{ACCOUNT}:queue")
    fifo = {"MessageGroupId": "sample", "SequenceNumber": "1"} if queue.endswith(".fifo") else {}
    times = {"SentTimestamp": "1767225600000", "ApproximateFirstReceiveTimestamp": "1767225600001"}
    record = {
        "messageId": _ID,
        "receiptHandle": "sample",
        "body": _BODY,
        "attributes": {"ApproximateReceiveCount": "1", "SenderId": ACCOUNT, **times, **fifo},
        "messageAttributes": {},
        "md5OfBody": _DIGEST,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": region,
    }
    return {"Records": [record]}


def _s3(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    declared = properties.get("Events")
    name = str(next(iter(declared), "") if isinstance(declared, list) else declared or "").removeprefix("s3:")
    bucket = _text(properties, "Bucket", "bucket")
    rules = sequence(mapping(mapping(properties.get("Filter")).get("S3Key")).get("Rules"))
    affixes = {str(mapping(rule).get("Name")).lower(): str(mapping(rule).get("Value")) for rule in rules}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": _TIME,
        "eventName": (name or "ObjectCreated:*").replace("*", "Delete" if "Removed" in name else "Put"),
        "userIdentity": {"principalId": "sample"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "sample", "x-amz-id-2": "sample"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "sample",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "sample"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {
                "key": f"{affixes.get('prefix', '')}sample{affixes.get('suffix', '')}",
                "size": 2,
                "eTag": _DIGEST,
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    return {"Records": [record]}


def _sns(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    topic = _text(properties, "Topic", f"arn:aws:sns:{region}:{ACCOUNT}:topic")
    message: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": _ID,
        "TopicArn": topic,
        "Subject": None,
        "Message": _BODY,
        "Timestamp": "2026-01-01T00:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "sample",
        "SigningCertUrl": "https://sns.amazonaws.com/sample.pem",
        "UnsubscribeUrl": "https://sns.amazonaws.com/",
        "MessageAttributes": {},
    }
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": f"{topic}:{_ID}", "Sns": message}
    return {"Records": [record]}


def _bus(source: str, kind: str, detail: Any, region: str) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "version": "0",
        "id": _ID,
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": _TIME,
        "region": region,
        "resources": [],
        "detail": detail,
    }


def _rule(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    pattern = mapping(properties.get("Pattern"))
    source, kind = (str(_matching(pattern.get(key), "sample")) for key in ("source", "detail-type"))
    return _bus(source, kind, _matching(pattern.get("detail"), {}), region)


def _matching(pattern: object, otherwise: Any) -> Any:  # noqa: ANN401 - JSON
    """A value that a pattern of EventBridge matches, where it names one."""
    if isinstance(pattern, dict):
        return {name: _matching(part, "sample") for name, part in pattern.items()}
    first = next(iter(sequence(pattern)), otherwise)
    return mapping(first).get("prefix", otherwise) if isinstance(first, dict) else first


def _schedule(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    return _given(properties) or _bus("aws.events", "Scheduled Event", {}, region)


def _scheduler(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    return _given(properties) or _bus("aws.scheduler", "Scheduled Event", _BODY, region)


def _given(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The ``Input`` of a schedule, which is sent instead of an event."""
    try:
        return mapping(json.loads(_text(properties, "Input", "null")))
    except ValueError:
        return {}


def _stream(properties: Mapping[str, Any], region: str) -> dict[str, Any]:
    stream = _text(properties, "Stream", f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/table/stream/{_TIME}")
    if ":kinesis:" in stream:
        return {
            "Records": [
                {
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0",
                        "partitionKey": "sample",
                        "sequenceNumber": "1",
                        "data": base64.b64encode(_BODY.encode()).decode(),
                        "approximateArrivalTimestamp": 1767225600.0,
                    },
                    "eventSource": "aws:kinesis",
                    "eventVersion": "1.0",
                    "eventID": "shardId-000000000000:1",
                    "eventName": "aws:kinesis:record",
                    "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/sample",
                    "awsRegion": region,
                    "eventSourceARN": stream,
                }
            ]
        }
    key = {"id": {"S": "sample"}}
    record = {
        "eventID": "1",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767225600,
            "Keys": key,
            "NewImage": key,
            "SequenceNumber": "1",
            "SizeBytes": 2,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": stream,
    }
    return {"Records": [record]}


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]]] = {
    "Api": _rest,
    "HttpApi": _http,
    "SQS": _sqs,
    "S3": _s3,
    "SNS": _sns,
    "EventBridgeRule": _rule,
    "CloudWatchEvent": _rule,
    "Schedule": _schedule,
    "ScheduleV2": _scheduler,
    "DynamoDB": _stream,
    "Kinesis": _stream,
}
