from __future__ import annotations

import pytest

from harness.checks.syntax import check
from harness.model import Severity
from tests import build

MAIN = "app/main.py"
LIB = {
    "python/lib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n",
    "python/lib-1.0.dist-info/RECORD": "lib.py,,\n",
}
NEWER = "label = t'{x}'\n"


@pytest.mark.parametrize(
    ("main", "lib", "severity"),
    [
        ("type Name = str\n", "", None),
        (NEWER, "", Severity.ERROR),
        ("import lib", NEWER, Severity.ERROR),
        ("def f():\n    import lib", NEWER, Severity.WARNING),
        ("", NEWER, None),
        (f"x = {'[' * 300}{']' * 300}\n", "", Severity.ERROR),
        (f"x = {'9' * 5000}\n", "", Severity.ERROR),
        ("".join(f"{' ' * depth}if 1:\n" for depth in range(101)) + " " * 101 + "pass\n", "", Severity.ERROR),
        (f"x = {'-' * 100_000}1\n", "", None),
    ],
)
def test_what_is_yours_or_reached_must_compile(main: str, lib: str, severity: Severity | None) -> None:
    subject = build.program_of({MAIN: main}, LIB | {"python/lib.py": lib}, function=build.function())

    found = build.findings(check, subject)

    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all(one.message.startswith("Runtime.UserCodeSyntaxError: Syntax error in module ") for one in found)
    assert all(one.remedy for one in found)
