"""Environment variables that a module reads."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from harness.facts.python.code import Code


_ENVIRON: Final = "os.environ"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that is read by a constant name.

    Attributes:
        line: Where it is read.
        raises: Whether reading it fails where it is not set.
        defaulted: Whether something else is used in its place where it is not set; else it is None there.
    """

    name: str
    line: int
    raises: bool
    defaulted: bool = False


def may_read(source: bytes) -> bool:
    """Whether a source can read any, without parsing it."""
    return b"environ" in source or b"getenv" in source


def variables(code: Code) -> tuple[Variable, ...]:
    """The variables, in the order of the lines."""
    read = (_read(node, code) for node in ast.walk(code.tree))
    return tuple(sorted(filter(None, read), key=lambda one: one.line))


def _read(node: ast.AST, code: Code) -> Variable | None:
    dotted = code.evaluator.dotted
    match node:
        case ast.Subscript(value=of, slice=ast.Constant(value=str() as name), ctx=ast.Load()):
            raises = not _has_alternative(node, code)
            return Variable(name, node.lineno, raises, not raises) if dotted(of) == _ENVIRON else None
        case ast.Call(func=func, args=[ast.Constant(value=str() as name), *default], keywords=keywords):
            if dotted(func) not in {"os.getenv", f"{_ENVIRON}.get"}:
                return None
            values = [*default, *(keyword.value for keyword in keywords)]
            given = any(not (isinstance(one, ast.Constant) and one.value is None) for one in values)
            return Variable(name, node.lineno, raises=False, defaulted=given or _has_alternative(node, code))
        case _:
            return None


def _has_alternative(node: ast.AST, code: Code) -> bool:
    """Whether an ``or`` follows it."""
    parent = code.parents.get(node)
    return isinstance(parent, ast.BoolOp) and node is not parent.values[-1]
