"""Environment variables that a module reads without a default."""

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
        raises: Whether reading it fails where it is not set; else it is None there.
    """

    name: str
    line: int
    raises: bool


def may_read(source: bytes) -> bool:
    """Whether a source can read any, without parsing it."""
    return b"environ" in source or b"getenv" in source


def variables(code: Code) -> tuple[Variable, ...]:
    """Those without a default, in the order of the lines."""
    read = (one for node in ast.walk(code.tree) if (one := _read(node, code)) and not _has_alternative(node, code))
    return tuple(sorted(read, key=lambda one: one.line))


def _read(node: ast.AST, code: Code) -> Variable | None:
    dotted = code.evaluator.dotted
    match node:
        case ast.Subscript(value=of, slice=ast.Constant(value=str() as name), ctx=ast.Load()):
            return Variable(name, node.lineno, raises=True) if dotted(of) == _ENVIRON else None
        case ast.Call(func=func, args=[ast.Constant(value=str() as name), *default], keywords=keywords):
            values = [*default, *(keyword.value for keyword in keywords)]
            defaulted = any(not (isinstance(one, ast.Constant) and one.value is None) for one in values)
            reads = dotted(func) in {"os.getenv", f"{_ENVIRON}.get"}
            return Variable(name, node.lineno, raises=False) if reads and not defaulted else None
        case _:
            return None


def _has_alternative(node: ast.AST, code: Code) -> bool:
    """Whether an ``or`` follows it."""
    parent = code.parents.get(node)
    return isinstance(parent, ast.BoolOp) and node is not parent.values[-1]
