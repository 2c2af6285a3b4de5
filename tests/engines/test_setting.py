"""What a handler finds around it: Lambda's paths, user, variables, and nothing of this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.engines.protocol import Answered, Exited, Failed
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.engines.protocol import Engine

LOOK = """
import os, pathlib, sys

def attempt(action):
    try:
        action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "done"

def importable(name):
    return attempt(lambda: __import__(name))

def handler(event, context):
    import ctypes, socket
    return {
        "path": sys.path,
        "prefix": sys.prefix,
        "argv": sys.argv,
        "user": [os.getuid(), os.getgid(), str(pathlib.Path.home())],
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "task": attempt(lambda: open("/var/task/new", "w")),
        "home": attempt(lambda: (pathlib.Path.home() / ".cache").mkdir(parents=True)),
        "tmp": attempt(lambda: open("/tmp/new", "w")),
        "network": attempt(lambda: socket.create_connection(("192.0.2.1", 80), 1)),
        "imports": {name: importable(name) for name in event},
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
    }
"""
# What the harness has and Lambda has not, and the other way round.
HARNESS = ["harness", "pytest", "rich", "msgspec", "docker", "setuptools", "filelock"]
RUNTIME = ["pip", "boto3", "botocore", "awslambdaric", "simplejson", "urllib3", "dateutil"]


@pytest.fixture
def seen(an_engine: Engine, unpack: Callable[..., Path]) -> Mapping[str, Any]:
    return look(an_engine, unpack)


def look(an_engine: Engine, unpack: Callable[..., Path]) -> Mapping[str, Any]:
    bench = Bench(an_engine, unpack({"look.py": LOOK}))
    (answer,) = bench.start("look.handler", events=[json.dumps(HARNESS + RUNTIME)], COLOUR="blue").answers
    assert isinstance(answer, Answered), answer
    found: Mapping[str, Any] = json.loads(answer.body)
    return found


SYS_PATH = [
    "/var/task",
    "/opt/python/lib/python3.12/site-packages",
    "/opt/python",
    "/var/lang/lib/python3.12/site-packages",
    "/var/runtime",
    "/var/lang/lib/python312.zip",
    "/var/lang/lib/python3.12",
    "/var/lang/lib/python3.12/lib-dynload",
    "/var/lang/lib/python3.12/site-packages",
    # Once more at the end, because without a layer they do not exist.
    "/opt/python/lib/python3.12/site-packages",
    "/opt/python",
]


def test_it_is_lambdas(seen: Mapping[str, Any]) -> None:
    assert seen["path"] == SYS_PATH
    assert (seen["prefix"], seen["argv"], seen["cwd"]) == ("/var/lang", ["/var/runtime/bootstrap.py"], "/var/task")
    assert seen["user"] == [993, 990, "/home/sbx_user1051"]
    assert seen["task"] == "OSError: [Errno 30] Read-only file system: '/var/task/new'"
    assert seen["home"] == "OSError: [Errno 30] Read-only file system: '/home/sbx_user1051'"
    assert seen["tmp"] == "done"
    assert seen["network"] == "OSError: [Errno 101] Network is unreachable"
    assert seen["memory"] == "256"
    assert seen["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:look.handler"


def test_only_the_runtimes_packages_are_there(seen: Mapping[str, Any]) -> None:
    missing = {name: f"ModuleNotFoundError: No module named '{name.split('.')[0]}'" for name in HARNESS}
    assert seen["imports"] == missing | dict.fromkeys(RUNTIME, "done")


def test_the_variables_are_lambdas_and_the_users(
    an_engine: Engine, unpack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-user")
    environment = look(an_engine, unpack)["environment"]
    assert "AWS_PROFILE" not in environment
    assert "of-the-user" not in environment.values()
    expected = {
        "COLOUR": "blue",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "look.handler",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "_HANDLER": "look.handler",
        "LAMBDA_TASK_ROOT": "/var/task",
        "PYTHONPATH": "/var/runtime",
        "HOME": "/home/sbx_user1051",
        "LD_LIBRARY_PATH": (
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
        ),
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert {"AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_GROUP_NAME"} <= set(environment)


LOCK = """
def lock(event, context):
    import multiprocessing
    multiprocessing.Lock()
def share(event, context):
    open("/dev/shm/x", "w")
"""


def test_there_is_no_shared_memory(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    seen = Bench(an_engine, unpack({"app.py": LOCK})).run(*(start(f"app.{name}", ["{}"]) for name in ("lock", "share")))

    errors = [one.answers[0].error.type for one in seen if isinstance(one.answers[0], Failed)]
    assert len(errors) == 2
    assert set(errors) <= {"OSError", "FileNotFoundError", "PermissionError"}


def test_a_runtime_that_the_user_leads_astray_is_the_users_affair(
    an_engine: Engine, unpack: Callable[..., Path]
) -> None:
    code = {"app.py": "def handler(event, context):\n    pass\n", "simplejson.py": "raise ValueError('not the one')\n"}

    seen = Bench(an_engine, unpack(code)).start("app.handler", PYTHONPATH="/var/task")

    assert isinstance(seen.init, Exited)
    assert "ValueError: not the one" in seen.output
