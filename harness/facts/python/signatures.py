"""Functions of a module that fail when Lambda calls them with an event and a context."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.facts.python.bindings import Function, bound
from harness.facts.python.certainty import yields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code

_GIVEN: Final = 2  # an event and a context
_UNSENDABLE: Final = "Runtime.MarshalError: Unable to marshal response: Object of type {} is not JSON serializable"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A function that cannot be a handler.

    Attributes:
        name: Its name at the module's level.
        line: Where it is defined.
        said: What Lambda says with every event.
        is_called: Whether it can be called at all, and only its answer is none.
    """

    name: str
    line: int
    said: str
    is_called: bool = False


def misfits(code: Code) -> tuple[Misfit, ...]:
    """The functions of a module's level that cannot be handlers; what decorates or replaces them is not known."""
    counts = Counter(bound(code.tree.body))
    plain = [
        one for one in code.tree.body if isinstance(one, Function) and not one.decorator_list and counts[one.name] == 1
    ]
    if not plain:
        return ()
    changed = {name for node in ast.walk(code.tree) if isinstance(node, ast.Global) for name in node.names}
    changed |= code.evaluator.names.keys()
    return tuple(found for one in plain if one.name not in changed for found in _misfit(one))


def _misfit(node: Function) -> Iterator[Misfit]:
    if said := _refusal(node):
        yield Misfit(node.name, node.lineno, f"TypeError: {node.name}() {said}")
    elif isinstance(node, ast.AsyncFunctionDef):
        kind = "async_generator" if yields(node) else "coroutine"
        yield Misfit(node.name, node.lineno, _UNSENDABLE.format(kind), is_called=True)
    elif yields(node):
        yield Misfit(node.name, node.lineno, _UNSENDABLE.format("generator"), is_called=True)


def _refusal(node: Function) -> str | None:
    """What Python says after the function's name, where it does not take two arguments by position."""
    by_place = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
    needed = len(by_place) - len(node.args.defaults)
    if len(by_place) < _GIVEN and node.args.vararg is None:
        if node.args.defaults:
            return f"takes from {needed} to {len(by_place)} positional arguments but {_GIVEN} were given"
        return f"takes {len(by_place)} positional argument{'' if by_place[:1] else 's'} but {_GIVEN} were given"
    if needed > _GIVEN:
        return _missing("positional", by_place[_GIVEN:needed])
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    by_name = [one.arg for one, default in pairs if default is None]
    return _missing("keyword-only", by_name) if by_name else None


def _missing(kind: str, names: list[str]) -> str:
    shown = [repr(name) for name in names]
    if len(shown) == 1:
        return f"missing 1 required {kind} argument: {shown[0]}"
    comma = "," if len(shown) > 2 else ""  # noqa: PLR2004 - as Python lists them
    return f"missing {len(shown)} required {kind} arguments: {', '.join(shown[:-1])}{comma} and {shown[-1]}"
