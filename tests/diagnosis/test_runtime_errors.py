from __future__ import annotations

import pytest

from harness.diagnosis.runtime_errors import ending, explain
from harness.engines.protocol import Answered, Exceeded, Exited, Failed, Frame, Ready, Trace
from tests.build import error, function, observation, program_of

EXIT = "Runtime.ExitError: Runtime exited with error: "
ARTIFACT = program_of(
    {"app/__init__.py": "", "app/main.py": "", "app/usps.py": ""}, {"python/tinyxml/__init__.py": ""}
).lists
MAIN = Frame("/var/task/app/main.py", 3, "app.main")
USPS = Frame("/var/task/app/usps.py", 7, "app.usps")
LAYER = Frame("/opt/python/tinyxml/__init__.py", 5, "tinyxml")
STDLIB = Frame("/var/lang/lib/python3.12/pathlib.py", 1013, "pathlib")
NAMESAKE = Frame("/var/task/app/functools.py", 2, None)
BOTO = Frame("/var/lang/lib/python3.12/site-packages/boto3/__init__.py", 9, "boto3")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Failed(error("KeyError", "'X'"), 0.1), "KeyError: 'X'"),
        (Failed(error("Runtime.Unknown"), 0.1), "Runtime.Unknown"),
        (Exited(0, 0.1), "Runtime.ExitError: Runtime exited without providing a reason"),
        (Exited(3, 0.1), f"{EXIT}exit status 3"),
        (Exited(-9, 0.1), f"{EXIT}signal: killed"),
        (Exited(-11, 0.1), f"{EXIT}signal: segmentation fault (core dumped)"),
        (Exited(-6, 0.1), f"{EXIT}signal: aborted (core dumped)"),
        (Exited(-13, 0.1), f"{EXIT}signal: broken pipe"),
        (Exited(-40, 0.1), f"{EXIT}signal: signal 40"),
        (
            Exceeded("memory", 0.1),
            "Runtime.OutOfMemory: Runtime exited with error: signal: killed (it used more than its 512 MB)",
        ),
        (Exceeded("timeout", 60.004), "Sandbox.Timedout: Task timed out after 60.00 seconds"),
        (
            Exceeded("processes", 1.25),
            "it had more than 1,024 processes after 1.2 s; Lambda refuses more (Errno 11, or 35)",
        ),
        (Ready(0.1), "it succeeded"),
        (Answered("{}", 0.1), "it succeeded"),
    ],
)
def test_an_end_is_told_in_lambdas_words(end: Failed | Exited | Exceeded | Ready | Answered, words: str) -> None:
    assert ending(end, function()) == words


@pytest.mark.parametrize(
    ("frames", "where", "chain"),
    [
        ((MAIN,), "/var/task/app/main.py:3", ("app.main",)),
        ((MAIN, USPS), "/var/task/app/usps.py:7", ("app.main", "app.usps")),
        ((MAIN, USPS, USPS), "/var/task/app/usps.py:7", ("app.main", "app.usps")),
        ((MAIN, LAYER), "/var/task/app/main.py:3", ("app.main", "tinyxml")),
        ((MAIN, LAYER, STDLIB), "/var/task/app/main.py:3", ("app.main", "tinyxml")),
        ((MAIN, STDLIB, USPS), "/var/task/app/usps.py:7", ("app.main", "app.usps")),
        ((MAIN, STDLIB, NAMESAKE), "/var/task/app/functools.py:2", ("app.main", "app.functools")),
        ((MAIN, BOTO, STDLIB), "/var/task/app/main.py:3", ("app.main", "boto3")),
        ((LAYER, STDLIB), "/opt/python/tinyxml/__init__.py:5", ("tinyxml",)),
        ((STDLIB,), "/var/lang/lib/python3.12/pathlib.py:1013", ()),
        ((), "/var/task/app/main.py", ()),
    ],
)
def test_the_place_is_the_users_own_line_nearest_to_the_error(
    frames: tuple[Frame, ...], where: str, chain: tuple[str, ...]
) -> None:
    seen = observation(Failed(error("ValueError", "no"), 0.1), trace=Trace(frames))

    finding = explain(seen, function(), ARTIFACT)

    assert (finding.where, finding.chain) == (where, chain)


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/var/task/app/__init__.py", "app"),
        ("/var/task/app/main.py", "app.main"),
        ("/opt/python/tinyxml/__init__.py", "tinyxml"),
        ("/opt/python/lib/python3.12/site-packages/x/y.py", "x.y"),
        ("/var/lang/lib/python3.12/site-packages/boto3/session.py", "boto3.session"),
    ],
)
def test_a_frame_without_a_module_is_named_by_its_file(file: str, module: str) -> None:
    seen = observation(Failed(error("ValueError", "no"), 0.1), trace=Trace((Frame(file, 1, None),)))

    assert explain(seen, function(), ARTIFACT).chain == (module,)


@pytest.mark.parametrize(
    ("handler", "where"),
    [
        ("app.main.handler", "/var/task/app/main.py"),
        ("app/main.handler", "/var/task/app/main.py"),
        ("app.handler", "/var/task/app/__init__.py"),
        ("gone.handler", "handler gone.handler"),
        ("handler", "handler handler"),
    ],
)
def test_without_a_trace_the_place_is_the_handlers_file_or_its_setting(handler: str, where: str) -> None:
    seen = observation(Exited(1, 0.1))

    assert explain(seen, function(handler=handler), ARTIFACT).where == where


def test_the_cause_has_what_lies_behind_and_what_was_printed() -> None:
    trace = Trace((MAIN, LAYER), ("ValueError: first", "OSError: second"))

    failed = explain(observation(Failed(error("X", "y"), 0.1), trace=trace), function(), ARTIFACT)
    exited = explain(observation(Exited(3, 0.1), output="one\n\ntwo\n"), function(), ARTIFACT)
    silent = explain(observation(Exited(3, 0.1)), function(), ARTIFACT)

    assert failed.cause == (
        "raised at /opt/python/tinyxml/__init__.py:5; behind it: ValueError: first; behind it: OSError: second"
    )
    assert exited.cause == "it printed last:\none\ntwo"
    assert silent.cause is None


def test_what_python_has_behind_a_missing_variable_is_no_cause() -> None:
    trace = Trace((MAIN,), ("KeyError: b'DEPOT'",))

    seen = observation(Failed(error("KeyError", "'DEPOT'"), 0.1), trace=trace)

    assert explain(seen, function(), ARTIFACT).cause is None
