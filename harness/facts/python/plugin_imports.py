"""Imports with a computed name: of constants in a loop, or of the modules in a package."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from harness.facts.python.bindings import assigned_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_LISTERS: Final = frozenset({"iter_modules", "walk_packages", "glob", "rglob", "iterdir", "listdir", "scandir"})
# What leaves out of a listing only what is no plug-in.
_SELECTING: Final = (
    "__init__",
    "startswith('_')",
    "startswith('__')",
    "ispkg",
    "is_pkg",
    "endswith('.py')",
    "== '.py'",
)
_OWN: Final = frozenset({"__name__", "__package__"})
_MOST: Final = 200

Loop: TypeAlias = tuple[ast.expr, ast.expr]
"""What a loop binds, and what it goes through."""
Loops: TypeAlias = "Mapping[str, tuple[str, ...] | None]"
"""The variables of loops: the texts that they have in turn, or None where they go through the files of a folder.

No texts at all: they go through the modules of the own package, by their full names.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What a call imports.

    Attributes:
        module: The module's name; of plug-ins the package's, empty for the one that the call stands in.
        level: How many dots are in front of it.
        plugins: Whether it is all that lies in the package.
        sure: Whether it is certainly imported.
    """

    module: str
    level: int = 0
    plugins: bool = False
    sure: bool = True


def constants(body: list[ast.stmt]) -> dict[str, tuple[str, ...]]:
    """The names that stand for several texts, at module level."""
    found = ((name, _texts(value, {})) for name, value in assigned_once(body))
    return {name: texts for name, texts in found if texts}


def loop(target: ast.expr, over: ast.expr, known: Mapping[str, tuple[str, ...]]) -> Loops:
    """The variables of one loop."""
    texts = _texts(over, known)
    names = [one.id for one in ast.walk(target) if isinstance(one, ast.Name)]
    if texts:
        return {names[0]: texts} if names else {}
    calls = (one.func for one in ast.walk(over) if isinstance(one, ast.Call))
    listed = any((one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "")) in _LISTERS for one in calls)
    if not listed:
        return {}
    prefixes = [one for call in ast.walk(over) if isinstance(call, ast.Call) for one in _prefix(call)]
    return dict.fromkeys(names, () if any(map(_is_own, prefixes)) else None)


def _prefix(call: ast.Call) -> Iterator[ast.AST]:
    for one in (*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg == "prefix")):
        yield from ast.walk(one)


def selects(test: ast.expr) -> bool:
    """Whether a condition only leaves out what is no plug-in, such as ``__init__``."""
    text = ast.unparse(test)
    return any(word in text for word in _SELECTING)


def loops(node: ast.AST, known: Mapping[str, tuple[str, ...]]) -> Loops:
    """The variables of all comprehensions in an expression."""
    found: dict[str, tuple[str, ...] | None] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.comprehension):
            inner = loop(one.target, one.iter, known)
            if all(map(selects, one.ifs)):
                found.update(inner)
    return found


def targets(call: ast.Call, variables: Callable[[], Loops]) -> Iterator[Target]:
    """What a call of ``import_module`` imports, as far as that can be told.

    Args:
        call: The call.
        variables: Has the variables of the loops that it stands in; only asked where the name is computed.
    """
    package = [*call.args[1:2], *(one.value for one in call.keywords if one.arg == "package")]
    parts = [*_parts(call.args[0])]
    head, own = parts[0] if parts else None, any(map(_is_own, package))
    if _is_own(head):
        parts, own = parts[1:], True
        before = ""
    elif isinstance(head, ast.Constant) and isinstance(head.value, str):
        before = head.value
        if before.startswith("."):
            if before.startswith("..") or not own:
                return
        elif before:
            own = False
        parts = parts[1:]
    else:
        before, own = "", False
    yield from _completed(before, parts, variables() if parts else {}, own=own)


def _completed(before: str, parts: list[ast.expr], variables: Loops, *, own: bool) -> Iterator[Target]:
    choices = [_choices(one, variables) for one in parts]
    level = 1 if own else 0
    if all(choices):
        for chosen in [*product(*(one for one in choices if one))][:_MOST]:
            name = (before + "".join(chosen)).lstrip("." if own else "")
            if name and not name.startswith("."):
                yield Target(name, level)
    elif not before and len(parts) == 1 and variables.get(_base(parts[0])) == ():
        yield Target("", plugins=True)
    elif own or (before.endswith(".") and not before.startswith(".")):
        listed = any(_base(one) in variables and variables[_base(one)] is None for one in parts)
        if own or listed:
            yield Target("" if own else before.rstrip("."), level if not own else 0, plugins=True, sure=listed)


def _choices(node: ast.expr, variables: Loops) -> tuple[str, ...] | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    return variables.get(node.id) if isinstance(node, ast.Name) else None


def _base(node: ast.expr) -> str:
    """The variable that an expression starts from: ``found`` of ``found.name``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of a text, in order."""
    match node:
        case ast.JoinedStr(values=values):
            for one in values:
                yield one.value if isinstance(one, ast.FormattedValue) else one
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _parts(left)
            yield right
        case _:
            yield node


def _is_own(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id in _OWN


def _texts(node: ast.expr, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The texts that an expression goes through in turn; None where that is not known."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return _strings(elements)
        case ast.Dict(keys=keys):
            return _strings([one for one in keys if one is not None])
        case ast.Name(id=name):
            return known.get(name)
        case ast.Call(func=ast.Attribute(value=of, attr="items" | "keys"), args=[]):
            return _texts(of, known)
        case ast.Call(func=ast.Name(id="sorted" | "list" | "tuple" | "set" | "frozenset"), args=[of]):
            return _texts(of, known)
        case _:
            return None


def _strings(nodes: Iterable[ast.expr]) -> tuple[str, ...] | None:
    texts = tuple(one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str))
    return texts if texts and len(texts) == len([*nodes]) else None
