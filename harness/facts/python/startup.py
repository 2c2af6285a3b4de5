"""Modules that must load for a handler to start, and to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import When

if TYPE_CHECKING:
    from harness.facts.python.program import Program
    from harness.facts.python.walk import Reach


def certain(path: str, program: Program) -> Reach | None:
    """How a module is reached, if its handler cannot start without it: no import on the way may be left out or fail."""
    reach = program.graph.reached.get(path)
    return reach if reach and reach.when is When.AT_START else None


def sure(path: str, program: Program) -> Reach | None:
    """How a module is reached, if its handler cannot start, or cannot answer any event, without it."""
    reach = program.graph.reached.get(path)
    return reach if reach and reach.when in {When.AT_START, When.AT_EVENT} else None


def failing(words: str, reach: Reach | None) -> str:
    """What an import says that fails: in Lambda's words where the handler does not start for it."""
    if reach and reach.when is When.AT_START:
        return f"Runtime.ImportModuleError: Unable to import module {reach.chain[0]!r}: {words}"
    return words


def stopped(path: str, program: Program) -> tuple[str, ...]:
    """The functions that cannot start, or cannot answer any event, without a module."""
    walks = ((name, walk.reached.get(path)) for name, walk in program.walks.items())
    return tuple(name for name, reach in walks if reach and reach.when in {When.AT_START, When.AT_EVENT})
