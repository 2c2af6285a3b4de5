"""The process that plays AWS: run as ``python server.py DESCRIPTOR``; it imports moto, and nothing of the harness.

It is a tree. The root reads the seeds and forks a process for each; that one fills the services with what its seed
says, and forks a process for each run of a function, which answers requests. So all that moto keeps is a run's own, and
is made once. Each gets its orders on a socket from its parent, one after another: a seed, a run, and the descriptor of
a connection. Its end is their end.
"""

# More than 300 lines: it is a program of its own, and imports nothing of the package.

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import signal
import socket
import sys
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import Client
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SERVICES = {"s3": "S3", "sqs": "SQS", "secretsmanager": "Secrets Manager"}
# Those that few functions call are loaded when one does.
OTHERS = {
    "ssm": "Systems Manager's parameters",
    "sts": "STS",
    "kms": "KMS",
    "dynamodb": "DynamoDB",
    "sns": "SNS",
    "events": "EventBridge",
}
TARGETS = {
    "AmazonSQS": "sqs",
    "secretsmanager": "secretsmanager",
    "AmazonSSM": "ssm",
    "DynamoDB_20120810": "dynamodb",
    "TrentService": "kms",
    "AWSEvents": "events",
}
REACHING = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen"})
# moto has many more services, and some start containers.
ACCOUNT, REGION, HOST = "123456789012", "us-east-1", "http://127.0.0.1:80"
SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}(?:/[^/]+)?/([^/]+)/aws4_request")
S3_CONTROL = "/v20180820/"
MOST = 128  # connections of a run at a time
MEMORY_BYTES = 2 << 30  # of what the services of one run may hold
STACK_BYTES = 512 << 10  # of each of the threads that share it
SHOWN = 300
TRACE = re.compile(r"Root=1-00000000-([0-9a-f]{24})")  # as harness/probe/runtime_api.py numbers events
ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]{1,64})")
COPIES = "x-amz-copy-source"
KEY_BYTES, MOST_KEYS, MOST_RECORDS = 64, 16, 1000


class Refused(Exception):  # noqa: N818 - an answer of a service
    """A service does not take what a seed says."""


class Undelivered:
    """Stands in for the library by which moto's SNS posts to its subscribers' addresses."""

    @staticmethod
    def post(*arguments: object, **more: object) -> None:
        """Deliver nothing."""


class Journal:
    """Writes each kind of request of one run to a file, once.

    Args:
        descriptor: The file; all runs write to it, a line at a time.
        run: Which run it is.
    """

    def __init__(self, descriptor: int, run: str) -> None:
        self._descriptor, self._run = descriptor, run
        self._written: set[bytes] = set()

    def write(self, service: str, environ: WSGIEnvironment) -> None:
        """Record a request for a service."""
        path = environ.get("PATH_INFO", "").strip("/")
        keys = sorted(part.partition("=")[0][:KEY_BYTES] for part in environ.get("QUERY_STRING", "").split("&"))
        trace = TRACE.search(environ.get("HTTP_X_AMZN_TRACE_ID", ""))
        record = [
            self._run,
            service,
            environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2][:KEY_BYTES] or action(environ),
            int(trace[1], 16) if trace else 0,
            environ["REQUEST_METHOD"],
            ("/" in path) + bool(path),
            [*keys[:MOST_KEYS], *([COPIES] if "HTTP_X_AMZ_COPY_SOURCE" in environ else [])],
        ]
        line = json.dumps(record).encode() + b"\n"
        if line not in self._written and len(self._written) < MOST_RECORDS:
            self._written.add(line)
            os.write(self._descriptor, line)


def action(environ: WSGIEnvironment) -> str:
    """The operation that a form names; the request can be read again."""
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return ""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    found = ACTION.search(body)
    return found[1].decode() if found else ""


class Aws:
    """The services, as one application.

    Attributes:
        journal: Where requests are recorded; None while seeds are filled in.
    """

    def __init__(self) -> None:
        self.journal: Journal | None = None
        self._lock = threading.Lock()
        self._services: dict[str, WSGIApplication] = {}
        for name in SERVICES:
            self._service(name)

    def _service(self, name: str) -> WSGIApplication:
        with self._lock:
            if name not in self._services:
                self._services[name] = create_backend_app(name)  # type: ignore[arg-type]  # one of its names
                if name == "sns":  # publishing succeeds there, whether subscribers can be reached or not
                    sys.modules["moto.sns.models"].__dict__["requests"] = Undelivered
            return self._services[name]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request: by the service that its signature is for."""
        service = asked(environ)
        if service in SERVICES or service in OTHERS:
            if self.journal:
                self.journal.write(service, environ)
            return self._service(service)(environ, start_response)
        return refused(service, environ)(environ, start_response)


def asked(environ: WSGIEnvironment) -> str:
    """The service that a request is for; without a signature, only S3's can be."""
    query = environ.get("QUERY_STRING", "").replace("%2F", "/").replace("X-Amz-Credential", "Credential")
    found = SCOPE.search(environ.get("HTTP_AUTHORIZATION") or query)
    path = environ.get("PATH_INFO", "")
    if path.startswith((S3_CONTROL, "/moto-api")):
        return "s3control"
    return found[1] if found else "s3"


