"""Attributes that modules may lack: ``collections.Mapping`` in Python 3.12, ``random.choice`` in one's own file."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from harness.facts.python.code import Contexts, Guard
from harness.facts.python.imports import Import
from harness.policy import preinstalled
from harness.policy.preloaded import early
from harness.policy.stdlib import builtins, future_names, modules, removed_names, why_absent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code

_EXPECTED = frozenset({"AttributeError", "ImportError"})
_LAZY = (3, 14)  # from then on, annotations are evaluated when they are asked for (PEP 649)


@cache
def hint(python: tuple[int, int], *, own: bool) -> re.Pattern[bytes]:
    """What is in a source that uses an attribute which the standard library of a version does not have.

    Libraries ask for those of later versions only where there are such; of them, what was removed is looked for.
    """
    names: dict[str, list[str]] = {}
    for module, name in (*removed_names(python), *(future_names(python) if own else ())):
        names.setdefault(module.rpartition(".")[2], []).append(name)
    uses = (rf"{module}\.(?:{'|'.join(sorted(set(found)))})" for module, found in sorted(names.items()))
    return re.compile(rf"\b(?:{'|'.join(uses)})\b".encode())


@cache
def _replaceable(python: tuple[int, int]) -> frozenset[str]:
    """The modules of the standard library whose place a file of an archive may take."""
    return modules(python) - builtins(python) - early(python).stdlib


def absent(code: Code, *, own: bool) -> Iterator[Import]:
    """The uses of attributes that the runtime's modules lack, each as an import of a name that would fail in its place.

    Of first-party code, those of modules of Python are among them that an archive may have a file in the place of.

    A name that stands for something else as well, by another import or an assignment, is left out, and so is an
    attribute of the standard library that the module sets, or uses under a condition: that is how code works with
    several versions.
    """
    uses = [*_uses(code, own=own)]
    if not uses:
        return
    contexts = Contexts(code, _EXPECTED)
    patched, annotations = frozenset(patches(code)), _annotations(code)
    for node, module, of_python in uses:
        context = contexts.of(node)
        known = node in annotations or f"{module}.{node.attr}" in patched
        if of_python and (known or _is_conditional(node, code, contexts)):
            continue
        yield Import(
            module,
            (node.attr,),
            line=node.lineno,
            lazy=bool(context.function) and context.function not in code.executed,
            guarded=context.guard is Guard.QUIET,
            conditional=context.conditional,
            never=context.never,
            attribute=True,
        )


def _uses(code: Code, *, own: bool) -> Iterator[tuple[ast.Attribute, str, bool]]:
    """The uses of attributes that may not be there, each with the module, and whether that is one of Python's."""
    imported: Counter[str] = Counter()
    found: list[tuple[ast.Attribute, str, str, bool]] = []
    others = set[str]()
    for node in ast.walk(code.tree):
        match node:
            case ast.alias(name=name, asname=given):
                imported[given or name] += 1
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.ExceptHandler(name=str(name)):
                others.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                others.add(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in code.evaluator.names:
                module = code.evaluator.names[name]
                replaced = own and module in _replaceable(code.python)
                of_python = replaced or why_absent(code.python, module, attribute) is not None
                if of_python or not preinstalled.has_name(module, attribute):
                    found.append((node, name, module, of_python))
            case _:
                pass
    yield from (
        (node, module, of_python)
        for node, name, module, of_python in found
        if imported[name] == 1 and name not in others
    )


def _is_conditional(node: ast.AST, code: Code, contexts: Contexts) -> bool:
    """Whether a node, or the definition of a function that it is in, stands under a condition."""
    if contexts.of(node).conditional:
        return True
    home = code.function(node)
    return not isinstance(home, ast.Module) and _is_conditional(home, code, contexts)


def patches(code: Code) -> Iterator[str]:
    """The attributes of modules that a module sets: ``collections.Mapping``; where only the run time tells, ``*``."""
    named = code.evaluator.names
    for node in ast.walk(code.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Store()) if name in named:
                yield f"{named[name]}.{attribute}"
            case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=name), attribute, _]) if name in named:
                known = attribute.value if isinstance(attribute, ast.Constant) else "*"
                yield f"{named[name]}.{known!s}"
            case _:
                pass


def _annotations(code: Code) -> frozenset[ast.AST]:
    """What stands in annotations that are not evaluated."""
    future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in code.tree.body)
    found: list[ast.expr | None] = []
    for node in ast.walk(code.tree):
        match node:
            case ast.AnnAssign(annotation=annotation):
                found.append(annotation)
            case ast.arg(annotation=annotation) if future or code.python >= _LAZY:
                found.append(annotation)
            case ast.FunctionDef(returns=annotation) | ast.AsyncFunctionDef(returns=annotation) if (
                future or code.python >= _LAZY
            ):
                found.append(annotation)
            case _:
                pass
    return frozenset(node for annotation in found if annotation for node in ast.walk(annotation))
