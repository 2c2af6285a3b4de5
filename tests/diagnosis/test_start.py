from __future__ import annotations

import pytest

from harness.diagnosis.start import ending, explain
from harness.engines.protocol import Answered, Exceeded, Exited, Failed, Frame, Ready, Trace
from tests.build import POLICY, archive, bundle, code, error, function, observation

EXIT = "Runtime.ExitError: Runtime exited with error: "
ARTIFACT = bundle(
    code("app/__init__.py", "app/main.py", "app/usps.py", "backend/jobs/run.py", "Tools/clean.py"),
    archive("python/tinyxml/__init__.py"),
)
MAIN = Frame("/var/task/app/main.py", 3, "app.main")
USPS = Frame("/var/task/app/usps.py", 7, "app.usps")
LAYER = Frame("/opt/python/tinyxml/__init__.py", 5, "tinyxml")
STDLIB = Frame("/var/lang/lib/python3.12/pathlib.py", 1013, "pathlib")
CANNOT = "Unable to import module 'app.main': "


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
        ((MAIN, LAYER, STDLIB), "/var/task/app/main.py:3", ("app.main", "tinyxml", "pathlib")),
        ((LAYER, STDLIB), "/opt/python/tinyxml/__init__.py:5", ("tinyxml", "pathlib")),
        ((STDLIB,), "/var/lang/lib/python3.12/pathlib.py:1013", ("pathlib",)),
        ((), "/var/task/app/main.py", ()),
    ],
)
def test_the_place_is_the_users_own_line_nearest_to_the_error(
    frames: tuple[Frame, ...], where: str, chain: tuple[str, ...]
) -> None:
    seen = observation(Failed(error("ValueError", "no"), 0.1), trace=Trace(frames))

    finding = explain(seen, function(), ARTIFACT, POLICY)

    assert (finding.where, finding.chain) == (where, chain)


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/var/task/app/__init__.py", "app"),
        ("/var/task/app/main.py", "app.main"),
        ("/opt/python/tinyxml/__init__.py", "tinyxml"),
        ("/opt/python/lib/python3.12/site-packages/x/y.py", "x.y"),
        ("/var/lang/lib/python3.12/pathlib.py", "pathlib"),
        ("/var/lang/lib/python3.12/site-packages/boto3/session.py", "boto3.session"),
    ],
)
def test_a_frame_without_a_module_is_named_by_its_file(file: str, module: str) -> None:
    seen = observation(Failed(error("ValueError", "no"), 0.1), trace=Trace((Frame(file, 1, None),)))

    assert explain(seen, function(), ARTIFACT, POLICY).chain == (module,)


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

    assert explain(seen, function(handler=handler), ARTIFACT, POLICY).where == where


def test_the_cause_has_what_lies_behind_and_what_was_printed() -> None:
    trace = Trace((MAIN, LAYER), ("ValueError: first", "OSError: second"))

    failed = explain(observation(Failed(error("X", "y"), 0.1), trace=trace), function(), ARTIFACT, POLICY)
    exited = explain(observation(Exited(3, 0.1), output="one\n\ntwo\n"), function(), ARTIFACT, POLICY)
    silent = explain(observation(Exited(3, 0.1)), function(), ARTIFACT, POLICY)

    assert failed.cause == (
        "raised at /opt/python/tinyxml/__init__.py:5; behind it: ValueError: first; behind it: OSError: second"
    )
    assert exited.cause == "it printed last:\none\ntwo"
    assert silent.cause is None


