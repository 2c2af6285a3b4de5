"""When a function gets to a line: what its module, its handler and what they call do each time."""

from __future__ import annotations

import pytest

from harness.model import When
from tests.build import function, manifest, program_of

HERE = "HERE = 1"
SERVICE = "class Service:\n    def run(self):\n        self.step()\n    def step(self):\n        HERE = 1\n"
TAKES = {
    "module": f"{HERE}\ndef handler(event, context): ...\n",
    "called while it starts": f"def load():\n    {HERE}\nC = load()\ndef handler(event, context): ...\n",
    "handler": f"def handler(event, context):\n    {HERE}\n",
    "async helper": f"async def go():\n    {HERE}\nasync def main():\n    await go()\n"
    "def handler(event, context):\n    run(main())\n",
    "nested": f"def handler(event, context):\n    def inner():\n        {HERE}\n    inner()\n",
    "records": f"def one(record):\n    {HERE}\n"
    "def handler(event, context):\n    for r in event['Records']:\n        one(r)\n",
    "told and failed": f"def go():\n    {HERE}\ndef handler(event, context):\n    try:\n        go()\n"
    "    except Exception:\n        return 500\n",
    "method": f"{SERVICE}def handler(event, context):\n    Service().run()\n",
    "instance": f"{SERVICE}service = Service()\ndef handler(event, context):\n    service.run()\n",
    "overridden": f"{SERVICE}class Other(Service):\n    def step(self):\n        pass\n"
    "def handler(event, context):\n    Other().run()\n",
    "attribute": f"{SERVICE}class App:\n    def __init__(self):\n        self.service = Service()\n"
    "    def go(self):\n        self.service.run()\ndef handler(event, context):\n    App().go()\n",
    "made once": f"db = None\ndef connect():\n    {HERE}\ndef handler(event, context):\n    global db\n"
    "    if db is None:\n        db = connect()\n",
    "made before": f"db = 1\ndef connect():\n    {HERE}\ndef handler(event, context):\n    global db\n"
    "    if db is None:\n        db = connect()\n",
    "wrapped": f"def inner(event, context):\n    {HERE}\nhandler = logged(inner)\n",
    "renamed": f"def inner(event, context):\n    {HERE}\nhandler = inner\n",
    "lambda": f"def inner(event):\n    {HERE}\nhandler = lambda event, context: inner(event)\n",
    "branch": f"def handler(event, context):\n    if event:\n        {HERE}\n",
    "after a return": f"def handler(event, context):\n    if not event:\n        return\n    {HERE}\n",
    "handled": f"def handler(event, context):\n    try:\n        pass\n    except ValueError:\n        {HERE}\n",
    "optional": f"def go():\n    {HERE}\ndef handler(event, context):\n    try:\n        go()\n"
    "    except ImportError:\n        pass\n",
    "generator": f"def go():\n    yield 1\n    {HERE}\ndef handler(event, context):\n    go()\n",
    "perhaps empty": f"def handler(event, context):\n    for one in event['things']:\n        {HERE}\n",
    "perhaps called": f"def go():\n    {HERE}\ndef handler(event, context):\n    event and go()\n",
    "given away": f"def go():\n    {HERE}\ndef handler(event, context):\n    later(go)\n",
    "a parameter": f"def go():\n    {HERE}\ndef handler(go, context):\n    go()\n",
    "perhaps at the start": f"import os\nif os.environ.get('X'):\n    {HERE}\ndef handler(event, context): ...\n",
    "for type checkers": f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {HERE}\n"
    "def handler(event, context): ...\n",
}
WHEN = {
    When.AT_START: ("module", "called while it starts"),
    When.AT_EVENT: (
        "handler",
        "async helper",
        "nested",
        "records",
        "told and failed",
        "method",
        "instance",
        "attribute",
        "made once",
        "wrapped",
        "renamed",
        "lambda",
    ),
    When.PERHAPS_AT_START: ("perhaps at the start",),
    When.NEVER: ("for type checkers",),
}
ROWS = {name: when for when, names in WHEN.items() for name in names}


@pytest.mark.parametrize("name", TAKES)
def test_when_a_line_is_run(name: str) -> None:
    source = TAKES[name]
    line = next(number for number, text in enumerate(source.splitlines(), 1) if HERE in text)
    api = function("api", "app.handler")

    program = program_of({"app.py": source}, declared=manifest(api)).program

    assert program.when("/var/task/app.py", line) is ROWS.get(name, When.LATER)


def test_calls_are_followed_from_module_to_module() -> None:
    api = function("api", "app.main.handler")
    files = {
        "app/__init__.py": "",
        "app/main.py": "from app import db\nfrom .base import Base\nclass Mine(Base):\n"
        "    def step(self):\n        import a\n"
        "def handler(event, context):\n    db.connect()\n    with db.Session() as session:\n        session.add()\n"
        "    Mine().run()\n",
        "app/base.py": "class Base:\n    def run(self):\n        self.step()\n    def step(self):\n        import b\n",
        "app/db.py": "def connect():\n    from app import lazy\nclass Session:\n"
        "    def __enter__(self):\n        import c\n"
        "    def add(self):\n        import d\n    def remove(self):\n        import e\n",
        "app/lazy.py": "import f\n",
        "app/alone.py": "import g\n",
    }

    program = program_of(files, declared=manifest(api)).program

    when = {
        one.module: program.when(path, one.line)
        for path in program.own
        for one in program.facts.modules[path].imports
        if len(one.module) == 1
    }
    assert {name for name, one in when.items() if one is When.AT_EVENT} == set("acdf")
    assert {name for name, one in when.items() if one is When.LATER} == set("be")
    assert when["g"] is When.NEVER
