from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from harness.checks.unwanted_files import check
from harness.facts.archive import ArchiveFacts
from harness.facts.installed.distributions import Distribution, Recorded
from harness.model import Finding, Note, Severity
from tests.build import archive, code, entry, findings, function, manifest, program_of, said, subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.artifact.entries import Entry

KEY = "-----BEGIN PRIVATE KEY-----\n" + "x" * 64 + "\n-----END PRIVATE KEY-----\n"
MB = 1024 * 1024


def zipped() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr("a.txt", "a")
    return written.getvalue()


def found(files: Mapping[str, str | bytes], handler: str = "app.handler") -> list[Finding]:
    declared = manifest(function(handler=handler))
    return findings(check, program_of({"app.py": "def handler(event, context): ...\n", **files}, declared=declared))


UNWANTED: list[tuple[dict[str, str | bytes], str]] = [
    ({".git/HEAD": "x", ".git/objects/aa": "x"}, "the history of the source code: 2 files, 2 bytes"),
    ({".venv/pyvenv.cfg": "x", ".venv/lib/x.py": "x"}, "a virtual environment: 2 files"),
    ({"env/pyvenv.cfg": "x", "env/lib/x.py": "x"}, "a virtual environment: 2 files"),
    ({"node_modules/left-pad/index.js": "x"}, "packages of Node.js: 1 file"),
    ({".pytest_cache/README.md": "x", "app_/.mypy_cache/x.json": "x"}, "caches of development tools: 2 files"),
    ({".coverage": "x"}, "caches of development tools"),
    ({".DS_Store": "x", "__MACOSX/._app.py": "x"}, "what macOS and Windows add to folders: 2 files"),
    ({".idea/workspace.xml": "x", "app.py.orig": "x", ".app.py.swp": "x"}, "what editors leave behind: 3 files"),
    ({"dist/app.zip": zipped()}, "archives within the archive: 1 file"),
    ({"six-1.0-py3-none-any.whl": zipped()}, "archives within the archive: 1 file"),
    ({"server.pem": KEY}, "the file holds a private key (line 1)"),
    ({"a.pem": KEY, "b.pem": KEY}, "2 files hold a private key: /var/task/a.pem, /var/task/b.pem"),
    ({".env": "PASSWORD=x"}, "the file holds variables of an environment (line 1)"),
]


@pytest.mark.parametrize(("files", "message"), UNWANTED, ids=[message for _, message in UNWANTED])
def test_what_nobody_wants_is_one_finding(files: dict[str, str | bytes], message: str) -> None:
    (one,) = found(files)

    assert one.message.startswith(message)
    assert one.severity is Severity.WARNING
    assert one.remedy


WANTED: list[dict[str, str | bytes]] = [
    {},
    {"data.xlsx": zipped(), "model.npz": zipped(), "words.json.gz": b"\x1f\x8b\x08"},
    {"lambda.zip": "not one"},
    {"zones/__init__.py": "", "zones/zones.zip": zipped()},
    {"app.py": "import sys\nsys.path.insert(0, 'lib.zip')\n", "lib.zip": zipped()},
    {".requirements.zip": zipped()},
    {"app.py": "import zipfile\nzipfile.ZipFile('data.zip')\n", "data.zip": zipped()},
    {"tests/fixture.json": "x"},
    {"tests.py": "x"},
    {"test/__init__.py": "", "latest/test_results.json": "x"},
    {"contest/test_x.py": ""},
    {".env.example": "A=x", "environment/x.json": "x", "gitignore/x": ""},
    {"cacert.pem": "-----BEGIN CERTIFICATE-----\n" + "x" * 64},
]


@pytest.mark.parametrize("files", WANTED)
def test_what_may_be_wanted_is_none(files: dict[str, str | bytes]) -> None:
    assert found(files) == []


@pytest.mark.parametrize(("size", "severity"), [(1, None), (6 * MB, Severity.WARNING)])
def test_folders_of_tests_harm_by_their_size_alone(size: int, severity: Severity | None) -> None:
    files = {"app.py": "def handler(event, context): ...\n", "shop/tests/conftest.py": "x", "tests/test_app.py": "x"}
    (one,) = said(check, program_of({**files, "tests/data.json": " " * size}, declared=manifest(function())))
    text, remedy = "tests: 3 files", "leave the folders of tests out of the archive"
    if severity:
        assert isinstance(one, Finding)
        assert (one.message.startswith(text), one.severity, one.remedy) == (True, severity, remedy)
    else:
        assert isinstance(one, Note)
        assert one.text.startswith(text)
        assert one.text.endswith(remedy)


def test_tests_that_a_handler_reaches_are_code() -> None:
    files = {"tests/__init__.py": "", "tests/test_app.py": "def handler(event, context): ...\n"}

    assert found(files, handler="tests.test_app.handler") == []


def installed(*names: str, size: int = 1) -> tuple[ArchiveFacts, list[str | Entry]]:
    record = tuple(Recorded(f"python/{name}") for name in names)
    facts = ArchiveFacts(
        distributions=(Distribution("numbers", "1.0", "python/numbers-1.0.dist-info", record=record),),
        packed=dict.fromkeys((f"python/{name}" for name in names if name.endswith(".tar.gz")), "gzip"),
    )
    return facts, [*(entry(f"python/{name}", size) for name in names), "python/numbers-1.0.dist-info/METADATA"]


def test_a_distributions_own_files_are_its_affair() -> None:
    names = (
        "numbers/tests/test_x.py",
        "numbers/zones.tar.gz",
        "numbers/node_modules/x.js",
        "numbers/.DS_Store",
        "numbers/.env",
    )
    facts, entries = installed(*names)

    assert said(check, subject(archive(*entries), facts=(facts,))) == []


def test_the_tests_of_libraries_are_noted_where_they_are_large() -> None:
    facts, entries = installed("numbers/tests/data.bin", "numbers/core.py", size=6 * MB)

    assert said(check, subject(archive(*entries), facts=(facts,))) == [
        Note("tests of libraries take 6.0 MB: numbers 6.0 MB")
    ]


def test_an_empty_archive_has_nothing_unwanted() -> None:
    assert said(check, subject(code())) == []
