"""What must succeed for a handler to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.facts.graph import Reach
    from harness.facts.imports import Import
    from harness.facts.program import Program


def certain(path: str, program: Program) -> Reach | None:
    """How a module is reached, if its handler cannot start without it: no import of the chain is lazy or may fail."""
    found = step = program.graph.reached.get(path)
    while step is not None and step.parent is not None:
        module = program.facts.modules.get(step.parent.path)
        statements = [one for one in (module.imports if module else ()) if one.line == step.line]
        if not any(_certain(one) for one in statements):
            return None
        step = step.parent
    return found


def _certain(statement: Import) -> bool:
    """Whether it runs whenever its module does, must succeed, and says itself what it imports."""
    return statement.certain and not (statement.lazy or statement.unless or statement.after or statement.plugins)