def refused(service: str, environ: WSGIEnvironment) -> Response:
    """An error that the SDK shows as one of the service's."""
    has = ", ".join([*SERVICES.values(), *OTHERS.values()])
    message = f"the emulated AWS has {has}, and nothing else: this request is for {service}"
    kind, body = "application/json", json.dumps({"__type": "NotEmulated", "message": message})
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded") or service == "s3control":
        kind = "text/xml"
        body = f"<ErrorResponse><Error><Code>NotEmulated</Code><Message>{message}</Message></Error></ErrorResponse>"
    return Response(body, 400, {"x-amzn-ErrorType": "NotEmulated"}, content_type=kind)


class Seeder:
    """Fills services with what a seed says, through their own protocols."""

    def __init__(self, aws: Aws, region: str = REGION, *, tolerant: bool = False) -> None:
        self._client, self._region, self._tolerant = Client(aws), region, tolerant

    def fill(self, seed: dict[str, Any]) -> None:
        """Everything.

        Raises:
            Refused: A service does not take it.
            OSError: A file cannot be read.
        """
        for name, objects in seed["buckets"]:
            self._call("s3", "PUT", f"/{name}", self._located(), {})
            for held in objects:  # by themselves: they are many, and a request costs forty times as much
                s3_backends[ACCOUNT]["aws"].put_object(name, held["name"], content(held))
        for name, messages in seed["queues"]:
            attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
            url = self._ask("AmazonSQS.CreateQueue", QueueName=name, Attributes=attributes).get("QueueUrl", "")
            for number, message in enumerate(messages):
                self._send(url, number, message)
        for number, held in enumerate(seed["secrets"]):
            token = f"00000000-0000-4000-8000-{number:012d}"
            value = content(held).decode()
            self._ask("secretsmanager.CreateSecret", Name=held["name"], SecretString=value, ClientRequestToken=token)
            if (made := secretsmanager_backends[ACCOUNT][self._region].secrets.get(held["name"])) is not None:
                made.arn = f"arn:aws:secretsmanager:{self._region}:{ACCOUNT}:secret:{held['name']}-AbCdEf"  # not by lot
        self._others(seed)

    def _located(self) -> bytes:
        """What S3 wants to know about a bucket outside of its first region."""
        inner = f"<LocationConstraint>{self._region}</LocationConstraint>"
        return (
            b""
            if self._region == REGION
            else f"<CreateBucketConfiguration>{inner}</CreateBucketConfiguration>".encode()
        )

    def _others(self, seed: dict[str, Any]) -> None:
        for held in seed["parameters"]:
            kind = "SecureString" if held["name"] in seed["secure"] else "String"
            self._ask("AmazonSSM.PutParameter", Name=held["name"], Value=content(held).decode(), Type=kind)
        for table in seed["tables"]:
            self._table(table["name"], table["keys"], table["types"], [json.loads(item) for item in table["items"]])
        for alias in seed["keys"]:
            key = self._ask("TrentService.CreateKey")["KeyMetadata"]["KeyId"]
            self._ask("TrentService.CreateAlias", AliasName=alias, TargetKeyId=key)
        for name in seed["topics"]:
            fifo = "&Attributes.entry.1.key=FifoTopic&Attributes.entry.1.value=true" if name.endswith(".fifo") else ""
            form = f"Action=CreateTopic&Version=2010-03-31&Name={name}{fifo}"
            self._call("sns", "POST", "/", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        for name in seed["event_buses"]:
            self._ask("AWSEvents.CreateEventBus", Name=name)

    def _table(self, name: str, keys: list[str], types: list[str], items: list[dict[str, dict[str, Any]]]) -> None:
        kinds = types or [next(iter(items[0][key])) if items else "S" for key in keys]
        self._ask(
            "DynamoDB_20120810.CreateTable",
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in zip(keys, kinds, strict=True)
            ],
            KeySchema=[
                {"AttributeName": key, "KeyType": role} for key, role in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
        )
        for item in items:
            self._ask("DynamoDB_20120810.PutItem", TableName=name, Item=item)

    def _send(self, url: str, number: int, held: dict[str, str]) -> None:
        # Equal messages of a seed are as many as it says.
        fifo = {"MessageGroupId": held["name"], "MessageDeduplicationId": str(number)} if held["name"] else {}
        self._ask("AmazonSQS.SendMessage", QueueUrl=url, MessageBody=content(held).decode(), **fifo)

    def _ask(self, target: str, **request: object) -> dict[str, Any]:
        service = TARGETS[target.partition(".")[0]]
        kind = f"application/x-amz-json-{'1.0' if service in {'sqs', 'dynamodb'} else '1.1'}"
        headers = {"X-Amz-Target": target, "Content-Type": kind}
        answer: dict[str, Any] = json.loads(
            self._call(service, "POST", "/", json.dumps(request).encode(), headers) or b"{}"
        )
        return answer

    def _call(self, service: str, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        scope = f"AWS4-HMAC-SHA256 Credential=seed/20000101/{self._region}/{service}/aws4_request"
        answer = self._client.open(
            path, method=method, base_url=HOST, data=body, headers={"Authorization": scope, **headers}
        )
        if answer.status_code != HTTPStatus.OK:
            if self._tolerant:
                return b""
            raise Refused(answer.get_data(as_text=True)[:SHOWN])
        return answer.get_data()


def content(held: dict[str, str]) -> bytes:
    """What the seed has itself, or in a file."""
    if held["file"] is None:
        return held["text"].encode()
    with open(held["file"], "rb") as opened:  # noqa: PTH123 - pathlib is not needed for anything else here
        return opened.read()


class Server(ThreadedWSGIServer):
    """Serves connections that it is handed, each in a thread, so many at a time."""

    daemon_threads = True
    room = threading.BoundedSemaphore(MOST)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - a server's own
        """Answer on a connection until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()


class Quiet(MotoRequestHandler):
    """Answers a request, and writes no log."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name that it overrides
        """Say nothing."""


def fork(work: Callable[[socket.socket], None], *others: socket.socket) -> socket.socket:
    """The control socket of a child that does some work; ``others`` of this process are closed in it."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        try:
            for other in (ours, *others):
                other.close()
            work(theirs)
        finally:
            os._exit(0)
    theirs.close()
    return ours


def line(control: socket.socket) -> bytes:
    """The one line that comes before anything else; nothing where the other end is gone."""
    received = b""
    while not received.endswith(b"\n"):
        if not (part := control.recv(1 << 20)):
            return b""
        received += part
    return received


def orders(control: socket.socket) -> Iterator[tuple[list[str], socket.socket]]:
    """A seed and a run, with a connection for them, until the other end is gone; each is acknowledged."""
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, 65_536, 1)
        if not order:
            return
        with socket.socket(fileno=descriptors[0]) as connection:
            yield json.loads(order), connection
        control.send(b"\n")


def hand_on(control: socket.socket, child_of: Callable[[list[str]], socket.socket]) -> None:
    """Give each connection to the child that it is for."""
    for order, connection in orders(control):
        child = child_of(order)
        with contextlib.suppress(OSError):  # a child that died of its handler's doings
            socket.send_fds(child, [json.dumps(order).encode()], [connection.fileno()])
            child.recv(1)


def serve_seed(control: socket.socket, aws: Aws, seed: dict[str, Any], log: int) -> None:
    """The services as one seed says; each run of a function gets a copy of them."""
    refusal = ""
    try:
        Seeder(aws, seed["region"], tolerant=seed["implied"]).fill(seed)
    except (Refused, OSError, ValueError) as reason:
        refusal = f"the emulated AWS does not take what {seed['name']} says: {reason}"
    control.sendall(json.dumps(refusal).encode() + b"\n")
    runs: dict[str, socket.socket] = {}

    def child_of(order: list[str]) -> socket.socket:
        run = order[1]
        if run not in runs:
            runs[run] = fork(lambda theirs: serve_run(theirs, aws, Journal(log, run)), control, *runs.values())
        return runs[run]

    hand_on(control, child_of)


def refuse_to_reach_out(event: str, arguments: tuple[object, ...]) -> None:
    """Let nothing here reach out, nor start anything: EventBridge calls addresses, for one.

    Raises:
        ConnectionRefusedError: It tries to.
    """
    del arguments
    if event in REACHING:
        raise ConnectionRefusedError("the emulated AWS reaches nobody")


def serve_run(control: socket.socket, aws: Aws, journal: Journal) -> None:
    """The services of one run."""
    aws.journal = journal
    for limit, value in ((resource.RLIMIT_DATA, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (value, value))
    threading.stack_size(STACK_BYTES)
    with socket.socket() as idle:  # a server wants one to listen on; this one is given its connections
        server = Server("127.0.0.1", 0, aws, Quiet, fd=idle.fileno())
    server.server_address = ("127.0.0.1", 80)
    sys.addaudithook(refuse_to_reach_out)
    for _, connection in orders(control):
        if server.room.acquire(blocking=False):
            server.process_request(connection.dup(), ("127.0.0.1", 0))


def main() -> None:
    """Be the root."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a child ended
    control, log = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    seeds = json.loads(line(control) or b"{}")
    aws = Aws()
    children: dict[str, socket.socket] = {}
    for name, seed in seeds.items():
        children[name] = fork(lambda theirs, seed=seed: serve_seed(theirs, aws, seed, log), control, *children.values())  # type: ignore[misc]
    refusals = [
        json.loads(line(child) or b'"the emulated AWS ended while it was seeded"') for child in children.values()
    ]
    control.sendall(json.dumps(next(filter(None, refusals), "")).encode() + b"\n")
    hand_on(control, lambda order: children[order[0]])


if __name__ == "__main__":
    main()
    os._exit(0)  # without the half second in which Python takes leave of moto
