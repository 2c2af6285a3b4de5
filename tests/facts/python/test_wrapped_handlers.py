"""Handlers that variables name."""

from __future__ import annotations

import pytest

from harness.model import When
from tests.build import function, manifest, program_of, wheel

CODE = {
    "app/main.py": "def handler(event, context):\n    HERE = 1\n",
    "other.py": "def handler(event, context): ...\n",
    "wrapper.py": "import os\nfrom importlib import import_module\nNAME = os.environ['TARGET']\n"
    "inner = import_module(NAME.rpartition('.')[0])\ndef handler(event, context): ...\n",
}
LAYER = {**wheel("agent==1"), "python/agent/__init__.py": "handler = 1\n"}


@pytest.mark.parametrize(
    ("handler", "variables", "when"),
    [
        ("agent.handler", {"DD_LAMBDA_HANDLER": "app.main.handler"}, When.AT_EVENT),
        ("agent.handler", {"NEW_RELIC_LAMBDA_HANDLER": "app/main.handler"}, When.AT_EVENT),
        ("agent.handler", {"ACME_INNER_HANDLER": "app.main.handler"}, When.AT_EVENT),
        ("other.handler", {"ORIG_HANDLER": "app.main.handler"}, When.AT_EVENT),
        ("other.handler", {"ERROR_HANDLER": "app.main.handler"}, When.LATER),
        ("wrapper.handler", {"TARGET": "app.main.handler"}, When.AT_EVENT),
        ("agent.handler", {"MODE": "handler"}, When.NEVER),
    ],
)
def test_a_variable_names_the_handler(handler: str, variables: dict[str, str], when: When) -> None:
    program = program_of(CODE, LAYER, declared=manifest(function(handler=handler, environment=variables))).program

    assert program.when("/var/task/app/main.py", 2) is when
    assert program.when("/var/task/app/main.py", 2, "api") is when


@pytest.mark.parametrize("name", [".serverless-wsgi", ".wsgi_app"])
def test_a_file_of_serverless_wsgi_names_a_handler_below_a_folder_that_it_puts_on_the_path(name: str) -> None:
    code = {name: '{"app": "api/web.app"}', "wsgi_handler.py": "", "api/web.py": "import models\n", "api/models.py": ""}

    program = program_of(code, declared=manifest(function(handler="wsgi_handler.handler"))).program

    assert program.first("/var/task/api/models.py") is When.AT_EVENT
    assert "/var/task/wsgi_handler.py" not in program.own
