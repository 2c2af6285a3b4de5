"""The place of a failure: the user's own line that is nearest to it, of what Lambda's error or a trace has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.engines.protocol import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.facts.python.program import Program

# As the runtime client writes a frame into `stackTrace`, and the one of a syntax error.
_LINE = re.compile(r'\s*File "(/[^"]+)",? [Ll]ine (\d+)')


def frames_of(stack: Sequence[str]) -> tuple[Frame, ...]:
    """The frames of an error's ``stackTrace``, outermost first."""
    found = (_LINE.match(line) for line in stack)
    return tuple(Frame(one[1], int(one[2]), None) for one in found if one)


def own_frame(frames: Sequence[Frame], program: Program) -> Frame | None:
    """The innermost frame of the user's own code, else of the code archive, of a layer, of anything.

    Own is what no distribution brought: `sam build` puts libraries into the code archive, too.
    """
    innermost = tuple(reversed(frames))
    found = [frame for frame in innermost if _mine(frame.file, program)]
    for root in ("/var/task/", "/opt/", "/"):
        found += [frame for frame in innermost if frame.file.startswith(root)]
    return found[0] if found else None


def _mine(file: str, program: Program) -> bool:
    return file in program.own or (file.startswith("/var/task/") and file not in program.facts.modules)
