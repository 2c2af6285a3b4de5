"""Clients of AWS's SDK, and what is called on them."""

from __future__ import annotations

import pytest

from harness.facts.python.aws_clients import Clients, clients, may_call
from harness.facts.python.code import Code
from harness.facts.python.parser import parse


def read(source: str) -> Clients:
    tree = parse(source.encode())
    assert tree is not None
    assert may_call(source.encode())
    return clients(Code(tree, (3, 12)))


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ('s3 = boto3.client("s3")\ns3.put_object()', ["client:s3 put_object"]),
        ('boto3.client(service_name="s3").put_object()', ["client:s3 put_object"]),
        ('NAME = "s3"\nboto3.client(NAME).put_object()', ["client:s3 put_object"]),
        ('from boto3 import client\nclient("s3").put_object()', ["client:s3 put_object"]),
        ('s = boto3.session.Session()\nc = s.client("sqs")\nc.send_message()', ["client:sqs send_message"]),
        ('def f(role):\n    role.client("ec2").modify_hosts()  # boto3', ["client:ec2 modify_hosts"]),
        ('boto3.client("s3").get_paginator("list_buckets")', ["client:s3 list_buckets"]),
        (
            't = boto3.resource("dynamodb").Table("t")\nt.query()',
            ["resource:dynamodb Table", "resource:dynamodb.Table query"],
        ),
        (
            'b = boto3.resource("s3").Bucket("b")\nb.objects.all()',
            ["resource:s3 Bucket", "resource:s3.Bucket.objects all"],
        ),
        ('r = boto3.resource("s3")\nr.meta.client.copy()', ["client:s3 copy"]),
        ('def kms():\n    return boto3.client("kms")\nkms().decrypt()', ["client:kms decrypt"]),
        (
            'c = None\ndef f():\n    global c\n    c = c or boto3.client("kms")\ndef g():\n    c.encrypt()',
            ["client:kms encrypt"],
        ),
        (
            (
                'class A:\n    a = boto3.client("sns")\n    def __init__(self):\n        self.b = boto3.client("sqs")\n'
                "    def f(self):\n        self.a.publish()\n        self.b.receive_message()"
            ),
            ["client:sns publish", "client:sqs receive_message"],
        ),
        (
            (
                'def f():\n    c = boto3.client("sns")\n    c.publish()\ndef g():\n    c = boto3.client("ses")\n'
                "    c.send_email()"
            ),
            ["client:sns publish", "client:ses send_email"],
        ),
        (
            (
                'import aioboto3\nasync def f():\n    async with aioboto3.Session().client("s3") as c:\n'
                "        await c.get_object()"
            ),
            ["client:s3 get_object"],
        ),
        (
            "from mypy_boto3_lambda import LambdaClient\ndef f(c: LambdaClient):\n    c.invoke()",
            ["client:lambda invoke"],
        ),
        ("from app.aws import s3\ns3.put_object()", ["name:app.aws.s3 put_object"]),
        ("from .aws import get\nget().put_object()", ["name:.aws.get put_object"]),
        ("def f(c):\n    c.put_object(Bucket=1)", [" put_object"]),
        ("def f(c):\n    c.put_object(1)\n    c.put_object(object_name=1)\n    c.put_object()", []),
    ],
)
def test_what_is_called_on_which_client(source: str, calls: list[str]) -> None:
    found = read(f"import boto3\n{source}").calls

    assert [f"{one.of} {one.operation}" for one in found] == calls


def test_what_other_modules_may_import() -> None:
    lines = ('s3 = boto3.client("s3")', "def sns():", '    return boto3.client("sns")', 'boto3.client("sqs")')

    found = read("\n".join(("import boto3", *lines)))

    assert found.names == (("s3", "client:s3"), ("sns", "client:sns"))
    assert found.made == (("s3", 2), ("sns", 4), ("sqs", 5))
