"""What lost its keeper is told from what was born a moment ago."""

from __future__ import annotations

import subprocess
import sys

KEEPER = """
import os, signal
from harness.probe.child import descendants

keeper, others = os.fork(), 0
while not keeper:  # a keeper, whose handler starts one process after the other
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
stray = os.fork()
if not stray:
    signal.pause()
looks = {tuple(descendants(os.getpid(), frozenset([keeper]))) for _ in range(1_000)}
print(looks == {(stray,)}, len(looks))
os.kill(keeper, signal.SIGKILL)
os.kill(stray, signal.SIGKILL)
"""


def test_nothing_below_a_keeper_is_a_stray() -> None:
    done = subprocess.run([sys.executable, "-c", KEEPER], check=True, capture_output=True, text=True)

    assert done.stdout == "True 1\n"
