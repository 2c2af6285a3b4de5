from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.environment import check
from harness.model import Place, Severity, When
from tests.build import POLICY, archive, code, entry, event, findings, function, program_of, said, subject

WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("app.main.handler", None),
        ("app/main.handler", None),
        ("timely.handler", None),
        ("times/time.handler", None),
        (".handler", None),
        (
            "handler",
            "Runtime.MalformedHandlerName: Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        (
            "app/main",
            "Runtime.MalformedHandlerName: Bad handler 'app/main': not enough values to unpack (expected 2, got 1)",
        ),
        ("time.handler", "Runtime.BuiltInModuleConflict: Cannot use built-in module time as a handler module"),
        ("sys.x.handler", "Runtime.BuiltInModuleConflict: Cannot use built-in module sys.x as a handler module"),
        ("json.handler", None),
    ],
)
def test_a_handler_is_a_module_of_files_and_a_name(handler: str, message: str | None) -> None:
    found = findings(check, subject(code("app/main.py"), function=function(handler=handler)))

    assert [one.message for one in found] == ([message] if message else [])
    assert all(one.where == f"handler {handler}" and one.severity is Severity.ERROR for one in found)


def test_reserved_variables_are_named() -> None:
    variables = {"AWS_REGION": "eu-west-1", "STAGE": "prod", "AWS_LAMBDA_FUNCTION_NAME": "x", "EMPTY": ""}

    (one,) = findings(check, subject(code("app/main.py"), function=function(environment=variables)))

    assert one.message == (
        "InvalidParameterValueException: Lambda was unable to configure your environment variables because the "
        "environment variables you have provided contains reserved keys that are currently not supported for "
        "modification. Reserved keys used in this request: AWS_LAMBDA_FUNCTION_NAME, AWS_REGION"
    )


@pytest.mark.parametrize("name", sorted(POLICY.reserved_variables))
def test_every_reserved_variable_is_known(name: str) -> None:
    assert findings(check, subject(code("app/main.py"), function=function(environment={name: "x"})))


