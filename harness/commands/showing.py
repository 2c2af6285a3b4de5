"""The one place that writes to standard output."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

from harness.model import ExitCode
from harness.reporters.layout import WIDTH

WIDEST: Final = 160
"""Columns; longer lines are hard to read."""


def shown_width() -> int:
    """How wide what is shown may be: as wide as the terminal, where standard output is one."""
    if not sys.stdout.isatty():
        return WIDTH
    with contextlib.suppress(OSError, ValueError):
        return min(os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH, WIDEST)
    return WIDTH


def show(text: str, code: ExitCode = ExitCode.OK) -> ExitCode:
    """Write to standard output what a command says, whole, and return the code that it earns.

    Args:
        text: Lines that are harmless, the last with its end.
        code: What the command found.

    Returns:
        The code; in place of 0, 3 where the reader has left before the end: nobody has what would count as a pass.

    Raises:
        OSError: It cannot be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has nowhere to go; Python would complain of it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or ExitCode.INCOMPLETE
    return code
