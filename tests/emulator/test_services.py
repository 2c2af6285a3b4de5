"""What a handler finds behind its AWS_ENDPOINT_URL, with the runtime's own boto3, in both engines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.engines.process import ProcessEngine
from harness.engines.rungs import rungs
from tests.emulator.rehearsing import Rehearsal
from tests.engines.bench import start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine
    from harness.manifest.seeds import Seed

SEED = """
[[buckets]]
name = "desk"

[[buckets.objects]]
key = "{number:06}.pdf"
prefix = "labels/"
count = 2300
text = "label {number}"

[[buckets.objects]]
key = "read me/ü.txt"
text = "hello"

[[buckets]]
name = "empty.with.dots"

[[queues]]
name = "work"

[[queues.messages]]
text = '{"n": {number}}'
count = 3

[[queues]]
name = "work.fifo"

[[queues.messages]]
group = "a"
text = "same"
count = 2

[[secrets]]
name = "desk/db"
text = "hush"

[[parameters]]
name = "/desk/token"
text = "shh"
secure = true

[[tables]]
name = "desks"
key = "id"
sort-key = "at"
items = [{ id = "a", at = 1, open = true, rooms = ["x", { floor = 2.5 }] }, { id = "a", at = 2 }]

[[keys]]
alias = "alias/desk"

[[topics]]
name = "news"

[[event-buses]]
name = "desk"
"""
LOOK = """
import os, socket
import boto3
from botocore.exceptions import ClientError

s3, sqs, secrets = boto3.client("s3"), boto3.client("sqs"), boto3.client("secretsmanager")
kms, sns = boto3.client("kms"), boto3.client("sns")
EVENT = {"Source": "desk", "DetailType": "opened", "Detail": "{}"}


def opened(sealed):
    return kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"].decode()


def publish(protocol, endpoint):
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    return code(lambda: sns.publish(TopicArn=topic, Message="m"))


def handler(event, context):
    keys = []
    pages = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="desk", Prefix="labels/"):
        keys += [item["Key"] for item in page["Contents"]]
        pages += 1
    work = sqs.get_queue_url(QueueName="work")["QueueUrl"]
    first = sqs.receive_message(QueueUrl=work, MaxNumberOfMessages=10)["Messages"]
    fifo = sqs.get_queue_url(QueueName="work.fifo")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=fifo, AttributeNames=["ApproximateNumberOfMessages"])
    s3.put_object(Bucket="empty.with.dots", Key="big", Body=b"x" * 3_000_000)
    return {
        "endpoint": os.environ["AWS_ENDPOINT_URL"].rpartition(":")[0],
        "pages": pages,
        "keys": [len(keys), keys[0], keys[-1]],
        "text": s3.get_object(Bucket="desk", Key="labels/000007.pdf")["Body"].read().decode(),
        "umlaut": s3.get_object(Bucket="desk", Key="read me/ü.txt")["Body"].read().decode(),
        "big": len(s3.get_object(Bucket="empty.with.dots", Key="big")["Body"].read()),
        "messages": sorted(message["Body"] for message in first),
        "fifo": attributes["Attributes"]["ApproximateNumberOfMessages"],
        "secret": secrets.get_secret_value(SecretId="desk/db")["SecretString"],
        "missing": code(lambda: s3.head_object(Bucket="desk", Key="nothing")),
        "parameter": boto3.client("ssm").get_parameter(Name="/desk/token", WithDecryption=True)["Parameter"]["Value"],
        "item": str(boto3.resource("dynamodb").Table("desks").get_item(Key={"id": "a", "at": 1})["Item"]["rooms"]),
        "account": boto3.client("sts").get_caller_identity()["Account"],
        "key": opened(kms.encrypt(KeyId="alias/desk", Plaintext=b"p")),
        "topics": [one["TopicArn"].rpartition(":")[2] for one in sns.list_topics()["Topics"]],
        "published": publish("sqs", "arn:aws:sqs:us-east-1:123456789012:work") == publish("http", "http://192.0.2.1/"),
        "event": boto3.client("events").put_events(Entries=[dict(EVENT, EventBusName="desk")])["FailedEntryCount"],
        "other": code(lambda: boto3.client("athena").list_work_groups()),
        "query": code(lambda: boto3.client("iam").list_roles()),
        "control": code(lambda: boto3.client("lambda").list_functions()),
        "outside": reach("192.0.2.1", 80),
        "presigned": s3.generate_presigned_url("get_object", Params={"Bucket": "desk", "Key": "k"}).split("/")[3],
    }


