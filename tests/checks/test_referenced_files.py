from __future__ import annotations

import textwrap

import pytest

from harness.check import Inapplicable
from harness.checks.referenced_files import check
from harness.model import Severity
from tests.build import findings, function, manifest, program_of, said

HEAD = """\
import importlib.resources
import logging.config
import os
import pkgutil
from contextlib import suppress
from importlib import resources
from importlib.resources import files
from os.path import dirname, join
from pathlib import Path

import jinja2
from alembic.config import Config
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from app import settings
from app.settings import BASE, CONFIG_NAME
from .settings import BASE as ROOT

HERE = Path(__file__).parent
"""
SETTINGS = """\
from pathlib import Path

BASE = Path(__file__).resolve().parents[1]
CONFIG_NAME = "absent.json"
"""
FILES = {
    "app/__init__.py": "",
    "app/settings.py": SETTINGS,
    "app/there.json": "{}",
    "app/templates/index.html": "",
    "app/data/__init__.py": "",
    "app/data/there.csv": "",
    "space/there.txt": "",
    "there.ini": "",
}
LAYER = {"python/shared/there.txt": "", "data/there.bin": ""}


def found(source: str, *, handler: str | None = "app.main.handler", at: str = "app/main.py") -> list[tuple[str, str]]:
    """The missing paths of a module, with their severity."""
    api = function(handler=handler) if handler else None
    declared = manifest(api) if api else manifest()
    of = {**FILES, at: HEAD + textwrap.dedent(source)}
    return [
        (str(one.message), str(one.severity))
        for one in findings(check, program_of(of, LAYER, function=None, declared=declared))
    ]


MISSING = [
    ("open('absent.json')", "/var/task/absent.json"),
    ("open('./config/../absent.json', encoding='utf-8')", "/var/task/absent.json"),
    ("open('there.json')", "/var/task/there.json"),
    ("open(file='absent.json', mode='rb')", "/var/task/absent.json"),
    ("open(os.path.join(os.path.dirname(__file__), 'absent.json'))", "/var/task/app/absent.json"),
    ("open(join(dirname(os.path.abspath(__file__)), '..', 'absent.json'))", "/var/task/absent.json"),
    ("open(os.path.dirname(__file__) + '/absent.json')", "/var/task/app/absent.json"),
    ("open(f'{os.path.dirname(__file__)}/absent.json')", "/var/task/app/absent.json"),
    ("open(f'{HERE}/absent.json')", "/var/task/app/absent.json"),
    ("open(str(HERE / 'absent.json'))", "/var/task/app/absent.json"),
    ("(HERE / 'absent.json').read_text()", "/var/task/app/absent.json"),
    ("HERE.joinpath('data', 'absent.csv').open()", "/var/task/app/data/absent.csv"),
    ("HERE.with_name('absent.json').read_bytes()", "/var/task/absent.json"),
    ("(HERE / 'main.py').with_suffix('.json').read_text()", "/var/task/app/main.json"),
    ("Path(__file__).resolve().parent.parent.joinpath('absent.ini').read_text()", "/var/task/absent.ini"),
    ("(Path(__file__).parents[1] / 'absent.ini').read_text()", "/var/task/absent.ini"),
    ("(BASE / 'absent.ini').read_text()", "/var/task/absent.ini"),
    ("(ROOT / 'absent.ini').read_text()", "/var/task/absent.ini"),
    ("(settings.BASE / 'absent.ini').read_text()", "/var/task/absent.ini"),
    ("open(CONFIG_NAME)", "/var/task/absent.json"),
    ("Path(os.environ['LAMBDA_TASK_ROOT'], 'absent.json').read_text()", "/var/task/absent.json"),
    ("open(os.environ.get('LAMBDA_TASK_ROOT', '.') + '/absent.json')", "/var/task/absent.json"),
    ("open(os.getenv('LAMBDA_TASK_ROOT') + '/absent.json')", "/var/task/absent.json"),
    ("open('/var/task/absent.json')", "/var/task/absent.json"),
    ("open('/opt/data/absent.bin', 'rb')", "/opt/data/absent.bin"),
    ("(Path.cwd() / 'absent.json').read_text()", "/var/task/absent.json"),
    ("(files('app') / 'data' / 'absent.csv').read_text()", "/var/task/app/data/absent.csv"),
    ("files('app.data').joinpath('absent.csv').open()", "/var/task/app/data/absent.csv"),
    ("resources.files(__package__).joinpath('absent.csv').read_text()", "/var/task/app/absent.csv"),
    ("importlib.resources.files('shared').joinpath('absent.txt').read_text()", "/opt/python/shared/absent.txt"),
    ("resources.read_text('app.data', 'absent.csv')", "/var/task/app/data/absent.csv"),
    ("pkgutil.get_data(__name__, 'absent.csv')", "/var/task/app/absent.csv"),
    ("os.listdir(HERE / 'plugins')", "/var/task/app/plugins"),
    ("logging.config.fileConfig('logging.ini')", "/var/task/logging.ini"),
    ("Config('alembic.ini')", "/var/task/alembic.ini"),
    ("Config(str(BASE / 'alembic.ini'))", "/var/task/alembic.ini"),
    ("Config(file_=os.path.join(BASE, 'alembic.ini'))", "/var/task/alembic.ini"),
    ("StaticFiles(directory='static')", "/var/task/static"),
    ("jinja2.PackageLoader('app', 'pages')", "/var/task/app/pages"),
    ("with open('absent.json') as file:\n    file.read()", "/var/task/absent.json"),
    ("try:\n    open('absent.json')\nexcept FileNotFoundError:\n    raise", "/var/task/absent.json"),
    (
        "try:\n    open('absent.json')\nexcept OSError as e:\n    raise ValueError('no configuration') from e",
        "/var/task/absent.json",
    ),
    ("try:\n    open('absent.json')\nexcept ValueError:\n    pass", "/var/task/absent.json"),
]


