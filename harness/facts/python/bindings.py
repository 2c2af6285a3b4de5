"""The names that a scope binds, and those that have one value throughout."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def imported(tree: ast.Module) -> dict[str, str]:
    """What the names of imports stand for, wherever in the module they are."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                dot = "" if module.endswith(".") else "."
                names[alias.asname or alias.name] = f"{module}{dot}{alias.name}"
    return names


def bound(body: list[ast.stmt]) -> Iterator[str]:
    """The names that statements bind, without those inside of functions and classes."""
    for node in _inside(body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, Function | ast.ClassDef | ast.ExceptHandler) and node.name:
            yield node.name


def assigned_once(body: list[ast.stmt]) -> list[tuple[str, ast.expr]]:
    """The names that have one value for the whole of a scope, in order; ``with open(…) as file`` gives no value."""
    counts = Counter(bound(body))
    shared = {name for node in _inside(body) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    found: list[tuple[str, ast.expr]] = []
    statements = (node for node in _inside(body) if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr))
    for node in sorted(statements, key=lambda one: one.lineno):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.append((name, value))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.append((name, value))
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                found.append((name, value))
            case _:
                pass
    return [(name, value) for name, value in found if counts[name] == 1 and name not in shared]


def _inside(body: list[ast.stmt]) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
