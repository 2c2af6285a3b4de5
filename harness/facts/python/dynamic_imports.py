"""What makes modules importable, or imports them, without an import statement that names them.

Folders that code puts on ``sys.path``, imports whose name is computed, texts that are names of modules.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from harness.facts.python.bindings import Function, assigned_once
from harness.facts.python.imports import called
from harness.facts.python.paths import Location  # noqa: TC001 - the store reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code

CHANGES: Final = re.compile(
    rb"\bpath\s*\.\s*(?:insert|append|extend)\b|\baddsitedir\b|\b\w+\s*\.\s*path\s*(?:\[[^]\n]*\]\s*)?\+?=(?!=)"
    rb"|\bmeta_path\b|\bpath_hooks\b|\bfrom\s+sys\s+import\b[^\n]*\bpath\b|=\s*\w+\.path\s*$",
    re.MULTILINE,
)
"""A source without any of these changes no search path."""

CHANGES_PLAINLY: Final = re.compile(
    rb"\bsys\.path(?:\.(?:insert|append|extend)\b|(?:\[[^]\n]*\])?\s*\+?=(?!=))|\baddsitedir\b"
    rb"|\bfrom sys import\b[^\n]*\bpath\b"
)
"""The same for libraries, which are many: in the words that everybody uses."""

SETTINGS: Final = "DJANGO_SETTINGS_MODULE"
"""The variable that names the module of Django's settings."""

_SYS_PATH: Final = "sys.path"
_ADDERS: Final = {"sys.path.insert": 1, "sys.path.append": 0, "sys.path.extend": 0, "site.addsitedir": 0}
_HOOKS: Final = frozenset({"sys.meta_path", "sys.path_hooks"})
_IMPORTERS: Final = frozenset(
    {"import_module", "__import__", "import_string", "locate", "run_module", "find_spec", "resolve_name"}
)
_LISTERS: Final = frozenset({"iter_modules", "walk_packages", "spec_from_file_location", "run_path", "entry_points"})
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?::[A-Za-z_]\w*)?")
_LAYERED: Final = re.compile(r"/opt(?:/|$)")
_LONGEST: Final = 200
_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Added:
    """That a line puts a folder on ``sys.path``.

    Attributes:
        location: The folder; None where only the run time tells.
        lazy: It stands in a function that the module does not call itself.
        inside: It is made of the module's own path, so that it is somewhere in the archives.
    """

    location: Location | None
    line: int
    lazy: bool = False
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Loading:
    """What one module loads, or lets others load, by other ways than import statements.

    Attributes:
        added: What it puts on the search path.
        computed: What the names of modules begin with that it imports by computed names; empty for any.
        named: Texts that may be names of modules.
        layered: Texts that are paths below ``/opt``, where layers are.
        script: Whether it has a part that only runs where it is a program of its own.
        settings: The modules of settings that it names for Django.
    """

    added: tuple[Added, ...] = ()
    computed: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    layered: tuple[str, ...] = ()
    script: bool = False
    settings: tuple[str, ...] = ()


def loading(code: Code, source: bytes) -> Loading:
    """What a module loads in other ways.

    Args:
        code: The module.
        source: Its text.
    """
    found = added(code) if CHANGES.search(source) else ()
    computed, named, layered = set[str](), set[str](), set[str]()
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Call):
            computed.update(_computed(node))
        elif isinstance(node, ast.Constant) and _is_name(node.value):
            named.add(str(node.value).partition(":")[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _LAYERED.match(node.value):
            layered.add(node.value[:_LONGEST])
    if b"INSTALLED_APPS" in source:
        named.update(_applications(code.tree))
    return Loading(
        found,
        tuple(sorted(computed)),
        tuple(sorted(named)[:_MOST]),
        tuple(sorted(layered)[:_MOST]),
        script=b"__main__" in source,
        settings=tuple(_settings(code)) if SETTINGS.encode() in source else (),
    )


def _settings(code: Code) -> Iterator[str]:
    """The modules that a program makes Django's settings: ``os.environ.setdefault("DJANGO_SETTINGS_MODULE", …)``."""
    for node in ast.walk(code.tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="setdefault"),
                args=[ast.Constant(value=variable), ast.Constant(value=str() as name)],
            ) if variable == SETTINGS:
                yield name
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value=variable))], value=ast.Constant(value=str() as name)
            ) if variable == SETTINGS:
                yield name
            case _:
                pass


