"""What Lambda says of an import that finds nothing."""

from __future__ import annotations

import pytest

from harness.diagnosis.failure import chain, words
from tests import build

FAILS = "Runtime.ImportModuleError: Unable to import module 'app.main': "

Files = dict[str, str]


@pytest.mark.parametrize(
    ("code", "path", "expected"),
    [
        ({"app/main.py": "import lib"}, "app/main.py", f"{FAILS}No module named 'lib'"),
        ({"app/main.py": "from app import x", "app/x.py": "import lib.a"}, "app/x.py", f"{FAILS}No module named 'lib'"),
        (
            {"app/main.py": "import x.y", "x.py": ""},
            "app/main.py",
            f"{FAILS}No module named 'x.y'; 'x' is not a package",
        ),
        (
            {"app/main.py": "from x import y", "x.py": ""},
            "app/main.py",
            f"{FAILS}cannot import name 'y' from 'x' (/var/task/x.py)",
        ),
        # What fails later ends an invocation, or nobody knows what, and not the start.
        ({"app/main.py": "def handler(event, context):\n    import lib"}, "app/main.py", "No module named 'lib'"),
        ({"app/main.py": "", "app/other.py": "import lib"}, "app/other.py", "No module named 'lib'"),
    ],
)
def test_the_message_is_lambdas_where_the_handler_does_not_start(code: Files, path: str, expected: str) -> None:
    program = build.program_of(code, {"python/filler.py": ""}, function=build.function()).program

    (one,) = program.graph.unresolved(f"/var/task/{path}")

    assert words(one, program) == expected


def test_the_chain_is_the_one_that_leads_there() -> None:
    code = {"app/main.py": "from app import x", "app/x.py": "import lib", "app/y.py": "import lib"}
    program = build.program_of(code, {"python/filler.py": ""}, function=build.function()).program
    (reached,), (other,) = (tuple(program.graph.unresolved(f"/var/task/app/{name}.py")) for name in "xy")

    assert chain(reached, program) == ("app.main", "app.x")
    assert chain(other, program) == ()
