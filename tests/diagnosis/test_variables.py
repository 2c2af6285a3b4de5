"""Which variable an error is about, where Lambda's words do not say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.diagnosis import variables
from harness.engines.protocol import Frame, Trace
from harness.model import Place
from tests.build import error, function, program_of

PROGRAM = program_of(
    {
        "app/__init__.py": "",
        "app/main.py": "from app import config, db\n\ndef handler(event, context): ...\n",
        "app/config.py": (
            "import os\nfrom os import getenv\n\nDSN = os.environ.get('DSN')\nREGION = os.getenv('AWS_REGION')\n"
            "LEVEL = os.environ.get('LEVEL', 'INFO')\nSTAGE = getenv('STAGE') or 'test'\n"
        ),
        "app/db.py": "import os\n\nTOKEN = os.environ.get('TOKEN', None)\nif not TOKEN:\n    raise LookupError('no')\n",
    },
    function=function(),
).lists.program
MAIN, DB = Frame("/var/task/app/main.py", 1, "app.main"), Frame("/var/task/app/db.py", 5, "app.db")
LIBRARY = Frame("/opt/python/sqlalchemy/engine.py", 9, "sqlalchemy.engine")
UNDER = "under `environment` in the manifest"
PYDANTIC = """2 validation errors for Settings
database_url
  Field required [type=missing, input_value={}, input_type=dict]
api_key
  Field required [type=missing, input_value={}, input_type=dict]"""

NAMED = {
    "decouple": ("UndefinedValueError", "DB_URL not found. Declare it as envvar or define a default value.", "DB_URL"),
    "environs": ("EnvError", 'Environment variable "DB_URL" not set', "DB_URL"),
    "django": ("ImproperlyConfigured", "Set the DB_URL environment variable", "DB_URL"),
    "starlette": ("KeyError", "\"Config 'DB_URL' is missing, and has no default.\"", "DB_URL"),
    "pydantic": ("ValidationError", PYDANTIC, "DATABASE_URL, API_KEY"),
    "None": ("TypeError", "expected str, bytes or os.PathLike object, not NoneType", "DSN, TOKEN"),
}


@pytest.mark.parametrize(("kind", "message", "names"), NAMED.values(), ids=NAMED)
def test_the_variable_is_named(kind: str, message: str, names: str) -> None:
    found = variables.advice(error(kind, message), Trace((MAIN, LIBRARY)), function(), PROGRAM)

    assert found is not None
    assert found.remedy.startswith(f"declare {names} {UNDER}")


def test_where_it_is_read() -> None:
    found = variables.advice(error("TypeError", "'NoneType' object"), Trace((MAIN, DB)), function(), PROGRAM)

    assert found is not None
    assert (found.cause or "").startswith("/var/task/app/db.py:3 reads TOKEN, ")


def test_an_exception_of_the_users_own_may_be_about_one() -> None:
    found = variables.advice(error("LookupError", "no"), Trace((MAIN, DB)), function(), PROGRAM)

    assert found is not None
    assert found.remedy.startswith(f"correct the module at that line, or declare TOKEN {UNDER}")


def test_what_a_library_raises_may_be_about_what_it_was_called_with() -> None:
    frames = (MAIN, DB, LIBRARY)
    after = replace(DB, line=2)

    found = variables.advice(error("ValueError", "Required parameter name not set"), Trace(frames), function(), PROGRAM)

    assert found is not None
    assert found.remedy.startswith(f"correct the module at that line, or declare TOKEN {UNDER}")
    assert found.cause == "/var/task/app/db.py:3 reads TOKEN, which is not set"
    assert variables.advice(error("ValueError", "no"), Trace((MAIN, after, LIBRARY)), function(), PROGRAM) is None


def test_the_remedy_names_the_place_where_a_function_is_declared() -> None:
    declared = replace(function(), declared_at=Place("template.yaml", 6))

    assert (
        variables.declare("TOKEN", declared) == "declare TOKEN in the environment of api (declared at template.yaml:6)"
    )


def test_what_is_declared_is_not() -> None:
    declared = replace(function(), environment=(("TOKEN", "x"), ("DB_URL", "y")))

    assert variables.advice(error("LookupError", "no"), Trace((MAIN, DB)), declared, PROGRAM) is None
    assert variables.advice(error("ValueError", "the DB_URL is not found"), Trace((MAIN,)), declared, PROGRAM) is None