def code(call):
    try:
        return call() and None
    except ClientError as error:
        return error.response["Error"]["Code"]


def reach(host, port):
    try:
        socket.create_connection((host, port), 1)
    except OSError as error:
        return error.strerror
"""


def test_the_services(an_engine: Engine, task: Callable[..., Path], sown: Callable[[str], Seed]) -> None:
    (found,) = Rehearsal(an_engine, task({"look.py": LOOK}), sown(SEED)).answers("look.handler", {})

    assert found == {
        "endpoint": "http://127.0.0.1",
        "pages": 3,
        "keys": [2300, "labels/000001.pdf", "labels/002300.pdf"],
        "text": "label 7",
        "umlaut": "hello",
        "big": 3_000_000,
        "messages": ['{"n": 1}', '{"n": 2}', '{"n": 3}'],
        "fifo": "2",
        "secret": "hush",
        "missing": "404",
        "parameter": "shh",
        "item": "['x', {'floor': Decimal('2.5')}]",
        "account": "123456789012",
        "key": "p",
        "topics": ["news"],
        "published": True,
        "event": 0,
        "other": "NotEmulated",
        "query": "NotEmulated",
        "control": "NotEmulated",
        "outside": "Network is unreachable",
        "presigned": "desk",
    }


COUNT = """
import boto3

s3 = boto3.client("s3")
s3.put_object(Bucket="desk", Key="mine", Body=b"")


def handler(event, context):
    if event.get("leave"):
        s3.put_object(Bucket="desk", Key=event["leave"], Body=b"")
    return [item["Key"] for item in s3.list_objects_v2(Bucket="desk")["Contents"]]
"""
ONE = """
[[buckets]]
name = "desk"
objects = [{ key = "seeded" }]
"""


def test_each_function_has_its_own_and_keeps_it_from_event_to_event(
    an_engine: Engine, task: Callable[..., Path], sown: Callable[[str], Seed]
) -> None:
    rehearsal = Rehearsal(an_engine, task({"one.py": COUNT, "two.py": COUNT}), sown(ONE))
    one, two = rehearsal.run(start("one.handler", ['{"leave": "one"}', "{}"]), start("two.handler", ["{}"]))

    assert [answer.body for answer in (*one.answers, *two.answers) if hasattr(answer, "body")] == [
        '["mine", "one", "seeded"]',
        '["mine", "one", "seeded"]',
        '["mine", "seeded"]',
    ]


def test_a_second_start_begins_anew(an_engine: Engine, task: Callable[..., Path], sown: Callable[[str], Seed]) -> None:
    """A handler that fails is started once more to see where: it must fail as before, and not at its own traces."""
    source = f"{COUNT}\nkeys = [item['Key'] for item in s3.list_objects_v2(Bucket='desk')['Contents']]\n"
    source += "s3.put_object(Bucket='desk', Key='again', Body=b'')\nraise RuntimeError(' '.join(keys))\n"
    (seen,) = Rehearsal(an_engine, task({"one.py": source}), sown(ONE)).run(start("one.handler"))

    assert str(seen.init.error) == "RuntimeError: mine seeded"  # type: ignore[union-attr]
    assert seen.trace is not None
    assert seen.trace.frames[-1].line == source[: source.index("raise")].count("\n") + 1
    assert seen.trace.causes == ()


def test_without_a_seed_nothing_is_there(an_engine: Engine, task: Callable[..., Path]) -> None:
    source = "import os\n\ndef handler(event, context):\n    return os.environ.get('AWS_ENDPOINT_URL')\n"
    (seen,) = Rehearsal(an_engine, task({"one.py": source}), None).bench.run(start("one.handler", ["{}"]))  # type: ignore[arg-type]  # there is none

    assert [answer.body for answer in seen.answers if hasattr(answer, "body")] == ["null"]


@pytest.mark.network
@pytest.mark.usefixtures("python")
def test_without_bubblewrap_too(cache: Path, task: Callable[..., Path], sown: Callable[[str], Seed]) -> None:
    engine = ProcessEngine(os.environ, cache, rungs=rungs(os.environ, cache)[1:])

    assert Rehearsal(engine, task({"one.py": COUNT}), sown(ONE)).answers("one.handler", {}) == [["mine", "seeded"]]
