"""What a template declares is there when its functions start, and events of its own forms reach them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from harness import cli
from harness.discovery.find import discover
from harness.discovery.project import Project

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: dev}, Unknown: {Type: String}}
Conditions: {Never: !Equals [a, b]}
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${Stage}-orders
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: N}, {AttributeName: at, AttributeType: S}]
      KeySchema: [{AttributeName: at, KeyType: RANGE}, {AttributeName: id, KeyType: HASH}]
  Simple: {Type: AWS::Serverless::SimpleTable}
  Labels: {Type: AWS::S3::Bucket}
  Nobody: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Unknown}}
  Absent: {Type: AWS::S3::Bucket, Condition: Never}
  Refused: {Type: AWS::S3::Bucket, Properties: {BucketName: No Bucket}}
  Work: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  News: {Type: AWS::SNS::Topic}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Token: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /shop/token, Value: "17"}}
  Login:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {SecretStringTemplate: '{"user": "desk"}', GenerateStringKey: password}}
  Api:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: api
      Handler: app.handler
      Runtime: python3.12
      Environment:
        Variables:
          TABLE: !Ref Orders
          SIMPLE: !Ref Simple
          BUCKET: !Ref Labels
          QUEUE: !Ref Work
          TOPIC: !Ref News
          BUS: !GetAtt Bus.Arn
          TOKEN: !Ref Token
          LOGIN: !Ref Login
      Events:
        Http: {Type: HttpApi, Properties: {Path: "/orders/{id}", Method: get}}
        Default: {Type: HttpApi}
        Rest: {Type: Api, Properties: {Path: /orders, Method: post}}
        Work: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn}}
        Upload:
          Type: S3
          Properties:
            Bucket: !Ref Labels
            Events: s3:ObjectRemoved:*
            Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .pdf}]}}
        News: {Type: SNS, Properties: {Topic: !Ref News}}
        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
        Given: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), Input: '{"a": 1}'}}
        Changed: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop], detail: {state: [{prefix: op}]}}}}
        Stream: {Type: DynamoDB, Properties: {Stream: !GetAtt Orders.StreamArn, StartingPosition: LATEST}}
        Voice: {Type: AlexaSkill}
"""
CONFIG = '[default.deploy.parameters]\nregion = "eu-central-1"\nstack_name = "shop"\n'
USES = """\
import json, os, boto3

e = os.environ
tables = boto3.resource("dynamodb")
tables.Table(e["TABLE"]).put_item(Item={"id": 1, "at": "x"})
tables.Table(e["SIMPLE"]).put_item(Item={"id": "1"})
boto3.client("s3").put_object(Bucket=e["BUCKET"], Key="a", Body=b"b")
boto3.client("sqs").send_message(QueueUrl=e["QUEUE"], MessageBody="x", MessageGroupId="a")
boto3.client("sns").publish(TopicArn=e["TOPIC"], Message="x")
entry = {"EventBusName": e["BUS"], "Source": "a", "DetailType": "b", "Detail": "{}"}
assert boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
assert boto3.client("ssm").get_parameter(Name=e["TOKEN"])["Parameter"]["Value"] == "17"
login = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=e["LOGIN"])["SecretString"])
assert (login["user"], "password" in login) == ("desk", True)
"""
HANDLER = "\n\ndef handler(event, context):\n    return 1\n"
READS = 'import os, boto3\nITEM = boto3.resource("dynamodb").Table(os.environ["TABLE"]).get_item(Key=KEY)["Item"]\n'
SEED = (
    '[[tables]]\nname = "dev-orders"\nkey = "id"\nsort-key = "at"\nitems = [{ id = 1, at = "a" }]\n'
    '[[secrets]]\nname = "mine"\ntext = "hush"\n'
)


def project(folder: Path, code: str, manifest: str = "") -> Project:
    files = {"template.yaml": TEMPLATE, "samconfig.toml": CONFIG, "api/app.py": code + HANDLER, "seed.toml": SEED}
    if manifest:
        files["lambda-artifact.toml"] = f'from = "template.yaml"\n[functions.Api]\n{manifest}\n'
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return Project(folder, folder)


