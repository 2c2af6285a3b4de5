"""Calls to other machines as an engine sees them: at init and at each event, and the waits that follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.engines.protocol import Exceeded, Ready
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine

CALLS = """
import socket


def ask(host):
    try:
        socket.create_connection((host, 443))
    except OSError:
        pass


ask("init.example")


def handler(event, context):
    if event:
        ask(event)
"""
# Each does nothing for ever, or something; the last two lines tell where.
WAITS = {
    "retries": "import socket, time\nwhile True:\n    try:\n        socket.create_connection(('a.example', 1))\n"
    "    except OSError:\n        time.sleep(9)\n",
    "insists": "import socket\nwhile True:\n    try:\n        socket.create_connection(('a.example', 1))\n"
    "    except OSError:\n        pass\n",
    "waits": "import threading\nthreading.Event().wait()\n",
    "works": "while True:\n    sum(range(100))\n",
}


def test_each_call_is_of_init_or_of_its_event(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    events = ['"one.example"', "null", '"one.example"', '"two.example"']
    seen = Bench(an_engine, unpack({"app.py": CALLS})).start("app.handler", events)

    assert isinstance(seen.init, Ready)
    reported = {(call.event, call.host) for call in seen.calls if call.host}
    assert reported == {
        (None, "init.example:443"),
        (0, "one.example:443"),
        (2, "one.example:443"),
        (3, "two.example:443"),
    }
    assert all(call.main and call.frames for call in seen.calls if call.host)


def test_what_waits_for_an_answer_is_ended_and_its_place_is_where_it_stays(
    an_engine: Engine, unpack: Callable[..., Path]
) -> None:
    task = unpack({f"{name}.py": text for name, text in WAITS.items()})
    seen = Bench(an_engine, task).run(*(start(f"{name}.handler") for name in WAITS), init_timeout=8.0)

    ends = {one.function.partition(".")[0]: one for one in seen}
    limits = {name: one.init.limit for name, one in ends.items() if isinstance(one.init, Exceeded)}
    assert limits == {"retries": "outside", "insists": "outside", "waits": "timeout", "works": "timeout"}
    lines = {name: one.trace.frames[0].line for name, one in ends.items() if one.trace and name != "insists"}
    assert lines == {"retries": 6, "waits": 2}  # at a time-out, what still works would be elsewhere next time
