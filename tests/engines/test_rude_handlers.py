"""A handler that hangs, forks, fills memory, prints megabytes or kills its parent harms nobody but its own result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.engines.protocol import Answered, Exceeded, Exited, Failed, Ready
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.engines.protocol import Engine

POLITE = "def handler(event, context):\n    return 1\n"
RUDE = {
    "hangs": "import time\ndef wait():\n    time.sleep(1000)\nwait()\n",
    "grows": "x = []\nwhile True:\n    x.append(bytearray(10_000_000))\n",
    "prints": "for _ in range(50):\n    print('y' * 1_000_000)\nraise ValueError('after')\n",
    "kills_its_parent": "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)\n",
    "kills_everybody": "import os, time\ntime.sleep(0.2)\nos.kill(-1, 9)\ntime.sleep(60)\n",
    "fills_tmp": "with open('/tmp/x', 'wb') as f:\n    while True:\n        f.write(b'x' * 1_000_000)\n",
    "detaches": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(99)\nraise ValueError('gone')\n",
    "forges": "import os\nos.write(1, b'{\"type\": \"done\"}\\n')\nraise ValueError('forged')\n",
}
FORK_BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
LIMITS = {"hangs": "timeout", "grows": "memory"}
ERRORS = {
    "prints": "ValueError: after",
    "fills_tmp": "OSError: [Errno 28] No space left on device",
    "detaches": "ValueError: gone",
    "forges": "ValueError: forged",
}
KILLED = ("kills_its_parent", "kills_everybody")


@pytest.mark.xdist_group("rude")
def test_only_the_rude_one_fails(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    files = {**{f"{name}.py": text for name, text in RUDE.items()}, "polite.py": POLITE}
    bench = Bench(an_engine, unpack(files))
    names = [name for pair in ((rude, f"polite{i}") for i, rude in enumerate(RUDE)) for name in pair]
    handlers = {name: "polite.handler" if name.startswith("polite") else f"{name}.handler" for name in names}
    starts = [replace(start(handler, events=["{}"]), function=name) for name, handler in handlers.items()]
    seen = {one.function: one for one in bench.run(*starts)}

    polite = [one for name, one in seen.items() if name.startswith("polite")]
    assert all(isinstance(one.init, Ready) and isinstance(one.answers[0], Answered) for one in polite), polite
    limits = {name: one.init.limit for name, one in seen.items() if isinstance(one.init, Exceeded)}
    assert limits == LIMITS
    errors = {name: str(one.init.error) for name, one in seen.items() if isinstance(one.init, Failed)}
    assert errors == ERRORS
    assert all(isinstance(seen[name].init, Exited) for name in KILLED)


@pytest.mark.xdist_group("rude")
def test_a_fork_bomb_ends_and_its_neighbour_does_not(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    bench = Bench(an_engine, unpack({"bomb.py": FORK_BOMB, "polite.py": POLITE}))
    bomb, polite = bench.run(start("bomb.handler"), start("polite.handler", events=["{}"]))
    assert not isinstance(bomb.init, Ready)
    assert isinstance(polite.init, Ready)
    assert isinstance(polite.answers[0], Answered)


def test_where_it_hangs_is_told(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    seen = Bench(an_engine, unpack({"hangs.py": RUDE["hangs"]})).run(start("hangs.handler"), init_timeout=1.0)
    trace = seen[0].trace
    assert trace is not None
    assert [(frame.file, frame.line) for frame in trace.frames] == [
        ("/var/task/hangs.py", 4),
        ("/var/task/hangs.py", 3),
    ]


def test_output_is_kept_to_a_bound(an_engine: Engine, unpack: Callable[..., Path]) -> None:
    (seen,) = Bench(an_engine, unpack({"prints.py": RUDE["prints"]})).run(start("prints.handler"))
    assert "bytes left out" in seen.output
    assert len(seen.output) < 100_000
