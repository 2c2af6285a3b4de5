"""Environment variables that a module reads and sets."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.facts.python.code import Context, Contexts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.facts.python.code import Code


_ENVIRON: Final = "os.environ"
_GETTERS: Final = frozenset({"os.getenv", f"{_ENVIRON}.get"})
_READS: Final = frozenset({"copy", "get", "items", "keys", "values"})  # methods
_READERS: Final = frozenset({"bool", "dict", "len", "list", "print", "set", "sorted"})
_EXPECTED: Final = frozenset({"KeyError", "LookupError"})


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that is read by a constant name.

    Attributes:
        line: Where it is read.
        raises: Whether reading it fails where it is not set.
        defaulted: Whether something else is used in its place where it is not set; else it is None there.
        at_import: Whether the module, as far as it is imported up to that line, fails where it is not set.
    """

    name: str
    line: int
    raises: bool
    defaulted: bool = False
    at_import: bool = False


def may_read(source: bytes) -> bool:
    """Whether a source can read any, without parsing it."""
    return b"environ" in source or b"getenv" in source


def variables(code: Code) -> tuple[Variable, ...]:
    """The variables, in the order of the lines."""
    readers = {one.name: one for one in code.tree.body if isinstance(one, ast.FunctionDef) and _reads(one, code)}
    contexts = Contexts(code, _EXPECTED)
    read = (_read(node, code, contexts) or _read_by(readers, node, code) for node in ast.walk(code.tree))
    return tuple(sorted(filter(None, read), key=lambda one: one.line))


def _reads(function: ast.FunctionDef, code: Code) -> bool:
    """Whether a function reads the variable that its first parameter names: ``def env(name, default=None)``."""
    first = [one.arg for one in function.args.args[:1]]
    for node in ast.walk(function):
        match node:
            case ast.Subscript(value=of, slice=ast.Name(id=name)) if (
                name in first and code.evaluator.dotted(of) == _ENVIRON
            ):
                return True
            case ast.Call(func=func, args=[ast.Name(id=name), *_]) if name in first:
                if code.evaluator.dotted(func) in _GETTERS:
                    return True
            case _:
                pass
    return False


def _read_by(readers: dict[str, ast.FunctionDef], node: ast.AST, code: Code) -> Variable | None:
    """What a call of such a function reads; whether that fails where it is not set is for the function to say."""
    match node:
        case ast.Call(func=ast.Name(id=reader), args=[ast.Constant(value=str() as name), *more], keywords=keywords):
            if reader not in readers:
                return None
            values = [*more, *(keyword.value for keyword in keywords)] or readers[reader].args.defaults
            return Variable(
                name, node.lineno, raises=False, defaulted=_is_given(values) or _has_alternative(node, code)
            )
        case _:
            return None


def _read(node: ast.AST, code: Code, contexts: Contexts) -> Variable | None:
    dotted = code.evaluator.dotted
    match node:
        case ast.Subscript(value=of, slice=ast.Constant(value=str() as name), ctx=ast.Load()):
            if dotted(of) != _ENVIRON:
                return None
            raises = not _has_alternative(node, code)
            return Variable(name, node.lineno, raises, not raises, raises and contexts.of(node) == Context())
        case ast.Call(func=func, args=[ast.Constant(value=str() as name), *default], keywords=keywords):
            if dotted(func) not in _GETTERS:
                return None
            values = [*default, *(keyword.value for keyword in keywords)]
            return Variable(
                name, node.lineno, raises=False, defaulted=_is_given(values) or _has_alternative(node, code)
            )
        case _:
            return None


def _is_given(defaults: Iterable[ast.expr]) -> bool:
    """Whether one of them is another than None."""
    return any(not (isinstance(one, ast.Constant) and one.value is None) for one in defaults)


def set_variables(code: Code) -> tuple[str, ...]:
    """The names of the variables that a module may set; an empty one stands for any."""
    uses = (node for node in ast.walk(code.tree) if isinstance(node, ast.Name | ast.Attribute))
    found = (_set(node, code) for node in uses if code.evaluator.dotted(node) == _ENVIRON)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _set(node: ast.AST, code: Code) -> str | None:
    """The name of the variable that a use of ``os.environ`` sets; None for one that sets none."""
    match parent := code.parents[node]:
        case ast.Subscript(slice=key, ctx=ctx) if node is not key:
            return None if isinstance(ctx, ast.Load) else _constant(key)
        case ast.Attribute(attr=attr) if attr in _READS:
            return None
        case ast.Attribute(attr="setdefault"):
            call = code.parents[parent]
            return _constant(call.args[0]) if isinstance(call, ast.Call) and call.args else ""
        case ast.Call(func=ast.Name(id=name)) if name in _READERS:
            return None
        case ast.Compare() | ast.Dict() | ast.keyword(arg=None | "env") | ast.For() | ast.comprehension():
            return None
        case _:
            return ""


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _has_alternative(node: ast.AST, code: Code) -> bool:
    """Whether an ``or`` follows it."""
    parent = code.parents.get(node)
    return isinstance(parent, ast.BoolOp) and node is not parent.values[-1]
