"""What modules of the runtime ask of a module of theirs whose place one of the archives takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.python.graph import Unresolved
from harness.facts.python.search import Given
from harness.facts.python.shadowed import by_time, looked_at
from harness.policy import runtime_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.facts.python.imports import Import
    from harness.facts.python.program import Program


@dataclass(frozen=True, slots=True)
class Through:
    """An import that fails in a module of the runtime.

    Attributes:
        unresolved: The import of the archives that leads there, and what is missing then.
        modules: The modules of the runtime from the imported one to the one that fails.
    """

    unresolved: Unresolved
    modules: tuple[str, ...]


def misled_through(program: Program, name: str, lacks: Callable[[str], bool]) -> Through | None:
    """The import that leads to a module of the runtime that wants what a module of the archives does not have.

    Of several, the one that comes first when a function starts.

    Args:
        program: The program.
        name: The name of the module, which the runtime has, too.
        lacks: Whether the archives' module lacks a name, or a submodule.
    """
    found = {
        (path, statement): (missing, wanted, modules)
        for path in looked_at(program)
        for statement in program.facts.modules[path].imports
        for imported in _given(program, statement, path)
        for missing, wanted, modules in _asked(program, imported, name, lacks)
    }
    unresolved = {Unresolved(*key, missing, wanted): modules for key, (missing, wanted, modules) in found.items()}
    first = next(iter(by_time(program, unresolved)), None)
    return Through(first, unresolved[first]) if first else None


def _given(program: Program, statement: Import, path: str) -> Iterator[str]:
    """The runtime's modules that a statement certainly imports."""
    if not statement.certain or statement.plugins or (statement.lazy and path not in program.own):
        return
    base = program.graph.absolute(statement.module, statement.level, path)
    if base and program.graph.applies(statement, path):
        for name in (base, *(f"{base}.{name}" for name in statement.names)):
            if isinstance(program.search.find(name), Given):
                yield name


def _asked(
    program: Program, imported: str, name: str, lacks: Callable[[str], bool]
) -> Iterator[tuple[str, str | None, tuple[str, ...]]]:
    """What is missing of a module, when one of the runtime's is imported: at most the first thing."""
    table = runtime_imports.imports(program.policy.python)
    seen, waiting = {imported}, deque[tuple[str, ...]]([(imported,)])
    while waiting:
        chain = waiting.popleft()
        parts = chain[-1].split(".")
        for module in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
            for target, names in table.get(module, {}).items():
                if target == name or target.startswith(f"{name}."):
                    below = target.removeprefix(name).lstrip(".").partition(".")[0]
                    if below and lacks(below):
                        yield f"{name}.{below}", None, (*chain[:-1], module)
                        return
                    if missing := next((one for one in names if not below and lacks(one)), None):
                        yield name, missing, (*chain[:-1], module)
                        return
                for each in (target, *(f"{target}.{one}" for one in names)):
                    if each in table and each not in seen and isinstance(program.search.find(each), Given):
                        seen.add(each)
                        waiting.append((*chain[:-1], module, each))
