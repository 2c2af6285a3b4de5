"""A job that nobody wants any more ends at once, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from harness.engines.protocol import Ending, Unavailable
from tests.engines.bench import Bench, start
from tests.test_endings import descendants_of_ours, eventually_none

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine

HANGS = {"app.py": "import time\ntime.sleep(600)\ndef handler(event, context):\n    pass\n"}
SOON = 20  # seconds, on a machine that has other things to do; the handler would take six hundred


@pytest.mark.parametrize("moment", [0.0, 0.2, 3.0])
def test_it_is_ended_at_any_moment(an_engine: Engine, unpack: Callable[..., Path], moment: float) -> None:
    job = Bench(an_engine, unpack(HANGS)).job(*[start(f"app.h{number}") for number in range(4)], init_timeout=600.0)
    an_engine.prepare(job.policy, job.architecture, lambda _: None)
    timer = threading.Timer(moment, job.ending.ask)
    timer.start()
    began = time.monotonic()

    with pytest.raises(Unavailable):
        an_engine.run(job, lambda _: None)

    assert time.monotonic() - began < moment + SOON
    assert not eventually_none(lambda: descendants_of_ours("app.h3"))


def test_what_has_ended_is_not_begun(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    job = Bench(an_engine, unpack(HANGS)).job(start("app.handler"), init_timeout=600.0)
    job.ending.ask()
    began = time.monotonic()

    with pytest.raises(Unavailable):
        an_engine.run(job, lambda _: None)

    assert time.monotonic() - began < SOON


def test_what_has_ended_by_itself_is_no_fault() -> None:
    """The other side has closed a connection a moment before we do."""
    ending, stopped = Ending(), list[str]()

    def stop() -> None:
        stopped.append("asked to")
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    with ending.by(stop):
        ending.ask()
    with ending.by(stop):
        pass

    assert len(stopped) == 2
