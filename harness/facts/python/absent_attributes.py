"""Attributes that the runtime's distributions do not have: ``requests.get``, of ``botocore.vendored.requests``."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

from harness.facts.python.bindings import bound
from harness.facts.python.code import Contexts, Guard
from harness.facts.python.imports import Import
from harness.policy import preinstalled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code

_EXPECTED = frozenset({"AttributeError", "ImportError"})


def absent(code: Code) -> Iterator[Import]:
    """The uses of attributes that such a module lacks, each as the import of a name that would fail in its place.

    A name that stands for something else as well, by another import or an assignment, is left out.
    """
    imported = Counter(alias.asname or alias.name for alias in _aliases(code.tree))
    others = {name for node in ast.walk(code.tree) for name in _bound(node)}
    contexts = Contexts(code, _EXPECTED)
    for node in ast.walk(code.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if imported[name] == 1 and name not in others:
                module = code.evaluator.names.get(name, "")
                if preinstalled.has_name(module, attribute):
                    continue
                context = contexts.of(node)
                yield Import(
                    module,
                    (attribute,),
                    line=node.lineno,
                    lazy=bool(context.function) and context.function not in code.executed,
                    guarded=context.guard is Guard.QUIET,
                    conditional=context.conditional,
                    never=context.never,
                    attribute=True,
                )
            case _:
                pass


def _aliases(tree: ast.Module) -> Iterator[ast.alias]:
    return (alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a parameter, or the statements of a block, give a value to."""
    match node:
        case ast.arg(arg=name):
            yield name
        case ast.Module() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield from bound(node.body)
        case _:
            pass
