"""Which ends come of a call to what is not here, in the words of the clients that people use, and which do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.diagnosis.network import Unreached, unjudged, unreached, went_on
from harness.engines.protocol import Answered, Call, Exceeded, Exited, Failed, Frame, Ready, Trace
from tests.build import error, function, observation, program_of

PROGRAM = program_of({"app/__init__.py": "", "app/main.py": "", "app/db.py": ""}).lists.program
MAIN = Frame("/var/task/app/main.py", 3, "app.main")
BOTO = Frame("/var/lang/lib/python3.12/site-packages/botocore/client.py", 606, "botocore.client")
CALL = Call("ssm.us-east-1.amazonaws.com:443", None, (MAIN, BOTO))
LOOPBACK = Call("127.0.0.1:5432", None, (MAIN,))
FAILED = Call(None, None)  # as the kernel counts it

WORDS = {
    "boto3": ("EndpointConnectionError", 'Could not connect to the endpoint URL: "https://x.amazonaws.com/"'),
    "no credentials": ("NoCredentialsError", "Unable to locate credentials"),
    "made-up credentials": (
        "ClientError",
        "An error occurred (UnrecognizedClientException) when calling X: The security token in the request is invalid.",
    ),
    "a service that is not emulated": (
        "ClientError",
        "An error occurred (NotEmulated) when calling the X operation: the emulated AWS has S3, and nothing else: this",
    ),
    "socket": ("gaierror", "[Errno -3] Temporary failure in name resolution"),
    "route": ("OSError", "[Errno 101] Network is unreachable"),
    "urllib": ("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>"),
    "requests": ("ConnectionError", "HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /"),
    "httpx": ("ConnectError", "[Errno -3] Temporary failure in name resolution"),
    "redis": ("ConnectionError", "Error -3 connecting to cache.example:6379. Temporary failure in name resolution."),
    "psycopg2": ("OperationalError", 'could not translate host name "db" to address: Name or service not known'),
    "psycopg": ("OperationalError", 'connection failed: connection to server at "127.0.0.1", port 5432 failed: x'),
    "pymysql": ("OperationalError", "(2003, \"Can't connect to MySQL server on 'db.example' (timed out)\")"),
    "wrapped by an ImportError": ("Runtime.ImportModuleError", "Unable to import module 'app': [Errno 101] Network is"),
}


@pytest.mark.parametrize(("kind", "message"), WORDS.values(), ids=WORDS)
def test_an_error_that_says_so(kind: str, message: str) -> None:
    end = Failed(error(kind, message, '  File "/var/task/app/db.py", line 7, in <module>\n'), 0.1)

    found = unreached(observation(end), end, None, function(), PROGRAM)

    assert found is not None
    assert found.place == "/var/task/app/db.py:7"


NEVER = {
    "a missing module": Failed(error("Runtime.ImportModuleError", "Unable to …: No module named 'x'"), 0.1),
    "a missing name": Failed(error("Runtime.ImportModuleError", "Unable to …: cannot import name 'x' from 'y'"), 0.1),
    "syntax": Failed(error("Runtime.UserCodeSyntaxError", "Syntax error in module 'app': …"), 0.1),
    "no handler": Failed(error("Runtime.HandlerNotFound", "Handler 'x' missing on module 'app'"), 0.1),
    "a missing library": Failed(error("OSError", "libpq.so.5: cannot open shared object file: No such file"), 0.1),
    "a file of the archives": Failed(error("FileNotFoundError", "[Errno 2] No such file: '/var/task/x.json'"), 0.1),
    "a read-only file system": Failed(error("OSError", "[Errno 30] Read-only file system: '/etc/x'"), 0.1),
    "a crash": Exited(-11, 0.1),
    "too much memory": Exceeded("memory", 0.1),
}


@pytest.mark.parametrize("end", NEVER.values(), ids=NEVER)
def test_what_the_bytes_decide_stays_what_it_is_whatever_was_called(end: Failed | Exited | Exceeded) -> None:
    seen = replace(observation(end), calls=(CALL, FAILED))

    assert unreached(seen, end, None, function(), PROGRAM) is None


BUG = Failed(error("TypeError", "'NoneType' object is not subscriptable"), 0.1)


def test_an_error_that_says_nothing_needs_a_call_of_the_same_thread_and_time() -> None:
    elsewhere = replace(CALL, main=False), replace(CALL, event=0), LOOPBACK

    def host(*calls: Call) -> str | None:
        found = unreached(replace(observation(BUG), calls=calls), BUG, None, function(), PROGRAM)
        return found.host if found else None

    assert host(CALL) == CALL.host
    assert [host(), *map(host, elsewhere), host(FAILED)] == [None] * 5
    assert host(LOOPBACK, FAILED) is None  # an agent's, say


def test_a_program_that_failed_where_a_call_did() -> None:
    end = Failed(error("CalledProcessError", "Command '['curl']' returned non-zero exit status 6."), 0.1)

    assert unreached(replace(observation(end), calls=(FAILED,)), end, None, function(), PROGRAM) is not None
    assert unreached(observation(end), end, None, function(), PROGRAM) is None


def test_a_variable_that_is_not_set_is_no_call() -> None:
    end = Failed(error("KeyError", "'DEPOT'"), 0.1)
    seen = replace(observation(end, trace=Trace((MAIN,), ("KeyError: b'DEPOT'",))), calls=(CALL,))

    assert unreached(seen, end, None, function(), PROGRAM) is None


def test_an_end_by_itself_and_a_wait() -> None:
    calls: dict[Exited | Exceeded, tuple[Call, ...]] = {
        Exited(1, 0.1): (CALL,),
        Exceeded("timeout", 60.0): (CALL,),
        Exceeded("outside", 1.2): (CALL, FAILED),
    }
    for end, made in calls.items():
        found = unreached(replace(observation(end), calls=made), end, None, function(), PROGRAM)
        assert (found and found.host, found and found.place) == (CALL.host, "/var/task/app/main.py:3")
    assert unreached(observation(Exited(1, 0.1)), Exited(1, 0.1), None, function(), PROGRAM) is None
    silent = Exceeded("outside", 1.2)
    assert str(unreached(observation(silent), silent, None, function(), PROGRAM)) == (
        "another machine (it waited for an answer that cannot come here, and was ended after 1.2 s)"
    )


def test_an_answer_after_a_call_may_have_been_another() -> None:
    answer = Answered("{}", 0.1)
    seen = replace(observation(Ready(0.1), answer), calls=(replace(CALL, event=0),))

    assert unreached(seen, answer, 0, function(), PROGRAM) is not None
    assert unreached(seen, answer, 1, function(), PROGRAM) is None


def test_what_an_init_that_went_on_had_called() -> None:
    seen = observation()

    assert went_on(replace(seen, calls=(CALL,)), PROGRAM) == f"{CALL.host} from /var/task/app/main.py:3"
    assert went_on(replace(seen, calls=(LOOPBACK, replace(CALL, main=False))), PROGRAM) is None


def test_what_is_offered() -> None:
    aws, other = Unreached("h", "p", "e", aws=True), Unreached("h", "p", "e", aws=False)
    known = replace(function(), network_known=True)
    accept = 'To accept that, set network-at-init = "known" under [functions.api] of the manifest'

    seed = "Set `aws-seed`, a file for the emulated AWS, to have the rest judged."
    assert unjudged("x", aws, function()).endswith(f"judged here. {seed} {accept}")
    assert unjudged("x", other, function()).endswith(f"judged here. {accept}")
    assert unjudged("x", aws, known) == "x. As is declared, what follows was not judged"
