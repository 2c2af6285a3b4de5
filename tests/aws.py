"""An AWS account on loopback: moto's server, and in front of it a server that does what moto leaves out, and mischief.

What it adds: archives can be downloaded from where ``GetFunction`` and ``GetLayerVersionByArn`` say, with ranges, and
layers can be asked for by ARN. What a test adds: answers that take another course, one after another.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.config import Config

from tests.canaries import KEY_ID, SECRET, SIGNATURE, VARIABLE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

REGION = "eu-west-1"
ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/functions"


@dataclass
class Answer:
    """What is sent back.

    Attributes:
        cut: After how many bytes of the body the connection is closed; None sends all of it.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Course: TypeAlias = "Callable[[Asked, Callable[[], Answer]], Answer | None]"
"""Answers a request, or with None leaves it to the next; its second argument does what would be done otherwise."""


@dataclass
class Account:
    """The account, and everything that was asked of it.

    Attributes:
        endpoint: Its address.
        courses: Tried in order, for every request.
        asked: Every request, as ``GET /bucket/key``.
    """

    moto: str
    endpoint: str = ""
    courses: list[Course] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    archives: dict[str, bytes] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """What leads the SDK there, and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": "/nonexistent/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    def _client(self, service: str) -> Any:  # noqa: ANN401 - one of many
        session = boto3.Session(aws_access_key_id="owner", aws_secret_access_key="owner", region_name=REGION)  # noqa: S106 - moto takes any
        return session.client(cast("Any", service), endpoint_url=self.moto, config=Config(proxies={}))

    @property
    def s3(self) -> S3Client:
        """The owner's client, which goes straight to moto."""
        return cast("S3Client", self._client("s3"))

    @property
    def functions(self) -> LambdaClient:
        """The same, for Lambda."""
        return cast("LambdaClient", self._client("lambda"))

    def put(self, bucket: str, key: str, data: bytes, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - the SDK's own
        """An object, in a bucket that is made where it is not there."""
        if bucket not in [one["Name"] for one in self.s3.list_buckets()["Buckets"]]:
            where: Any = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        return cast("dict[str, Any]", self.s3.put_object(Bucket=bucket, Key=key, Body=data, **more))

    def layer(self, name: str, data: bytes, **more: Any) -> str:  # noqa: ANN401 - the same
        """A new version of a layer; its ARN."""
        self.archives[_code_sha256(data)] = data
        published = self.functions.publish_layer_version(LayerName=name, Content={"ZipFile": data}, **more)
        return published["LayerVersionArn"]

    def function(self, name: str, data: bytes, **more: Any) -> str:  # noqa: ANN401 - the same
        """A function with that code; its ARN."""
        self.archives[_code_sha256(data)] = data
        iam = cast("Any", self._client("iam"))
        if not iam.list_roles()["Roles"]:
            iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument="{}")
        said = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "app.main.handler",
            "Code": {"ZipFile": data},
            "Environment": {"Variables": {"PASSWORD": VARIABLE}},
            **more,
        }
        return self.functions.create_function(**cast("Any", said))["FunctionArn"]

    def update(self, name: str, data: bytes) -> str:
        """A new version of a function with that code; its number."""
        self.archives[_code_sha256(data)] = data
        self.functions.update_function_code(FunctionName=name, ZipFile=data)
        return self.functions.publish_version(FunctionName=name)["Version"]

    def calls(self, method: str = "") -> list[str]:
        """What was asked so far."""
        return [f"{one.method} {one.path}" for one in self.asked if method in ("", one.method)]

    def answer(self, asked: Asked) -> Answer:
        """What happens to a request."""
        self.asked.append(asked)
        for course in list(self.courses):
            if (answer := course(asked, lambda: self.usual(asked))) is not None:
                return answer
        return self.usual(asked)

    def once(self, matching: str, course: Course, times: int = 1) -> None:
        """Let a course be taken by the next requests whose ``METHOD /path`` matches."""
        left = [times]

        def taken(asked: Asked, usual: Callable[[], Answer]) -> Answer | None:
            if not left[0] or not re.search(matching, f"{asked.method} {asked.path}"):
                return None
            left[0] -= 1
            return course(asked, usual)

        self.courses.append(taken)

    def usual(self, asked: Asked) -> Answer:
        """What happens where no course is taken."""
        split = urlsplit(asked.path)
        if split.path.startswith("/-/archives/"):
            return _ranged(self.archives[unquote(split.path.removeprefix("/-/archives/"))], asked.headers)
        path, query = asked.path, parse_qs(split.query)
        if query.get("find") == ["LayerVersion"]:
            name, number = query["Arn"][0].split(":")[-2:]
            path = f"/2018-10-31/layers/{name}/versions/{number}"
        answer = _forward(self.moto, asked, path)
        if "/functions/" in path or "/layers/" in path:
            answer.body = self._downloadable(answer.body)
            answer.headers["Content-Length"] = str(len(answer.body))
        return answer

    def _downloadable(self, body: bytes) -> bytes:
        try:
            said = json.loads(body)
        except ValueError:
            return body
        for key in ("Code", "Content"):
            place = said.get(key) if isinstance(said, dict) else None
            if isinstance(place, dict) and "Location" in place:
                digest = place.get("CodeSha256") or said["Configuration"]["CodeSha256"]
                name = digest.replace("/", "%2F").replace("+", "%2B")
                place["Location"] = f"{self.endpoint}/-/archives/{name}?X-Amz-Signature={SIGNATURE}"
        return json.dumps(said).encode()


