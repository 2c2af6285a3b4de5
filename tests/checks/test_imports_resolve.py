from __future__ import annotations

import pytest

from harness.checks.imports_resolve import check
from harness.model import Finding, Note, Severity
from tests import build

MAIN = "app/main.py"
CANNOT = "Runtime.ImportModuleError: Unable to import module 'app.main': "


def findings(code: dict[str, str], environment: dict[str, str] | None = None) -> list[Finding | Note]:
    function = build.function(environment=environment)
    return build.said(check, build.program_of(code, function=function))


@pytest.mark.parametrize(
    ("source", "message", "severity"),
    [
        ("import gone", f"{CANNOT}No module named 'gone'", Severity.ERROR),
        ("def f():\n    import gone", "No module named 'gone'", Severity.WARNING),
        ("def handler(event, context):\n    import gone", "No module named 'gone'", Severity.ERROR),
        ("if DEBUG:\n    import gone", "No module named 'gone'", Severity.WARNING),
        ("from ..up import x", f"{CANNOT}attempted relative import beyond top-level package", Severity.ERROR),
    ],
)
def test_what_is_missing_is_told_with_its_line_and_a_remedy(source: str, message: str, severity: Severity) -> None:
    (finding,) = findings({MAIN: source})

    assert isinstance(finding, Finding)
    assert (finding.message, finding.severity) == (message, severity)
    assert finding.where == f"/var/task/{MAIN}:{source.count(chr(10)) + 1}"
    assert finding.chain == ("app.main",)
    assert finding.remedy


@pytest.mark.parametrize(
    "code",
    [
        {MAIN: "import json, boto3"},
        {MAIN: "try:\n    import gone\nexcept ImportError:\n    gone = None"},
        {MAIN: "", "tests/test_main.py": "import pytest"},
        {MAIN: "", "docs/conf.py": "import sphinx"},
    ],
)
def test_silence(code: dict[str, str]) -> None:
    assert findings(code) == []


def test_one_finding_for_all_places() -> None:
    (finding,) = findings({MAIN: "import gone\nfrom app import other", "app/other.py": "import gone"})

    assert isinstance(finding, Finding)
    assert finding.where == f"/var/task/{MAIN}:1"
    assert "also imported at /var/task/app/other.py:1" in str(finding.cause)


def test_a_folder_that_code_adds_to_the_path_is_a_note() -> None:
    added = "import sys\nsys.path.append({})\nimport inner"
    (note,) = findings({MAIN: added.format("DEPS"), "deps/inner.py": ""})

    assert isinstance(note, Note)
    assert findings({MAIN: added.format("'deps'"), "deps/inner.py": ""}) == []


def test_what_a_mounted_folder_may_have_is_a_warning() -> None:
    (finding,) = findings({MAIN: "import gone"}, {"PYTHONPATH": "/mnt/efs/lib"})

    assert isinstance(finding, Finding)
    assert finding.severity is Severity.WARNING


def test_what_cannot_be_read_is_said() -> None:
    (note,) = findings({MAIN: "import (\n"})

    assert note == Note(f"/var/task/{MAIN} could not be read, and its imports are not known", limit=True)
