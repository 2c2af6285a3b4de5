from __future__ import annotations

import textwrap

import pytest

from harness.facts.python.init_state import InitState, Kind, State
from harness.facts.python.module import module


def found(source: str) -> InitState:
    return module(textwrap.dedent(source).encode(), (3, 12)).state


@pytest.mark.parametrize(
    ("source", "kind", "call"),
    [
        ("import uuid\nID = str(uuid.uuid4())", Kind.VALUE, "uuid.uuid4"),
        ("from uuid import uuid4 as make\nID: str = make().hex", Kind.VALUE, "uuid.uuid4"),
        ("import secrets\nclass Settings:\n    key = secrets.token_hex(16)", Kind.VALUE, "secrets.token_hex"),
        ("import psycopg2 as db\nCONNECTION = db.connect('')", Kind.CONNECTION, "psycopg2.connect"),
        ("import mysql.connector\nC = mysql.connector.connect(host='')", Kind.CONNECTION, "mysql.connector.connect"),
        ("from tempfile import mkdtemp\nWORK = mkdtemp()", Kind.FILE, "tempfile.mkdtemp"),
    ],
)
def test_state_that_every_import_makes(source: str, kind: Kind, call: str) -> None:
    assert found(source).states == (State(kind, call, len(source.splitlines())),)


@pytest.mark.parametrize(
    "source",
    [
        "import uuid\nuuid.uuid4()",
        "import uuid\ndef f():\n    x = uuid.uuid4()",
        "import uuid\nmake = lambda: uuid.uuid4()",
        "import uuid\nmake = uuid.uuid4",
        "import os, uuid\nif os.environ.get('X'):\n    ID = uuid.uuid4()",
        "class random:\n    random = int\nX = random.random()",
        "import uuid\nif __name__ == '__main__':\n    ID = uuid.uuid4()",
    ],
)
def test_what_an_import_need_not_make_or_keep(source: str) -> None:
    assert found(source) == InitState()


def test_hooks_are_registered_by_a_call_or_a_decorator() -> None:
    state = found("""\
        import snapshot_restore_py as hooks
        from snapshot_restore_py import register_before_snapshot

        hooks.register_after_restore(print, "x")

        @register_before_snapshot
        def close():
            hooks.register_after_restore(print)
    """)

    assert (state.before, state.after) == ((6,), (4,))