# Of an init: its code, what a manifest adds, the exit code, and whether the report says that AWS was emulated.
INITS: dict[str, tuple[str, str, int, bool]] = {
    "everything is there": (USES, "", 0, True),
    "no call, no emulator": ("import os\n", "", 0, False),
    "what is not declared is not judged": (
        'import boto3\nboto3.client("s3").head_bucket(Bucket="other")\n',
        "",
        3,
        True,
    ),
    "what is empty is not judged": (READS.replace("KEY", '{"id": 1, "at": "a"}'), "", 3, True),
    "a seed adds content": (READS.replace("KEY", '{"id": 1, "at": "a"}'), 'aws-seed = "seed.toml"', 0, True),
    "and has the last word": (READS.replace("KEY", '{"id": 2, "at": "a"}'), 'aws-seed = "seed.toml"', 1, True),
    "an error before the first call": ("import boto3\n1 / 0\n", "", 1, False),
    "a module that is nowhere, after a call": (USES + "import absent\n", "", 1, True),
    "an endpoint of its own": (USES, 'environment = { AWS_ENDPOINT_URL = "http://127.0.0.1:4566" }', 3, False),
}


@pytest.mark.network
@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("case", INITS)
def test_an_init_finds_what_its_template_declares(
    tmp_path: Path,
    case: str,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, manifest, expected, emulated = INITS[case]
    project(tmp_path, code, manifest)
    monkeypatch.chdir(tmp_path)
    ended = cli.run(["verify", "--engine", "process", "--select", "handler-imports", "--format", "json"], environ)
    report = json.loads(capsys.readouterr().out)
    assert (ended, any("moto" in caveat for caveat in report["engine"]["caveats"])) == (expected, emulated), report


@pytest.mark.network
@pytest.mark.usefixtures("python")
def test_events_of_the_template_are_handed_out(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, "", 'events = ["template:Http", "template:Nightly"]')
    monkeypatch.chdir(tmp_path)
    assert cli.run(["verify", "--engine", "process", "--format", "json"], environ) == 0
    results = {result["check"]: result["notes"] for result in json.loads(capsys.readouterr().out)["results"]}
    assert [note.partition(" in ")[0] for note in results["handler-responds"]] == [
        "template:Http: answered",
        "template:Nightly: answered",
    ]
    assert cli.run(["verify", "--event", "template:Voice"], {**os.environ, **environ}) == 2
    said = "--event: the template has no event Voice of Api: it has Http, Default, Rest, Work"
    assert said in capsys.readouterr().err


ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
# Of each event: values by the keys that lead to them, as the developer guide of AWS Lambda shows them.
EVENTS: dict[str, dict[str, Any]] = {
    "Http": {
        "version": "2.0",
        "routeKey": "GET /orders/{id}",
        "rawPath": "/orders/sample",
        "pathParameters.id": "sample",
        "requestContext.http.method": "GET",
    },
    "Default": {"routeKey": "$default", "requestContext.http.path": "/sample"},
    "Rest": {"version": "1.0", "httpMethod": "POST", "resource": "/orders", "path": "/orders", "body": "{}"},
    "Work": {
        "Records.0.eventSource": "aws:sqs",
        "Records.0.eventSourceARN": ARN.format("sqs", "shop-Work-1A2B3C4D5E6F.fifo"),
        "Records.0.attributes.MessageGroupId": "sample",
    },
    "Upload": {
        "Records.0.s3.bucket.name": "shop-labels-1a2b3c4d5e6f",
        "Records.0.s3.object.key": "in/sample.pdf",
        "Records.0.eventName": "ObjectRemoved:Delete",
    },
    "News": {"Records.0.Sns.TopicArn": ARN.format("sns", "shop-News-1A2B3C4D5E6F"), "Records.0.Sns.Message": "{}"},
    "Nightly": {"detail-type": "Scheduled Event", "source": "aws.events", "region": "eu-central-1"},
    "Given": {"a": 1},
    "Changed": {"source": "shop", "detail.state": "op"},
    "Stream": {"Records.0.eventSource": "aws:dynamodb", "Records.0.dynamodb.NewImage": {"id": {"S": "sample"}}},
}


def test_events_have_the_form_of_their_service(tmp_path: Path) -> None:
    found = discover(project(tmp_path, ""))
    assert found is not None
    (function,) = found.functions

    def at(value: Any, keys: str) -> Any:  # noqa: ANN401 - JSON
        for key in keys.split("."):
            value = value[int(key) if isinstance(value, list) else key]
        return value

    assert {
        name: {keys: at(json.loads(event), keys) for keys in EVENTS.get(name, {})}
        for name, event in function.events.items()
    } == EVENTS
