"""The one place that writes to standard output."""

from __future__ import annotations

import os
import sys

from harness.model import ExitCode


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