def _code_sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _ranged(data: bytes, headers: dict[str, str]) -> Answer:
    wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    start = int(wanted[1]) if wanted else 0
    told = {"Content-Length": str(len(data) - start)}
    if wanted:
        told["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return Answer(206 if wanted else 200, told, data[start:])


def _forward(moto: str, asked: Asked, path: str) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(moto).netloc, timeout=30)
    try:
        connection.request(asked.method, path, asked.body or None, asked.headers)
        answer = connection.getresponse()
        skipped = {"connection", "transfer-encoding", "server", "date"}
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in skipped}
        return Answer(answer.status, headers, answer.read())
    finally:
        connection.close()


def error(status: int, code: str, message: str = "", headers: dict[str, str] | None = None) -> Answer:
    """An answer of Lambda's that is an error."""
    body = json.dumps({"Type": "User", "message": message}).encode()
    return Answer(status, {"x-amzn-ErrorType": code, "Content-Type": "application/json", **(headers or {})}, body)


def s3_error(status: int, code: str, message: str = "", headers: dict[str, str] | None = None) -> Answer:
    """An answer of S3's that is an error."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return Answer(status, {"Content-Type": "application/xml", **(headers or {})}, body)


def cut(size: int) -> Course:
    """A course: the connection is closed after so many bytes of the body."""

    def course(asked: Asked, usual: Callable[[], Answer]) -> Answer:
        del asked
        answer = usual()
        answer.cut = size
        return answer

    return course


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    account: Account

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.account.answer(Asked(self.command, self.path, headers, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - the standard library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        del format, args


def _moto() -> tuple[subprocess.Popen[str], str]:
    """moto in a process of its own, on a port that is free."""
    program = (
        "from moto.server import ThreadedMotoServer\nimport sys\n"
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)\nserver.start()\n"
        "print(server.get_host_and_port()[1], flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{process.stdout.readline().strip()}"


def started() -> Iterator[str]:
    """The address of a moto server, for as long as the iterator is not closed."""
    process, address = _moto()
    try:
        yield address
    finally:
        process.communicate()  # the end of its input ends it


def reset(moto: str) -> None:
    """Empty it."""
    connection = http.client.HTTPConnection(urlsplit(moto).netloc, timeout=30)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.close()


def accounts(moto: str, tls: ssl.SSLContext | None = None) -> Iterator[Account]:
    """An account that is empty, for as long as the iterator is not closed.

    Args:
        moto: The address of moto's server.
        tls: What it shows to its clients, if it is to be asked by https.
    """
    reset(moto)
    account = Account(moto)
    handler = type("Handler", (_Handler,), {"account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    account.endpoint = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    try:
        yield account
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