def _applications(tree: ast.Module) -> Iterator[str]:
    """The modules that Django loads of the applications that its settings list."""
    for node in tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id="INSTALLED_APPS")], value=ast.List(elts=elements) | ast.Tuple(elts=elements)
            ):
                texts = (one.value for one in elements if isinstance(one, ast.Constant) and isinstance(one.value, str))
                yield from (f"{text}.{name}" for text in texts for name in ("models", "apps", "admin"))
            case _:
                pass


def added(code: Code) -> tuple[Added, ...]:
    """What a module puts on the search path."""
    return tuple(_Finder(code).found())


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) < _LONGEST and bool(_DOTTED.fullmatch(value))


def _computed(node: ast.Call) -> Iterator[str]:
    """What a call imports whose name only the run time tells; those of its own package are the graph's."""
    name = called(node.func)
    if name in _LISTERS:
        yield ""
    elif name in _IMPORTERS and node.args:
        match node.args[0]:
            case ast.Constant():
                pass
            case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
                yield text
            case ast.BinOp(left=ast.Constant(value=str() as text), op=ast.Add() | ast.Mod()):
                yield text.partition("%")[0]
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text), attr="format")):
                yield text.partition("{")[0]
            case _:
                yield ""


class _Finder:
    """Looks for what changes ``sys.path``, in functions too."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._evaluator = code.evaluator

    def found(self) -> Iterator[Added]:
        """Every change, with what is added: those of the module's own level first."""
        changes = [(node, one) for node in _in_order(self._code.tree) for one in self._node(node)]
        homes = [(self._code.function(node), one) for node, one in changes]
        yield from (one for home, one in homes if isinstance(home, ast.Module))
        for home, one in homes:
            if isinstance(home, Function):
                yield replace(one, lazy=home.name not in self._code.executed)

    def _node(self, node: ast.AST) -> Iterator[Added]:
        match node:
            case ast.Call():
                dotted = self._evaluator.dotted(node.func)
                if dotted in _ADDERS and len(node.args) > _ADDERS[dotted]:
                    yield from self._values(node.args[_ADDERS[dotted]], node.lineno)
            case ast.AugAssign(target=target, value=value) if self._is_path(target):
                yield from self._values(value, node.lineno)
            case ast.Assign(targets=[target], value=value) if self._is_path(target):
                yield from self._values(value, node.lineno)
            case ast.Assign(targets=[ast.Name()], value=ast.Attribute() as value) if self._is_path(value):
                yield Added(None, node.lineno)
            case ast.Attribute() if self._evaluator.dotted(node) in _HOOKS:
                yield Added(None, node.lineno)
            case _:
                pass

    def _is_path(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Subscript):
            node = node.value
        return self._evaluator.dotted(node) == _SYS_PATH

    def _values(self, node: ast.expr, line: int) -> Iterator[Added]:
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            for one in node.elts:
                yield from self._values(one, line)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.right, ast.List):
            yield from self._values(node.right, line)  # `(folder not in sys.path) * [folder]`
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _lists(node):
            yield from self._values(node.left, line)
            yield from self._values(node.right, line)
        elif isinstance(node, ast.Name) and (elements := self._elements(node)):
            for one in elements:
                yield self._added(one, line)
        elif not (isinstance(node, ast.Starred) or self._is_path(node)):
            yield self._added(node, line)

    def _elements(self, name: ast.Name) -> list[ast.expr]:
        """What a variable of a loop goes through."""
        node: ast.AST = name
        while parent := self._code.parents.get(node):
            match parent:
                case ast.For(target=ast.Name(id=variable), iter=ast.List() | ast.Tuple() | ast.Set() as over) if (
                    variable == name.id
                ):
                    return over.elts
                case _:
                    node = parent
        return []

    def _added(self, node: ast.expr, line: int) -> Added:
        inside = any(isinstance(one, ast.Name) and one.id in self._rooted for one in ast.walk(node))
        return Added(self._evaluator.location(node, self._code.scope(node).names), line, inside=inside)

    @cached_property
    def _rooted(self) -> frozenset[str]:
        """The names at module level that stand for paths made of the module's own."""
        found = {"__file__"}
        for name, value in assigned_once(self._code.tree.body):
            if any(isinstance(one, ast.Name) and one.id in found for one in ast.walk(value)):
                found.add(name)
        return frozenset(found)


def _lists(node: ast.BinOp) -> bool:
    return isinstance(node.left, ast.List | ast.Subscript | ast.Attribute | ast.BinOp) and not isinstance(
        node.right, ast.Constant
    )


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [*ast.iter_child_nodes(node)][::-1]
