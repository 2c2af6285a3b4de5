"""What must succeed for a handler to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import When

if TYPE_CHECKING:
    from harness.facts.graph import Reach
    from harness.facts.program import Program


def certain(path: str, program: Program) -> Reach | None:
    """How a module is reached, if its handler cannot start without it: no import on the way may be left out or fail."""
    reach = program.graph.reached.get(path)
    return reach if reach and reach.when is When.AT_START else None