@pytest.mark.parametrize(("statement", "path"), MISSING, ids=[statement for statement, _ in MISSING])
def test_what_is_read_and_nowhere_is_found(statement: str, path: str) -> None:
    ((message, severity),) = found(statement)

    assert path in message
    assert severity == "error"


@pytest.mark.parametrize(("statement", "path"), MISSING, ids=[statement for statement, _ in MISSING])
def test_in_a_function_it_is_found_as_well(statement: str, path: str) -> None:
    ((message, severity),) = found("def handler(event, context):\n" + textwrap.indent(statement, "    "))

    assert path in message
    assert severity == "error"


SILENT = [
    "open('there.ini')",
    "open(HERE / 'there.json')",
    "open(HERE / 'data' / 'there.csv')",
    "(files('space') / 'there.txt').read_text()",
    "files('shared').joinpath('there.txt').read_text()",
    "open('/opt/data/there.bin')",
    "os.listdir(HERE / 'data')",
    "Jinja2Templates(directory=HERE / 'templates')",
    "jinja2.PackageLoader('app')",
    "Path('absent.json')",
    "CONFIG = HERE / 'absent.json'",
    "open('absent.json', 'w')",
    "open('absent.json', mode='a')",
    "open('absent.json', mode)",
    "(HERE / 'absent.json').write_text('')",
    "(HERE / 'absent').mkdir()\nopen(HERE / 'absent' / 'x.json')",
    "open('/tmp/absent.json')",
    "open('/etc/absent')",
    "open('/proc/self/status')",
    "open(name)",
    "import pandas as pd\npd.read_csv('https://example.com/absent.csv')",
    "open(os.environ['CONFIG'])",
    "open(os.environ.get('CONFIG', 'absent.json'))",
    "open(HERE / name)",
    "open('.env')",
    "open('logs/app.log')",
    "open(HERE / '.cache' / 'x')",
    "if os.path.exists('absent.json'):\n    open('absent.json')",
    "path = HERE / 'absent.json'\nif path.is_file():\n    path.read_text()",
    "x = open('absent.json') if os.path.isfile('absent.json') else None",
    "try:\n    open('absent.json')\nexcept OSError:\n    pass",
    "try:\n    open('absent.json')\nexcept (KeyError, FileNotFoundError):\n    pass",
    "try:\n    open('absent.json')\nexcept Exception:\n    pass",
    "try:\n    open('absent.json')\nexcept:\n    pass",
    "with suppress(OSError):\n    open('absent.json')",
    "if __name__ == '__main__':\n    open('absent.json')",
    "if os.environ.get('STAGE') == 'local':\n    open('absent.json')",
    "def load(path='absent.json'):\n    open(path)",
    "def load():\n    open('absent.json')\ntry:\n    load()\nexcept FileNotFoundError:\n    pass",
    "os.chdir('/tmp')\nopen('absent.json')",
    "name = 'absent.json'\nname = other\nopen(name)",
    "for path in ('absent.json',):\n    open(path)",
    "open(Path.home() / 'absent.json')",
    "import app.other\nopen(app.other.PATH)",
    "open('absent.db')",
]


