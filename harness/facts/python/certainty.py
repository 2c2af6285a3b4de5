"""Statements that run each time, and those that may be left out without a failure."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, TypeAlias

from harness.facts.python.bindings import Function
from harness.facts.python.imports import called, catches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Span: TypeAlias = tuple[int, int]

_EXITS: Final = frozenset({"exit", "_exit", "quit", "abort"})
_REPORTS: Final = frozenset({"exception", "error", "critical", "fatal", "print_exc", "capture_exception", "print"})
_SPECIFIC: Final = frozenset({"ImportError", "ModuleNotFoundError"})
# What an event that Lambda delivers is never without.
_RECORDS: Final = frozenset({"Records", "records"})


def unmade(tree: ast.Module) -> Iterator[str]:
    """The names that are None at module level, and that functions give another value."""
    shared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=None)) if name in shared:
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=None)) if name in shared:
                yield name
            case _:
                pass


def end_of(node: ast.expr) -> int:
    """The line on which an expression ends."""
    return node.end_lineno or node.lineno


def span(body: list[ast.stmt]) -> Span:
    """The lines of a block."""
    return body[0].lineno, body[-1].end_lineno or body[-1].lineno


def managed(body: list[ast.stmt], names: Mapping[str, str | None]) -> Iterator[tuple[str, ast.expr]]:
    """``with Service() as service``: which is mostly the object itself."""
    for one in body:
        for item in one.items if isinstance(one, ast.With | ast.AsyncWith) else ():
            match item:
                case ast.withitem(context_expr=ast.Call(func=func), optional_vars=ast.Name(id=name)) if name in names:
                    yield name, func
                case _:
                    pass


def yields(node: Function) -> bool:
    """Whether a function is a generator."""
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(one, Function | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(one)
    return False


def may_leave(node: ast.stmt, *, loop: bool = False) -> bool:
    """Whether what follows a statement may not run after it, although nothing failed."""
    match node:
        case ast.Return() | ast.Raise():
            return True
        case ast.Break() | ast.Continue():
            return not loop
        case ast.Expr(value=ast.Call(func=func)):
            return called(func) in _EXITS
        case ast.If() | ast.With() | ast.AsyncWith() | ast.Try() | ast.TryStar():
            inside = [*node.body, *getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]
        case ast.For() | ast.AsyncFor() | ast.While():
            loop, inside = True, [*node.body, *node.orelse]
        case ast.Match():
            inside = [one for case in node.cases for one in case.body]
        case _:
            return False
    return any(may_leave(one, loop=loop) for one in inside)


def expects_failure(node: ast.Try | ast.TryStar) -> bool:
    """Whether the failure of an import in the body is no failure of the whole."""
    for handler in node.handlers:
        if catches(handler.type):
            caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            if any(one is not None and called(one) in _SPECIFIC for one in caught):
                return not isinstance(handler.body[-1], ast.Raise)
            calls = (one.func for body in handler.body for one in ast.walk(body) if isinstance(one, ast.Call))
            return not (may_leave(handler.body[-1]) or _REPORTS.intersection(called(one) or "" for one in calls))
    return False


def suppresses(node: ast.With | ast.AsyncWith) -> bool:
    """Whether the failure of an import in a ``with`` is no failure of the whole."""
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any(called(one.func) == "suppress" and any(map(catches, one.args)) for one in calls)


def certainly_runs(node: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Whether the body of a loop certainly runs: a ``while True``, over constants, over an event's records."""
    if isinstance(node, ast.While):
        return isinstance(node.test, ast.Constant) and bool(node.test.value)
    match node.iter:
        case ast.List(elts=[_, *_]) | ast.Tuple(elts=[_, *_]) | ast.Set(elts=[_, *_]):
            return True
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key in _RECORDS
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str() as key), *_]):
            return key in _RECORDS
        case _:
            return False
