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


PATCHES = "import collections, collections.abc\ncollections.Mapping = collections.abc.Mapping\n"
PATCHES_ALL = "import collections\nfor name in ('Mapping', 'Sequence'):\n    setattr(collections, name, dict)\n"
NEEDS = "import collections\nT = collections.Mapping\n"
LIBRARY = {"old-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: old\nVersion: 1.0\n"}
RECORDED = {**LIBRARY, "old-1.0.dist-info/RECORD": "old.py,,\nold-1.0.dist-info/METADATA,,\n"}
WRITE = "write what takes its place: "
OLD_SIX = (
    "import sys\n__path__ = []\nclass _Importer:\n    def find_module(self, name, path=None): ...\n"
    "    def load_module(self, name):\n        sys.modules[name] = self\nsys.meta_path.append(_Importer())\n"
)


@pytest.mark.parametrize(
    ("files", "severity", "remedy"),
    [
        ({MAIN: NEEDS}, Severity.ERROR, f"{WRITE}Python 3.10 removed it"),
        ({MAIN: "import copy\nuse = copy.replace"}, Severity.ERROR, f"{WRITE}Python 3.13 is the first that has it"),
        (
            {MAIN: "import asyncio\nclass A:\n    @asyncio.coroutine\n    def run(self): ..."},
            Severity.ERROR,
            f"{WRITE}Python 3.11 removed it",
        ),
        (
            {MAIN: "import inspect\ndef handler(event, context):\n    inspect.getargspec(handler)"},
            Severity.ERROR,
            f"{WRITE}Python 3.11 removed it",
        ),
        ({MAIN: "import inspect\ndef other(it):\n    inspect.getargspec(it)"}, Severity.WARNING, WRITE),
        (
            {MAIN: "import old", "old.py": NEEDS, **RECORDED},
            Severity.ERROR,
            "install a version of old that is made for Python 3.12: Python 3.10 removed it",
        ),
        ({MAIN: "import old", "old.py": "import inspect\ndef f(x):\n    inspect.getargspec(x)", **RECORDED}, None, ""),
        (
            {MAIN: "import collections\ntry:\n    T = collections.Mapping\nexcept AttributeError:\n    T = dict"},
            None,
            "",
        ),
        ({MAIN: "import collections\nT = collections.Mapping if hasattr(collections, 'Mapping') else dict"}, None, ""),
        ({MAIN: "import inspect, sys\nif sys.version_info < (3,):\n    spec = inspect.getargspec"}, None, ""),
        (
            {
                MAIN: "import inspect, sys\nif sys.version < '3':\n    def f(x):\n        inspect.getargspec(x)\n"
                "else:\n    f = inspect.getfullargspec\nf(len)"
            },
            None,
            "",
        ),
        (
            {MAIN: f"from __future__ import annotations\n{NEEDS.splitlines()[0]}\ndef f(x: collections.Set): ..."},
            None,
            "",
        ),
        ({MAIN: f"{PATCHES}from app import other", "app/other.py": NEEDS}, None, ""),
        ({MAIN: f"{PATCHES}import old", "old.py": NEEDS, **RECORDED}, None, ""),
        ({MAIN: f"{PATCHES_ALL}from app import other", "app/other.py": "from collections import Sequence"}, None, ""),
        ({MAIN: "class collections:\n    Mapping = 1\nT = collections.Mapping"}, None, ""),
    ],
)
def test_what_another_version_of_python_has(files: dict[str, str], severity: Severity | None, remedy: str) -> None:
    found = [one for one in findings(files) if isinstance(one, Finding)]

    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all(
        one.message.startswith("AttributeError: module ") and str(one.remedy).startswith(remedy) for one in found
    )


@pytest.mark.parametrize(
    ("files", "severity", "remedy"),
    [
        (
            {MAIN: "from old.moves import x", "old.py": OLD_SIX, **RECORDED},
            Severity.ERROR,
            "install a newer version of old than 1.0, made for Python 3.12",
        ),
        (
            {MAIN: "from six.moves import x", "six.py": OLD_SIX},
            Severity.ERROR,
            "install a newer version of what /var/task/six.py is of, made for Python 3.12",
        ),
        ({MAIN: "from six.moves import x", "six.py": OLD_SIX.replace("find_module", "find_spec")}, None, ""),
        ({MAIN: "from six.moves import x", "six.py": f"{OLD_SIX}sys.modules['six.moves'] = sys\n"}, None, ""),
        ({MAIN: "import fast, absent", "fast.so": "\x7fELF"}, Severity.ERROR, "copy 'absent' into"),
    ],
)
def test_modules_that_an_old_importer_or_no_source_made(
    files: dict[str, str], severity: Severity | None, remedy: str
) -> None:
    found = [one for one in findings(files) if isinstance(one, Finding)]

    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all(str(one.remedy).startswith(remedy) for one in found)