@pytest.mark.parametrize("statement", SILENT)
def test_what_is_there_or_may_be_missing_is_no_finding(statement: str) -> None:
    assert found(statement) == []


WARNINGS = [
    "TEMPLATES = Jinja2Templates(directory='templates')",
    "jinja2.FileSystemLoader('templates')",
    "jinja2.FileSystemLoader(['templates'])",
    "(HERE / 'pages').glob('*.html')",
    "if x:\n    open('absent.json')",
    "for x in y:\n    open('absent.json')",
    "x and open('absent.json')",
    "open('absent.json') if x else None",
    "[open('absent.json') for x in y]",
    "load = lambda: open('absent.json')",
    "try:\n    open('absent.json')\nexcept Exception:\n    logging.exception('failed')",
    "config = Config('alembic.ini')\nconfig.set_main_option('script_location', 'app:migrations')",
]


@pytest.mark.parametrize("statement", WARNINGS)
def test_what_may_be_meant_so_is_a_warning(statement: str) -> None:
    assert [severity for _, severity in found(statement)] == ["warning"]
    assert [severity for _, severity in found("def f():\n" + textwrap.indent(statement, "    "))] == ["warning"]


@pytest.mark.parametrize(
    ("at", "handler", "severities"),
    [
        ("app/main.py", "app.main.handler", ["error"]),
        ("app/main.py", "app.other.handler", []),
        ("app/main.py", None, ["error"]),
        ("scripts/seed.py", "app.other.handler", []),
        ("scripts/seed.py", None, []),
        ("scripts/seed.py", "scripts.seed.handler", ["error"]),
        ("tests/test_app.py", None, []),
        ("setup.py", None, []),
    ],
)
def test_it_matters_whether_a_handler_gets_there(at: str, handler: str | None, severities: list[str]) -> None:
    assert [severity for _, severity in found("open('absent.json')", handler=handler, at=at)] == severities


def test_one_file_is_one_finding() -> None:
    api = function(handler="app.main.handler")
    of = {
        **FILES,
        "app/main.py": "import app.deep\nopen('absent.json')\n",
        "app/deep.py": "def f():\n    return open('absent.json')\n",
    }

    (one,) = findings(check, program_of(of, function=None, declared=manifest(api)))

    assert one.severity is Severity.ERROR
    assert one.message == (
        "FileNotFoundError: [Errno 2] No such file or directory: '/var/task/absent.json': /var/task/app/main.py:2 "
        "reads it, and so do /var/task/app/deep.py:2, and no archive holds it"
    )
    assert one.chain == ("app.main",)
    assert one.remedy == "copy absent.json into the folder that code.zip is made from"


def test_a_file_that_lies_elsewhere_is_named() -> None:
    api = function(handler="app.main.handler")

    (one,) = findings(
        check, program_of({**FILES, "app/main.py": "open('there.json')\n"}, function=None, declared=manifest(api))
    )

    assert one.remedy == "it is at /var/task/app/there.json: correct the path in /var/task/app/main.py, or move it"


def test_code_without_paths_is_nothing_to_judge() -> None:
    with pytest.raises(Inapplicable):
        said(check, program_of({"app/main.py": "def handler(event, context): ..."}))
