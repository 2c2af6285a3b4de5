from __future__ import annotations

import textwrap

import pytest

from harness.check import Inapplicable
from harness.checks.write_outside_tmp import check
from harness.model import Finding, Severity
from tests.build import findings, function, manifest, program_of, said

HEAD = """\
import logging
import logging.handlers
import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.request import urlretrieve

import boto3
import pandas as pd

HERE = Path(__file__).parent
s3 = boto3.client("s3")
"""
FILES = {"app/__init__.py": "", "app/data/there.db": ""}


def found(source: str, *, handler: str | None = "app.main.handler", at: str = "app/main.py") -> list[Finding]:
    declared = manifest(function(handler=handler)) if handler else manifest()
    files = {**FILES, at: HEAD + textwrap.dedent(source)}
    return findings(check, program_of(files, function=None, declared=declared))


FAILS = [
    ("open('out.json', 'w')", "/var/task/out.json"),
    ("open('out.json', mode='a+')", "/var/task/out.json"),
    ("open(HERE / 'out.json', 'xb')", "/var/task/app/out.json"),
    ("(HERE / 'out.json').write_text('')", "/var/task/app/out.json"),
    ("Path('/var/task/seen').touch()", "/var/task/seen"),
    ("Path('/opt/seen').touch()", "/opt/seen"),
    ("Path('cache').mkdir(exist_ok=True)", "/var/task/cache"),
    ("Path('app/data').mkdir()", "/var/task/app/data"),
    ("os.makedirs('cache', exist_ok=True)", "/var/task/cache"),
    ("if not os.path.exists('cache'):\n    os.makedirs('cache')", "/var/task/cache"),
    ("os.makedirs(os.path.expanduser('~/.cache/app'), exist_ok=True)", "/home/sbx_user1051/.cache/app"),
    ("Path('~/.app').expanduser().mkdir()", "/home/sbx_user1051/.app"),
    ("(Path.home() / '.app').mkdir()", "/home/sbx_user1051/.app"),
    ("shutil.copy('/tmp/a', HERE / 'b')", "/var/task/app/b"),
    ("shutil.move('/tmp/a', 'b')", "/var/task/b"),
    ("sqlite3.connect('app.db')", "/var/task/app.db"),
    ("logging.FileHandler('app.log')", "/var/task/app.log"),
    ("logging.handlers.RotatingFileHandler(filename='logs/app.log')", "/var/task/logs/app.log"),
    ("logging.basicConfig(filename='app.log', force=True)", "/var/task/app.log"),
    ("tempfile.TemporaryDirectory(dir='.')", "/var/task"),
    ("tempfile.NamedTemporaryFile(dir=HERE)", "/var/task/app"),
    ("urlretrieve('https://example.com/model', 'model.bin')", "/var/task/model.bin"),
    ("s3.download_file('bucket', 'key', 'model.bin')", "/var/task/model.bin"),
    ("s3.download_file('bucket', 'key', Filename='model.bin')", "/var/task/model.bin"),
    ("pd.DataFrame().to_csv('out.csv')", "/var/task/out.csv"),
]


@pytest.mark.parametrize(("statement", "path"), FAILS, ids=[statement for statement, _ in FAILS])
def test_what_is_written_outside_of_tmp_is_found(statement: str, path: str) -> None:
    (inside,) = found("def handler(event, context):\n" + textwrap.indent(statement, "    "))
    (one,) = found(statement)

    assert path in inside.message
    assert path in one.message
    assert inside.severity is one.severity
    assert one.severity is (Severity.WARNING if statement.startswith("if ") else Severity.ERROR)
    assert one.chain == ("app.main",)


SILENT = [
    "open('/tmp/out.json', 'w')",
    "open(os.path.join(tempfile.gettempdir(), 'out.json'), 'w')",
    "open('/dev/null', 'w')",
    "open('out.json')",
    "open(name, 'w')",
    "open('out.json', mode)",
    "open(os.environ.get('OUT', 'out.json'), 'w')",
    "os.makedirs('app/data', exist_ok=True)",
    "Path('app').mkdir(parents=True, exist_ok=True)",
    "sqlite3.connect(':memory:')",
    "sqlite3.connect('app/data/there.db')",
    "sqlite3.connect('file:x?mode=ro', uri=True)",
    "try:\n    os.makedirs('cache')\nexcept OSError:\n    pass",
    "try:\n    open('out', 'w')\nexcept Exception:\n    pass",
    "with suppress(OSError):\n    os.makedirs('cache')",
    "if __name__ == '__main__':\n    open('out.json', 'w')",
    "if not os.environ.get('AWS_LAMBDA_FUNCTION_NAME'):\n    os.makedirs('cache')",
    "if not os.path.exists('app/data'):\n    os.makedirs('app/data')",
    "if not os.path.exists('app/data/there.db'):\n    s3.download_file('bucket', 'key', 'app/data/there.db')",
    "x = None if os.environ.get('LAMBDA') else os.mkdir('a')",
    "logging.basicConfig(filename='app.log', level='INFO')",
    "tempfile.TemporaryDirectory()",
    "tempfile.mkdtemp(dir='/tmp')",
    "pd.DataFrame().to_csv('s3://bucket/out.csv')",
    "pd.DataFrame().to_csv()",
    "s3.download_file('bucket', 'key', '/tmp/model.bin')",
    "os.chdir('/tmp')\nopen('out.json', 'w')",
]


@pytest.mark.parametrize("statement", SILENT)
def test_what_is_written_to_tmp_or_may_fail_is_no_finding(statement: str) -> None:
    assert found(statement) == []


@pytest.mark.parametrize(
    ("at", "handler", "severities"),
    [
        ("app/main.py", "app.main.handler", [Severity.ERROR]),
        ("app/main.py", "app.other.handler", []),
        ("app/main.py", None, [Severity.WARNING]),
        ("scripts/seed.py", "app.main.handler", []),
        ("scripts/seed.py", None, []),
        ("migrations/versions/0001.py", None, []),
        ("tests/test_app.py", "app.main.handler", []),
    ],
)
def test_only_what_is_certain_is_an_error(at: str, handler: str | None, severities: list[Severity]) -> None:
    assert [one.severity for one in found("open('out.json', 'w')", handler=handler, at=at)] == severities


def test_a_module_has_one_finding_for_each_severity() -> None:
    source = """\
        open('a', 'w')
        open('b', 'w')

        def other():
            open('c', 'w')
            open('d', 'w')
    """

    first, second = found(source)

    assert first.message == (
        "OSError: [Errno 30] Read-only file system: '/var/task/a': open writes to it (and more at line 17)"
    )
    assert (first.where, first.remedy) == (
        "/var/task/app/main.py:16",
        "write to /tmp/a instead: nothing else is writable",
    )
    assert "'/var/task/c'" in second.message


def test_logging_has_a_better_place() -> None:
    (one,) = found("logging.FileHandler('app.log')")

    assert one.remedy == "log to standard output instead: Lambda collects it"


def test_code_without_paths_is_nothing_to_judge() -> None:
    with pytest.raises(Inapplicable):
        said(check, program_of({"app/main.py": "def handler(event, context): ..."}))
