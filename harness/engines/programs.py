"""What programs that the harness starts have in common: the probe's texts, and whom they end with."""

from __future__ import annotations

import signal
from functools import cache
from importlib.resources import files

from harness.probe import kernel


@cache
def text(module: str) -> str:
    """The source of a module of the probe."""
    return files("harness.probe").joinpath(f"{module}.py").read_text("utf-8")


def end_with_this_process() -> None:
    """Let a new process end when the thread that started it does, and so when this process is killed."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
