"""The names and ARNs that CloudFormation's references to resources come to.

Source: the "Return values" section of each resource's page in the CloudFormation template reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of each type: the property that names it, and the form of its ARN.
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::{name}"),
    "AWS::DynamoDB::Table": ("TableName", "arn:aws:dynamodb:{region}:{account}:table/{name}"),
    "AWS::DynamoDB::GlobalTable": ("TableName", "arn:aws:dynamodb:{region}:{account}:table/{name}"),
    "AWS::Serverless::SimpleTable": ("TableName", "arn:aws:dynamodb:{region}:{account}:table/{name}"),
    "AWS::SQS::Queue": ("QueueName", "arn:aws:sqs:{region}:{account}:{name}"),
    "AWS::SNS::Topic": ("TopicName", "arn:aws:sns:{region}:{account}:{name}"),
    "AWS::Kinesis::Stream": ("Name", "arn:aws:kinesis:{region}:{account}:stream/{name}"),
    "AWS::KinesisFirehose::DeliveryStream": (
        "DeliveryStreamName",
        "arn:aws:firehose:{region}:{account}:deliverystream/{name}",
    ),
    "AWS::Events::EventBus": ("Name", "arn:aws:events:{region}:{account}:event-bus/{name}"),
    "AWS::Events::Rule": ("Name", "arn:aws:events:{region}:{account}:rule/{name}"),
    "AWS::SSM::Parameter": ("Name", "arn:aws:ssm:{region}:{account}:parameter/{name}"),
    "AWS::SecretsManager::Secret": ("Name", "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf"),
    "AWS::StepFunctions::StateMachine": (
        "StateMachineName",
        "arn:aws:states:{region}:{account}:stateMachine:{name}",
    ),
    "AWS::Serverless::StateMachine": ("Name", "arn:aws:states:{region}:{account}:stateMachine:{name}"),
    "AWS::Serverless::Function": ("FunctionName", "arn:aws:lambda:{region}:{account}:function:{name}"),
    "AWS::Lambda::Function": ("FunctionName", "arn:aws:lambda:{region}:{account}:function:{name}"),
    "AWS::IAM::Role": ("RoleName", "arn:aws:iam::{account}:role/{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "arn:aws:logs:{region}:{account}:log-group:{name}:*"),
    "AWS::KMS::Key": ("", "arn:aws:kms:{region}:{account}:key/11111111-2222-3333-4444-555555555555"),
    "AWS::KMS::Alias": ("AliasName", "arn:aws:kms:{region}:{account}:{name}"),
}
_REFERENCES: Final[Mapping[str, str]] = {
    "AWS::SQS::Queue": "https://sqs.{region}.amazonaws.com/{account}/{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
    "AWS::Serverless::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
    "AWS::KMS::Key": "11111111-2222-3333-4444-555555555555",
    "AWS::Serverless::Api": "abcde12345",
    "AWS::Serverless::HttpApi": "abcde12345",
    "AWS::ApiGateway::RestApi": "abcde12345",
    "AWS::ApiGatewayV2::Api": "abcde12345",
    "AWS::Cognito::UserPool": "{region}_AbCdEfGhI",
    "AWS::Cognito::UserPoolClient": "1a2b3c4d5e6f7g8h9i0j1k2l3m",
}
_ATTRIBUTES: Final[Mapping[tuple[str, str], str]] = {
    ("AWS::SQS::Queue", "QueueName"): "{name}",
    ("AWS::SQS::Queue", "QueueUrl"): "https://sqs.{region}.amazonaws.com/{account}/{name}",
    ("AWS::SNS::Topic", "TopicName"): "{name}",
    ("AWS::SNS::Topic", "TopicArn"): "arn:aws:sns:{region}:{account}:{name}",
    ("AWS::S3::Bucket", "DomainName"): "{name}.s3.amazonaws.com",
    ("AWS::S3::Bucket", "RegionalDomainName"): "{name}.s3.{region}.amazonaws.com",
    ("AWS::S3::Bucket", "WebsiteURL"): "http://{name}.s3-website-{region}.amazonaws.com",
    ("AWS::Events::EventBus", "Name"): "{name}",
    ("AWS::StepFunctions::StateMachine", "Name"): "{name}",
    ("AWS::SecretsManager::Secret", "Id"): "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    ("AWS::DynamoDB::Table", "StreamArn"): (
        "arn:aws:dynamodb:{region}:{account}:table/{name}/stream/2024-01-01T00:00:00.000"
    ),
}


GENERATED: Final = "1A2B3C4D5E6F"
"""What the names end with that a deploy makes up."""


def physical(kind: str, properties: Mapping[str, object], generated: str) -> str:
    """The name of a resource: its own where it declares one, else as CloudFormation would begin it."""
    named = properties.get(_TYPES.get(kind, ("", ""))[0]) or properties.get("Name")
    if isinstance(named, str) and named:
        return named
    name = f"{generated}-{GENERATED}"
    if kind == "AWS::S3::Bucket":
        return name.lower()
    fifo = kind in ("AWS::SQS::Queue", "AWS::SNS::Topic") and properties.get("FifoQueue", properties.get("FifoTopic"))
    return f"{name}.fifo" if str(fifo).lower() == "true" else name


def reference(kind: str, properties: Mapping[str, object], generated: str, region: str, account: str) -> str | None:
    """What ``Ref`` gives for a resource; None for a type that is not known here."""
    if kind not in _TYPES and kind not in _REFERENCES:
        return None
    name = physical(kind, properties, generated)
    return _REFERENCES.get(kind, "{name}").format(name=name, region=region, account=account)


def attribute(  # noqa: PLR0913, PLR0917 - where a resource is takes three
    kind: str, wanted: str, properties: Mapping[str, object], generated: str, region: str, account: str
) -> str | None:
    """What ``Fn::GetAtt`` gives for an attribute of a resource; None for one that is not known here."""
    form = _ATTRIBUTES.get((kind, wanted))
    if form is None and wanted == "Arn":
        form = _TYPES.get(kind, ("", ""))[1] or None
    if form is None:
        return None
    return form.format(name=physical(kind, properties, generated).lstrip("/"), region=region, account=account)
