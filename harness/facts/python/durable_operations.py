"""The operations of durable executions that a module makes, which a resumed execution replays by type and name."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.facts.python.bindings import Function
from harness.facts.python.code import Contexts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code, Home

TRIGGER: Final = b"aws_durable_execution_sdk_python"
"""A source without this name has none."""
_SDK: Final = TRIGGER.decode()
# By the method, the position of the operation's name, and that of the callable that names it where nothing else does.
_METHODS: Final = {
    "create_callback": (0, None),
    "invoke": (2, None),
    "map": (2, 1),
    "parallel": (1, None),
    "run_in_child_context": (1, 0),
    "step": (1, 0),
    "wait": (1, None),
    "wait_for_callback": (1, 0),
    "wait_for_condition": (2, 0),
}
# What gives its function's name to the operation that it is used for.
_NAMING: Final = frozenset(
    f"{_SDK}{place}.durable_{name}"
    for place in ("", ".context")
    for name in ("step", "with_child_context", "wait_for_callback")
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a durable context.

    Attributes:
        kind: The method: ``step``, ``wait`` …
        name: None where it has none, or only the run time tells.
        always: Whether every execution makes it: it stands in the handler itself, under no condition.
    """

    kind: str
    name: str | None
    line: int
    always: bool = False


def operations(code: Code) -> tuple[Operation, ...]:
    """The operations of a module, in the order of its lines."""
    return tuple(sorted(_operations(code), key=lambda operation: operation.line))


def _operations(code: Code) -> Iterator[Operation]:
    naming = {
        node.name
        for node in ast.walk(code.tree)
        if isinstance(node, Function) and any(code.evaluator.dotted(one) in _NAMING for one in node.decorator_list)
    }
    contexts = Contexts(code, frozenset())
    for node in ast.walk(code.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=receiver), attr=method)) if method in _METHODS:
                if _is_context(code, node, receiver):
                    always = _is_handler(code, code.function(node)) and not contexts.of(node).conditional
                    yield Operation(method, _name(node, method, naming), node.lineno, always)
            case _:
                pass


def _is_handler(code: Code, home: Home) -> bool:
    """Whether a function is the handler of durable executions itself."""
    decorators = home.decorator_list if isinstance(home, Function) else []
    called = (one.func if isinstance(one, ast.Call) else one for one in decorators)
    return any(code.evaluator.dotted(one).endswith("durable_execution") for one in called)


def _is_context(code: Code, node: ast.AST, name: str) -> bool:
    """Whether a name is a parameter for a context: such a one is always given, never made."""
    at: ast.AST | None = node
    while (at := code.parents.get(at) if at else None) is not None:
        arguments = (*at.args.posonlyargs, *at.args.args) if isinstance(at, Function | ast.Lambda) else ()
        for one in arguments:
            if one.arg == name:
                typed = ast.unparse(one.annotation) if one.annotation else ""
                return "DurableContext" in typed or (not typed and name.lower().endswith(("context", "ctx")))
    return False


def _name(node: ast.Call, method: str, naming: set[str]) -> str | None:
    position, callable_at = _METHODS[method]
    given = next((one.value for one in node.keywords if one.arg == "name"), None)
    given = given or (node.args[position] if position < len(node.args) else None)
    if given is not None:
        return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None
    match node.args[callable_at] if callable_at is not None and callable_at < len(node.args) else None:
        case ast.Call(func=ast.Name(id=name)) if name in naming:
            return name
        case _:
            return None
