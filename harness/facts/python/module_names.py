"""The names that a module binds, and whether its text shows all of them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.python.parser import parse
from harness.facts.python.plugin_imports import constants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What can change a module's names in ways that its text does not tell.
_NAMESPACES = frozenset({"globals", "vars", "locals", "exec", "eval", "setattr", "attach", "attach_stub"})
_PORTIONS = frozenset({"extend_path", "declare_namespace"})
# How nearly every name is bound; what this finds need not be parsed.
_FORMS = (b"def %b(", b"class %b(", b"class %b:", b"%b =", b"import %b", b"%b,", b"%b:", b"as %b", b"%b\n")
# With these a library's module, or what it hands its own name to, can get names that its syntax tree does not show.
_MAKERS = re.compile(
    rb"sys\s*\.\s*modules|meta_path|path_hooks|__path__|extend_path|declare_namespace|f_globals|global_enum|_convert_"
    rb"|\b(?:globals|vars|exec|setattr|__dict__)\b|(?<!getLogger\()(?<![.\w])__name__\b(?!\s*[!=]=)"
)
# A decorator that is given a module's name may set what it decorates there, as SQLAlchemy 1.3 has it.
_GIVEN = re.compile(rb"@[\w.]+\(\s*['\"]([\w.]+\.\w+)['\"][^()]*\)\s*\n(?:[ \t]*@.*\n)*[ \t]*(?:class|def)[ \t]+(\w+)")
# An importer of `find_module` alone, as six has it before 1.16, which Python does not call since 3.12.
_RETIRED_IN = (3, 12)
_IMPORTS_STILL = re.compile(rb"\bfind_spec\b|^sys\.modules\[", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Names:
    """The names at the module level.

    Attributes:
        bound: By assignment, definition or import, in any branch.
        open: More may be there: a star import, a ``__getattr__``, writing to ``globals()``.
        injects: It may make modules appear that no file is there for: it touches ``sys.modules``, ``__path__``, or
            the import system.
        shared: It lets other folders of the same name add to it (``pkgutil.extend_path``, ``declare_namespace``).
        retired: It made modules appear by an importer that the runtime's Python calls no more.
        exported: What its ``__all__`` names, where that is constant: what ``from … import *`` takes.
    """

    bound: tuple[str, ...] = ()
    open: bool = False
    injects: bool = False
    shared: bool = False
    retired: bool = False
    exported: tuple[str, ...] = ()


def names(tree: ast.Module) -> Names:
    """The names of a module."""
    bound = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    signs = set[str]()
    for statement in _executed(tree.body):
        bound.update(_bound(statement))
        if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
            signs.add("open")
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            signs.update(_signs(statement))
    if "__getattr__" in bound or "injects" in signs:
        signs.add("open")
    exported = constants(tree.body).get("__all__", ()) if "__all__" in bound else ()
    return Names(tuple(sorted(bound)), exported=exported, **dict.fromkeys(signs, True))


def given(source: bytes) -> Iterator[str]:
    """What a module's decorators may set in others, whose names they are given: ``web.text.escape``."""
    if b"@" in source:
        yield from (f"{module.decode()}.{name.decode()}" for module, name in _GIVEN.findall(source))


def is_retired(source: bytes, python: tuple[int, int]) -> bool:
    """Whether the modules that a source would make by an importer of its own do not appear on a Python."""
    old = python >= _RETIRED_IN and b"def find_module(" in source and b"meta_path" in source
    return old and not _IMPORTS_STILL.search(source)


def may_bind(source: bytes, name: str, package: str | None = None) -> bool:
    """Whether a module may have a name at its level; False where its source shows that it has not.

    Args:
        source: Its bytes.
        name: The name.
        package: Its own name, where it is itself that imports the name from there: by that it does not get it.
    """
    if (package is None and any(form % name.encode() in source for form in _FORMS)) or _MAKERS.search(source):
        return True
    tree = parse(source)
    for node in ast.walk(tree) if tree and package else ():
        if isinstance(node, ast.ImportFrom) and (node.level, node.module) in {(1, None), (0, package)}:
            node.names = [alias for alias in node.names if alias.name != name]
    found = names(tree) if tree else Names(open=True)
    return found.open or name in found.bound


def _signs(statement: ast.stmt) -> Iterator[str]:
    """Which attributes of the names a statement makes true."""
    for node in _walk(statement):
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr="modules" | "meta_path" | "path_hooks"):
                yield "injects"
            case ast.Name(id="__path__"):
                yield "injects"
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _PORTIONS:
                yield "shared"
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _NAMESPACES:
                yield "open"
            case _:
                pass


def _executed(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module does, those of blocks included, those of functions and classes not."""
    waiting = [*statements]
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for block in ("body", "orelse", "finalbody"):
            waiting += getattr(statement, block, ())
        for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            waiting += handler.body


def _walk(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, without the statements in its blocks, which have their own turn."""
    waiting: list[ast.AST] = [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _bound(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Import():
            yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
        case ast.ImportFrom():
            yield from (alias.asname or alias.name for alias in statement.names)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case _:
            for node in _walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
                elif isinstance(node, ast.alias):
                    yield node.asname or node.name
                elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                    yield node.name
            if type(statement).__name__ == "TypeAlias":  # since Python 3.12, on which this need not run
                yield statement.name.id  # type: ignore[attr-defined]
