"""Which variables of its environment a module reads, where nothing stands in for one that is not set."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def variables(tree: ast.Module) -> tuple[Variable, ...]:
    """Those without a default, in the order of the lines."""
    defaulted = {id(node) for node in ast.walk(tree) if isinstance(node, ast.BoolOp) for node in node.values[:-1]}
    read = (one for node in ast.walk(tree) if id(node) not in defaulted for one in _read(node))
    return tuple(sorted(read, key=lambda one: one.line))


def _read(node: ast.AST) -> Iterator[Variable]:
    match node:
        case ast.Subscript(value=of, slice=ast.Constant(value=str() as name), ctx=ast.Load()) if _is_environ(of):
            yield Variable(name, node.lineno, raises=True)
        case ast.Call(func=ast.Attribute(value=of, attr="get"), args=[ast.Constant(value=str() as name), *default]) if (
            _is_environ(of) and not _stands_in(node, default)
        ):
            yield Variable(name, node.lineno, raises=False)
        case ast.Call(
            func=ast.Name(id="getenv") | ast.Attribute(value=ast.Name(id="os"), attr="getenv"),
            args=[ast.Constant(value=str() as name), *default],
        ) if not _stands_in(node, default):
            yield Variable(name, node.lineno, raises=False)


def _is_environ(node: ast.expr) -> bool:
    return ast.unparse(node) in {"os.environ", "environ"}


def _stands_in(call: ast.Call, default: list[ast.expr]) -> bool:
    """Whether a value stands in for a variable that is not set: any but None."""
    given = [*default, *(keyword.value for keyword in call.keywords)]
    return any(not (isinstance(one, ast.Constant) and one.value is None) for one in given)
