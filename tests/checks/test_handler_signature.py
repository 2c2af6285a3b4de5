from __future__ import annotations

import pytest

from harness.checks.handler_signature import check
from harness.model import Severity, When
from tests.build import findings, function, program_of

MARSHAL = "Runtime.MarshalError: Unable to marshal response: Object of type {} is not JSON serializable"

UNFIT = {
    "def handler(): ...": "TypeError: handler() takes 0 positional arguments but 2 were given",
    "def handler(event): ...": "TypeError: handler() takes 1 positional argument but 2 were given",
    "def handler(event=None): ...": "TypeError: handler() takes from 0 to 1 positional arguments but 2 were given",
    "def handler(event, *, context): ...": "TypeError: handler() takes 1 positional argument but 2 were given",
    "def handler(event, context, a): ...": "TypeError: handler() missing 1 required positional argument: 'a'",
    "def handler(event, context, a, b, c=1): ...": (
        "TypeError: handler() missing 2 required positional arguments: 'a' and 'b'"
    ),
    "def handler(event, context, a, b, c): ...": (
        "TypeError: handler() missing 3 required positional arguments: 'a', 'b', and 'c'"
    ),
    "def handler(event, context, *, a): ...": "TypeError: handler() missing 1 required keyword-only argument: 'a'",
    "async def handler(event, context): ...": MARSHAL.format("coroutine"),
    "async def handler(event, context):\n    yield 1": MARSHAL.format("async_generator"),
    "def handler(event, context):\n    yield 1": MARSHAL.format("generator"),
    "async def handler(event): ...": "TypeError: handler() takes 1 positional argument but 2 were given",
}


@pytest.mark.parametrize("source", UNFIT)
def test_lambdas_words_of_a_handler_that_does_not_fit(source: str) -> None:
    program = program_of({"app/main.py": f"import os\n\n{source}\n"}, function=function())

    (finding,) = findings(check, program)

    assert finding.message == UNFIT[source]
    assert (finding.where, finding.severity, finding.when) == ("/var/task/app/main.py:3", Severity.ERROR, When.AT_EVENT)


@pytest.mark.parametrize("source", [source for source, said in UNFIT.items() if said.startswith("TypeError")])
def test_they_are_pythons(source: str) -> None:
    values: dict[str, object] = {}
    exec(source, values)  # noqa: S102 - it is written above

    with pytest.raises(TypeError) as raised:
        values["handler"]({}, None)  # type: ignore[operator]

    assert f"TypeError: {raised.value}" == UNFIT[source]


@pytest.mark.parametrize(
    "source",
    [
        "def handler(event, context): ...",
        "def handler(event, context=None, *more, **others): ...",
        "def handler(*both): ...",
        "def handler(event, _, /, also=1, *, more=2): ...",
        "def handler(event, context):\n    def inner():\n        yield 1\n    return list(inner())",
        "@wrapped\ndef handler(event): ...",
        "def handler(event): ...\nhandler = wrapped(handler)",
        "try:\n    from lib import handler\nexcept ImportError:\n    pass\ndef handler(event): ...",
        "def handler(event): ...\ndef other():\n    global handler\n    handler = print",
        "if wrapped:\n    def handler(event): ...\nelse:\n    def handler(event, context): ...",
        "def other(event): ...\nhandler = other",
        "class handler:\n    def __init__(self, event): ...",
    ],
)
def test_one_that_fits_or_may_be_replaced(source: str) -> None:
    assert findings(check, program_of({"app/main.py": f"{source}\n"}, function=function())) == []


def test_a_wrapper_may_call_it_in_another_way() -> None:
    wrapped = function(environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"})

    assert findings(check, program_of({"app/main.py": "def handler(event): ...\n"}, function=wrapped)) == []