@pytest.mark.parametrize(
    ("variables", "too_much"),
    [
        ({"A1": "x" * (4096 - len('{"A1":""}'))}, False),
        ({"A1": "x" * (4097 - len('{"A1":""}'))}, True),
        ({"A1": "é" * ((4096 - len('{"A1":""}')) // 2)}, False),
        ({"A1": "é" * (4096 - len('{"A1":""}'))}, True),
        ({"A1": '"' * (4096 - len('{"A1":""}'))}, True),
        ({f"NAME_{index}": "x" * 100 for index in range(38)}, True),
        ({f"NAME_{index}": "x" * 100 for index in range(30)}, False),
        ({}, False),
    ],
)
def test_all_variables_together_are_4096_bytes_of_json(variables: dict[str, str], *, too_much: bool) -> None:
    found = findings(check, subject(code("app/main.py"), function=function(environment=variables)))

    assert len(found) == too_much
    assert all("exceeded the 4KB limit" in one.message for one in found)


def test_too_much_is_told_with_the_number_and_the_largest() -> None:
    variables = {"SMALL": "x", "LARGE": "y" * 4096}

    (one,) = findings(check, subject(code("app/main.py"), function=function(environment=variables)))

    assert "4,120 bytes as JSON, 24 more than 4,096" in one.message
    assert one.remedy is not None
    assert one.remedy.endswith("the largest is LARGE (4,096 bytes)")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("/opt/bootstrap", None),
        ("/opt/otel-instrument", "127"),
        ("/var/task/wrap.sh", "127"),
        ("/opt/plain", "126"),
        ("/opt/private", "126"),
        ("/opt/empty", "127"),
        ("/usr/bin/env", None),
        ("", None),
    ],
)
def test_a_wrapper_is_there_and_executable(value: str, status: str | None) -> None:
    layer = archive(
        entry("bootstrap", mode=0o755),
        entry("plain", mode=0o644),
        entry("private", mode=0o700),
        entry("empty", 0, 0o755),
        "python/x.py",
    )

    found = findings(check, subject(code("app.py"), layer, function=function(environment={WRAPPER: value})))

    assert len(found) == bool(status)
    assert all(f"exit status {status}" in one.message for one in found)


APP = {"app/__init__.py": "", "app/main.py": "import shared\n\n\ndef handler(event, context): ...\n"}
LAZY = {"app/__init__.py": "", "app/main.py": "def handler(event, context):\n    import shared\n"}
ALONE = {"app/__init__.py": "", "app/main.py": "def handler(event, context): ...\n"}
SHARED = {"python/shared.py": ""}


@pytest.mark.parametrize(
    ("files", "layer", "value", "severity"),
    [
        (APP, SHARED, "/var/task/lib", Severity.ERROR),
        (APP, SHARED, "", Severity.ERROR),
        (APP, SHARED, "/opt/python", None),
        (APP, SHARED, "/var/task/lib:/opt/python/", None),
        (APP | {"shared.py": ""}, SHARED, "/var/task/lib", Severity.WARNING),
        (APP | {"lib/shared.py": ""}, SHARED, "/var/task/lib", Severity.WARNING),
        (LAZY, SHARED, "/var/task/lib", Severity.WARNING),
        (ALONE, SHARED, "/var/task/lib", Severity.WARNING),
        (ALONE, {"lib/x.txt": ""}, "/var/task/lib", None),
        (APP, {"python/lib/python3.12/site-packages/shared.py": ""}, "/opt/python", Severity.ERROR),
    ],
)
def test_a_pythonpath_takes_the_layers_away(
    files: dict[str, str], layer: dict[str, str], value: str, severity: Severity | None
) -> None:
    api = function(environment={"PYTHONPATH": value})

    found = findings(check, program_of(files, layer, function=api))

    assert [one.severity for one in found] == ([severity] if severity else [])


def test_what_is_lost_is_named_with_the_chain() -> None:
    api = function(environment={"PYTHONPATH": "/var/task/lib"})

    (one,) = findings(check, program_of(APP, SHARED, function=api))

    assert one.message == (
        "PYTHONPATH=/var/task/lib takes /opt/python off the search path: No module named 'shared' "
        "(of the layers are needed: shared)"
    )
    assert one.chain == ("app.main", "shared")


@pytest.mark.parametrize(
    ("variables", "layer", "count"),
    [
        ({"LD_LIBRARY_PATH": "/var/task/lib"}, "lib/libx.so", 1),
        ({"LD_LIBRARY_PATH": "/var/lang/lib:/opt/lib"}, "lib/libx.so", 0),
        ({"LD_LIBRARY_PATH": "/opt/lib/"}, "lib/libx.so", 0),
        ({"LD_LIBRARY_PATH": "/var/task/lib"}, "python/x.py", 0),
        ({"PATH": "/usr/bin"}, "bin/tool", 1),
        ({"PATH": "/usr/bin:/opt/bin"}, "bin/tool", 0),
        ({"LD_PRELOAD": "/opt/lib/libx.so"}, "lib/libx.so", 0),
    ],
)
def test_a_value_replaces_the_runtimes(variables: dict[str, str], layer: str, count: int) -> None:
    found = findings(check, subject(code("app.py"), archive(layer), function=function(environment=variables)))

    assert [one.severity for one in found] == [Severity.WARNING] * count


@pytest.mark.parametrize(
    ("size", "severity"), [(1_048_576, None), (1_048_577, "note"), (6_291_456, "note"), (6_291_457, Severity.WARNING)]
)
def test_an_event_is_no_larger_than_lambda_takes_it(size: int, severity: object) -> None:
    sent = function(events=(event("x" * size),))

    found = said(check, subject(code("app/main.py"), function=sent))

    assert [getattr(one, "severity", "note") for one in found] == ([severity] if severity else [])


READS = {"app/main.py": "import os\nimport app.lib\nA, B = os.environ['A'], os.environ['B']\n", "app/lib.py": ""}


@pytest.mark.parametrize(
    ("whole", "environment", "files", "expected"),
    [
        (True, {}, {}, ["KeyError: 'A'", "KeyError: 'B'"]),
        (True, {"A": "1"}, {}, ["KeyError: 'B'"]),
        (True, {"A": "1", "B": "2"}, {}, []),
        (False, {"A": "1"}, {}, []),
        (True, {WRAPPER: "/opt/a"}, {"a": ""}, []),
        (True, {}, {"app/lib.py": "import os\nos.environ['A'] = '1'\n"}, ["KeyError: 'B'"]),
        (True, {}, {"app/lib.py": "import os\nos.environ.update({})\n"}, []),
        (True, {}, {"app/lib.py": "from dotenv import load_dotenv\nload_dotenv()\n"}, []),
        (True, {}, {"sitecustomize.py": "import os\nos.environ['B'] = '1'\n"}, ["KeyError: 'A'"]),
        (
            True,
            {"A": "", "B": ""},
            {"app/lib.py": "import os\nR, H = os.environ['AWS_REGION'], os.environ['PATH']"},
            [],
        ),
        (True, {"A": "", "B": ""}, {"app/lib.py": "import os\ndef f():\n    return os.environ['C']\n"}, []),
        (True, {"A": "", "B": ""}, {"app/lib.py": "try:\n    import app.c\nexcept Exception:\n    pass\n"}, []),
        (True, {"A": "", "B": ""}, {"app/lib.py": "import app.c\n"}, ["KeyError: 'C'"]),
    ],
)
def test_what_the_init_reads_and_a_template_does_not_declare(
    *, whole: bool, environment: dict[str, str], files: dict[str, str], expected: list[str]
) -> None:
    declared = replace(
        function(environment=environment), whole_environment=whole, declared_at=Place("template.yaml", 9)
    )
    content = READS | {"app/c.py": "import os\nC = os.environ['C']\n"} | files
    found = [one for one in findings(check, program_of(content, function=declared)) if "KeyError" in one.message]

    assert [one.message for one in found] == expected
    assert all(str(one.edits[0]).startswith("template.yaml:9: declare ") for one in found)
    assert all((one.severity, one.when, one.functions) == (Severity.ERROR, When.AT_START, ("api",)) for one in found)