REMEDIES = {
    "a distribution that is not there": (
        error("Runtime.ImportModuleError", CANNOT + "No module named 'defusedxml'"),
        Trace((MAIN,), missing="defusedxml"),
        "add the distribution that provides 'defusedxml' to the requirements",
    ),
    "a part of a distribution": (
        error("Runtime.ImportModuleError", CANNOT + "No module named 'google.cloud.storage'"),
        Trace((MAIN,), missing="google.cloud.storage"),
        "add the distribution that provides 'google' to the requirements",
    ),
    "a module of the user's own": (
        error("Runtime.ImportModuleError", CANNOT + "No module named 'app.dhl'"),
        Trace((MAIN,), missing="app.dhl"),
        "add the file of 'app.dhl' to the code archive: 'app' is there",
    ),
    "a circle": (
        error("Runtime.ImportModuleError", CANNOT + "cannot import name 'x' from partially initialized module 'a'"),
        Trace((MAIN,), missing="app.main"),
        "break the circle of imports",
    ),
    "a library": (
        error("Runtime.ImportModuleError", CANNOT + "libGL.so.1: cannot open shared object file: No such file"),
        Trace((MAIN,), missing="cv2"),
        "put the library into lib/ of a layer",
    ),
    "a name": (
        error("Runtime.ImportModuleError", CANNOT + "cannot import name 'x' from 'tinyxml'"),
        Trace((MAIN,), missing="tinyxml"),
        "install the version that has the name",
    ),
    "an import that fails otherwise": (
        error("Runtime.ImportModuleError", CANNOT + "numpy: Error importing numpy"),
        Trace((MAIN,)),
        "correct the module at that line, or what it imports there",
    ),
    "a variable": (
        error("KeyError", "'DEPOT'"),
        Trace((MAIN,), ("KeyError: b'DEPOT'",)),
        "declare the variable 'DEPOT' under `environment` in the manifest",
    ),
    "another key": (error("KeyError", "'DEPOT'"), Trace((MAIN,)), "correct the module at that line"),
    "an attribute": (error("Runtime.HandlerNotFound", "…"), Trace(()), "define 'handler' in app.main, or correct"),
    "a dotless name": (error("Runtime.MalformedHandlerName", "…"), Trace(()), "name the handler as module.function"),
    "a built-in": (error("Runtime.BuiltInModuleConflict", "…"), Trace(()), "rename the module 'app'"),
    "syntax": (error("Runtime.UserCodeSyntaxError", "…"), Trace((MAIN,)), "correct the line, or declare the runtime"),
    "permissions": (error("PermissionError", "…"), Trace((MAIN,)), "make the archive's files readable for others"),
    "a read-only disk": (error("OSError", "[Errno 30] …"), Trace((MAIN,)), "write below /tmp only"),
    "a file": (error("FileNotFoundError", "…"), Trace((MAIN,)), "open only what is in the archives"),
    "anything": (error("ValueError", "…"), Trace((MAIN,)), "correct the module at that line"),
}  # fmt: skip


@pytest.mark.parametrize("case", REMEDIES)
def test_the_remedy_fits_the_error(case: str) -> None:
    told, trace, remedy = REMEDIES[case]

    finding = explain(observation(Failed(told, 0.1), trace=trace), function(), ARTIFACT, POLICY)

    assert finding.remedy is not None
    assert finding.remedy.startswith(remedy)


def test_what_python_has_behind_a_missing_variable_is_no_cause() -> None:
    trace = Trace((MAIN,), ("KeyError: b'DEPOT'",))

    seen = observation(Failed(error("KeyError", "'DEPOT'"), 0.1), trace=trace)

    assert explain(seen, function(), ARTIFACT, POLICY).cause is None


@pytest.mark.parametrize(
    ("handler", "missing", "remedy"),
    [
        ("jobs.run.handler", "jobs", "add the file of 'jobs' to the code archive, or correct the handler's name"),
        ("run.handler", "run", "the archive has it at /var/task/backend/jobs/run.py: zip what is in backend/jobs/"),
        ("jobs.run.handler", "jobs.run", "the archive has it at /var/task/backend/jobs/run.py: zip what is in"),
        ("tools.clean.handler", "tools.clean", "the archive has it at /var/task/Tools/clean.py: rename it"),
        ("tinyxml.handler", "tinyxml", "add the file of 'tinyxml' to the code archive"),
    ],
)  # fmt: skip
def test_a_handlers_module_is_looked_for_elsewhere(handler: str, missing: str, remedy: str) -> None:
    told = error("Runtime.ImportModuleError", f"Unable to import module 'x': No module named {missing!r}")
    seen = observation(Failed(told, 0.1), trace=Trace((), missing=missing))

    finding = explain(seen, function(handler=handler), ARTIFACT, POLICY)

    assert finding.remedy is not None
    assert finding.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("end", "remedy"),
    [
        (Exited(3, 0.1), "make the module importable without ending the process"),
        (Exceeded("memory", 0.1), "import less, or declare more than 512 MB of memory"),
        (Exceeded("timeout", 60.0), "Lambda stops init after 10 s"),
        (Exceeded("processes", 1.0), "make the module importable without ending the process"),
    ],
)
def test_the_remedy_fits_the_end(end: Exited | Exceeded, remedy: str) -> None:
    finding = explain(observation(end), function(), ARTIFACT, POLICY)

    assert finding.remedy is not None
    assert finding.remedy.startswith(remedy)
