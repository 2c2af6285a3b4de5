"""Lambda's words, to the letter: what AWS's runtime client says of each way to name, write and break a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.engines.protocol import Answered, Exceeded, Exited, Failed, Ready
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine, Observation

FILES: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/main.py": "def handler(event, context):\n    return __name__\n",
    "pkg/sub/m.py": "def handler(event, context):\n    return __name__\n",
    "nons/m.py": "def handler(event, context):\n    return __name__\n",
    "main.py": "def handler(event, context):\n    return 1\n",
    "top.py": "def handler(event, context):\n    return 1\n",
    "app/missing_dep.py": "import does_not_exist_xyz\n",
    "app/ctypes_dep.py": "import ctypes\nctypes.CDLL('libfoo.so.1')\n",
    "app/cls.py": "class A:\n    def h(self, event, context):\n        pass\n",
    "app/bad.py": "def handler(e,c)\n",
    "app/nul.py": b"x = 1\x00\n",
    "app/raises.py": "raise RuntimeError('no configuration')\n",
    "app/noperm.py": "def handler(event, context):\n    return 1\n",
    "app/exits.py": "import sys\nsys.exit(3)\n",
    "app/segv.py": "import ctypes\nctypes.string_at(0)\n",
    "app/answers.py": (
        "import app.main as module\n"
        "number = 1\n"
        "def one(e):\n    return 1\n"
        "async def coroutine(event, context):\n    return 1\n"
        "def a_set(event, context):\n    return {1}\n"
        "def raises(event, context):\n    raise KeyError('k')\n"
        "def some_bytes(event, context):\n    return b'x'\n"
        "def umlaut(event, context):\n    return 'ü'\n"
        "def too_much(event, context):\n    return 'x' * 6_291_556\n"
        "def leaves(event, context):\n    import os\n    os._exit(7)\n"
        "def answers(context):\n"
        "    import http.client, os\n"
        "    api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\n"
        "    api.request('POST', f'/2018-06-01/runtime/invocation/{context.aws_request_id}/response', b'1')\n"
        "    assert api.getresponse().status == 202\n"
        "def answers_and_leaves(event, context):\n    import os\n    answers(context)\n    os._exit(8)\n"
        "def answers_and_stays(event, context):\n    import time\n    answers(context)\n    time.sleep(60)\n"
    ),
}

STARTS = {
    "app.main.handler": '"app.main"',
    "app/main.handler": '"app.main"',
    "pkg/sub/m.handler": '"pkg.sub.m"',
    "nons.m.handler": '"nons.m"',
    "app.answers.some_bytes": "x",
    "app.answers.umlaut": '"ü"',
}

RELATIVE = "the 'package' argument is required to perform a relative import for "
INIT_ERRORS = {
    "handler": "Runtime.MalformedHandlerName: Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
    "nomodule.handler": "Runtime.ImportModuleError: Unable to import module 'nomodule': No module named 'nomodule'",
    "app.nomodule.handler": (
        "Runtime.ImportModuleError: Unable to import module 'app.nomodule': No module named 'app.nomodule'"
    ),
    "app.missing_dep.handler": (
        "Runtime.ImportModuleError: Unable to import module 'app.missing_dep': No module named 'does_not_exist_xyz'"
    ),
    "app.ctypes_dep.handler": ("OSError: libfoo.so.1: cannot open shared object file: No such file or directory"),
    "main.py.handler": (
        "Runtime.ImportModuleError: Unable to import module 'main.py': No module named 'main.py'; "
        "'main' is not a package"
    ),
    "nomain.py.handler": "Runtime.ImportModuleError: Unable to import module 'nomain.py': No module named 'nomain'",
    "app.cls.A.h": (
        "Runtime.ImportModuleError: Unable to import module 'app.cls.A': No module named 'app.cls.A'; "
        "'app.cls' is not a package"
    ),
    "app.bad.handler": "Runtime.UserCodeSyntaxError: Syntax error in module 'app.bad': expected ':' (bad.py, line 1)",
    "app.nul.handler": (
        "Runtime.UserCodeSyntaxError: Syntax error in module 'app.nul': source code string cannot contain null bytes"
    ),
    "app.main.nope": "Runtime.HandlerNotFound: Handler 'nope' missing on module 'app.main'",
    "app.main:handler": "Runtime.HandlerNotFound: Handler 'main:handler' missing on module 'app'",
    "app.main.": "Runtime.HandlerNotFound: Handler '' missing on module 'app.main'",
    "sys.exit": "Runtime.BuiltInModuleConflict: Cannot use built-in module sys as a handler module",
    "time.handler": "Runtime.BuiltInModuleConflict: Cannot use built-in module time as a handler module",
    "/var/task/top.handler": f"TypeError: {RELATIVE}'.var.task.top'",
    "./top.handler": f"TypeError: {RELATIVE}'..top'",
    ".top.handler": f"TypeError: {RELATIVE}'.top'",
    "app.raises.handler": "RuntimeError: no configuration",
    "app.noperm.handler": "PermissionError: [Errno 13] Permission denied: '/var/task/app/noperm.py'",
}

ENDS = {"app.exits.handler": 3, "app.segv.handler": -11}

CANNOT_MARSHAL = "Runtime.MarshalError: Unable to marshal response: Object of type"
INVOKE_ERRORS = {
    "app.answers.number": "TypeError: 'int' object is not callable",
    "app.answers.module": "TypeError: 'module' object is not callable",
    "app.answers.one": "TypeError: one() takes 1 positional argument but 2 were given",
    "app.answers.coroutine": f"{CANNOT_MARSHAL} coroutine is not JSON serializable",
    "app.answers.a_set": f"{CANNOT_MARSHAL} set is not JSON serializable",
    "app.answers.raises": "KeyError: 'k'",
    "app.answers.too_much": (
        "Function.ResponseSizeTooLarge: Response payload size (6291558 bytes) exceeded maximum allowed payload size "
        "(6291556 bytes)."
    ),
}
INVOKE_ENDS = {
    "app.answers.leaves": "left with 7",
    "app.answers.answers_and_leaves": "left with 8",
    "app.answers.answers_and_stays": "timeout",
}


def said(seen: Observation) -> object:
    """What is worth comparing: the answer, or the error, or the status, of init or else of the event."""
    match seen.init, seen.answers:
        case Failed(error=error), _:
            return str(error)
        case Exited(status=status), _:
            return status
        case Ready(), (Answered(body=text) | Exceeded(limit=text),):
            return text
        case Ready(), (Failed(error=error),):
            return str(error)
        case Ready(), (Exited(status=status),):
            return f"left with {status}"
        case other:
            return other


@pytest.mark.xdist_group("table")
def test_every_row(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    expected = {**STARTS, **INIT_ERRORS, **ENDS, **INVOKE_ERRORS, **INVOKE_ENDS}
    bench = Bench(an_engine, unpack(FILES, {"app/noperm.py": 0}))
    seen = bench.run(*[start(handler, events=["{}"]) for handler in expected])
    assert {one.function: said(one) for one in seen} == expected


def test_the_stack_of_a_syntax_error(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    init = Bench(an_engine, unpack(FILES, {"app/noperm.py": 0})).start("app.bad.handler").init
    assert isinstance(init, Failed)
    assert init.error.stack == ('  File "/var/task/app/bad.py" Line 1\n    def handler(e,c)\n',)
