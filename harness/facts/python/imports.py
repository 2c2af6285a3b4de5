"""The imports of a module, with their conditions."""

# More than 300 lines: one walk over a syntax tree, a case for each way to import.

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from harness.facts.python.conditions import ON_LAMBDA, Known, Truth, truth, with_own
from harness.facts.python.plugin_imports import Loop, Loops, constants, loop, loops, selects, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What catches the failure of an import; each is ImportError or one of its bases or its child.
_CATCHES = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_FINDERS = frozenset({"find_spec", "find_loader"})
_IMPORTERS = frozenset({"import_module", "__import__"})
_EXITS = frozenset({"exit", "_exit", "quit", "abort"})
_EXCEPTIONS = frozenset(name for name, one in vars(builtins).items() if isinstance(one, type))
_SUPPRESSORS = frozenset({"suppress", "raises"})
_MOST = 20_000  # of a module's imports: more is no program


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement, or one call that imports a module of a constant name: ``import_module("name")``.

    Attributes:
        module: The module after ``import`` or ``from``; without the dots of a relative import.
        names: What ``from … import`` takes out of it; ``("*",)`` for all; nothing for a plain import.
        level: The number of dots of a relative import.
        line: Where the statement begins.
        lazy: It stands in a function that the module does not call itself: it runs when that is called.
        guarded: Its failure is expected: an ``except ImportError`` or its like catches it.
        conditional: It stands under a condition that is only known at run time.
        never: It does not run on Lambda: under ``TYPE_CHECKING``, for another platform or version, in a script's main.
        unless: It runs only if of each of these groups the import of one module failed.
        after: It runs only if the imports of these succeeded.
        plugins: It is a call that imports submodules of a package, by names that are only known at run time:
            ``import_module(f"{__name__}.{name}")``. Without a module it is the package of the module itself.
        attribute: It is no import by name, but the use of an attribute of an imported module, or a star's.
    """

    module: str
    names: tuple[str, ...] = ()
    level: int = 0
    line: int = 1
    lazy: bool = False
    guarded: bool = False
    conditional: bool = False
    never: bool = False
    unless: tuple[tuple[str, ...], ...] = ()
    after: tuple[str, ...] = ()
    plugins: bool = False
    attribute: bool = False

    @property
    def certain(self) -> bool:
        """Whether nothing but the reaching of its line decides whether it must succeed."""
        return not (self.guarded or self.conditional or self.never)


def imports(tree: ast.Module, python: tuple[int, int], *, calls: bool = True, own: bool = True) -> tuple[Import, ...]:
    """Every import of a module, in the order of its lines.

    Args:
        tree: The module.
        python: The version of the runtime, for conditions on ``sys.version_info``.
        calls: Whether to look for calls that import, which takes most of the time; without them in the source, no.
        own: Whether to look which functions the module calls itself; a library's functions are not followed anyway.
    """
    finder = _Finder(tree, python, calls=calls, executed=called_at_once(tree) if own else frozenset(), own=own)
    finder.block(tree.body, _Context())
    return tuple(sorted(finder.found, key=lambda one: one.line))


@dataclass(frozen=True, slots=True)
class _Context:
    """What a statement stands in; the names are those of an import."""

    lazy: bool = False
    guarded: bool = False
    conditional: bool = False
    never: bool = False
    unless: tuple[tuple[str, ...], ...] = ()
    after: tuple[str, ...] = ()
    loops: tuple[Loop, ...] = ()


class _Finder:
    """Walks the statements of a module; expressions are searched for calls only."""

    def __init__(
        self, tree: ast.Module, python: tuple[int, int], *, calls: bool, executed: frozenset[str], own: bool
    ) -> None:
        self._python = python
        self._calls = calls
        self._executed = executed
        self._tree = tree
        self._own = own
        self.found: list[Import] = []

    def block(self, statements: Iterable[ast.stmt], within: _Context) -> None:
        """Look at statements that stand in the same context, up to one that leaves it."""
        for statement in statements:
            self._statement(statement, within)
            if isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue):
                within = replace(within, never=True)
            elif isinstance(statement, ast.If) and _leaves(statement.body, raising=within.lazy) and not within.never:
                # What follows runs if the condition does not hold; a module that raises does not start anyway.
                holds = Truth.FALSE if _chooses(statement.test, within) else self._truth(statement.test, within)
                within = within if holds is Truth.FALSE else _perhaps(within, statement.test, holds)

    def _statement(self, node: ast.stmt, within: _Context) -> None:  # noqa: C901 - a table of statements
        match node:
            case ast.Import():
                for alias in node.names:
                    self._add(within, node.lineno, alias.name)
            case ast.ImportFrom():
                names = tuple(alias.name for alias in node.names)
                self._add(within, node.lineno, node.module or "", names, node.level)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._search([*node.decorator_list, node.args], within)
                self.block(node.body, replace(within, lazy=node.name not in self._executed or within.lazy))
            case ast.ClassDef():
                self._search([*node.decorator_list, *node.bases, *node.keywords], within)
                self.block(node.body, within)
            case ast.If():
                self._if(node, within)
            case ast.Try() | ast.TryStar():
                self._try(node, within)
            case ast.With() | ast.AsyncWith():
                self._with(node, within)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(node, within)
            case ast.Match():
                for case in node.cases:
                    self.block(case.body, replace(within, conditional=True))
            case _:
                self._search([node], within)

    @cached_property
    def _known(self) -> Mapping[str, tuple[str, ...]]:
        return constants(self._tree.body)

    def _variables(self, within: _Context, whole: ast.AST) -> Loops:
        """The variables of the loops that an expression stands in."""
        found: dict[str, tuple[str, ...] | None] = {}
        for target, over in within.loops:
            found.update(loop(target, over, self._known))
        return {**found, **loops(whole, self._known)}

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, within: _Context) -> None:
        self._search([node.test if isinstance(node, ast.While) else node.iter], within)
        inside = within
        if self._calls and not isinstance(node, ast.While):
            inside = replace(within, loops=(*within.loops, (node.target, node.iter)))
        self.block(node.body, inside)
        self.block(node.orelse, within)

    def _add(  # noqa: PLR0913 - what an import is made of
        self,
        within: _Context,
        line: int,
        module: str,
        names: tuple[str, ...] = (),
        level: int = 0,
        *,
        plugins: bool = False,
    ) -> None:
        if len(self.found) < _MOST:
            self.found.append(
                Import(
                    module,
                    names,
                    level,
                    line,
                    within.lazy,
                    within.guarded,
                    within.conditional,
                    within.never,
                    within.unless,
                    within.after,
                    plugins,
                )
            )

    def _search(self, nodes: Iterable[ast.AST], within: _Context) -> None:
        """Look for calls in expressions, without recursion: some are nested a thousand deep."""
        if not self._calls:
            return
        for whole in nodes:
            for node in ast.walk(whole):
                if not isinstance(node, ast.Call) or called(node.func) not in _IMPORTERS or not node.args:
                    continue
                for one in targets(node, partial(self._variables, within, whole)):
                    sure = within if one.sure else replace(within, conditional=True)
                    self._add(sure, node.lineno, one.module, level=one.level, plugins=one.plugins)

    @cached_property
    def _names(self) -> Known:
        return with_own(self._tree, self._python)

    def _truth(self, test: ast.expr, within: _Context) -> Truth:
        """Whether a condition holds; what other modules may set until a function is called is not known."""
        return truth(test, self._python, self._names if self._own and not within.lazy else ON_LAMBDA)

    def _if(self, node: ast.If, within: _Context) -> None:
        while True:  # elif by elif: a chain of hundreds is no reason to recurse
            self._search([node.test], within)
            holds = self._truth(node.test, within)
            unsure = within if _chooses(node.test, within) else _perhaps(within, node.test, Truth.UNKNOWN)
            never = replace(within, never=True)
            self.block(node.body, {Truth.TRUE: within, Truth.FALSE: never}.get(holds, unsure))
            within = {Truth.TRUE: never, Truth.FALSE: within}.get(holds, unsure)
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                break
            node = node.orelse[0]
        self.block(node.orelse, within)

    def _try(self, node: ast.Try | ast.TryStar, within: _Context) -> None:
        catching = [handler for handler in node.handlers if catches(handler.type)]
        before = len(self.found)
        if catching and _leaves(catching[0].body):  # its failure is only told in other words
            self.block(node.body, replace(within, conditional=within.conditional or within.lazy))
        else:
            self.block(node.body, replace(within, guarded=within.guarded or bool(catching)))
        tried = tuple(dict.fromkeys(_dotted(one) for one in self.found[before:] if not (one.never or one.lazy)))
        for handler in node.handlers:
            if handler in catching and tried:
                self.block(handler.body, replace(within, unless=(*within.unless, tried)))
            else:
                self.block(handler.body, replace(within, conditional=True))
        self.block(node.orelse, replace(within, after=within.after + tried) if catching else within)
        self.block(node.finalbody, within)

    def _with(self, node: ast.With | ast.AsyncWith, within: _Context) -> None:
        self._search(node.items, within)
        managers = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        suppressed = any(
            called(manager.func) in _SUPPRESSORS and any(catches(argument) for argument in manager.args)
            for manager in managers
        )
        # Such as `with try_import() as attempt:`, which some libraries have.
        tried = any("import" in (called(manager.func) or "") for manager in managers)
        self.block(node.body, replace(within, guarded=within.guarded or suppressed or tried))


def _chooses(test: ast.expr, within: _Context) -> bool:
    """Whether a condition in a loop over modules only leaves out what is none."""
    return bool(within.loops) and selects(test)


def called_at_once(tree: ast.Module) -> frozenset[str]:
    """The functions that the module itself calls when it is loaded, by their plain names."""
    simple = (one for one in tree.body if isinstance(one, ast.Assign | ast.AnnAssign | ast.Expr))
    calls = (node.func for one in simple for node in ast.walk(one) if isinstance(node, ast.Call))
    return frozenset(func.id for func in calls if isinstance(func, ast.Name))


def called(node: ast.expr) -> str | None:
    """The last name of what is called: ``import_module`` of ``importlib.import_module``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def catches(caught: ast.expr | None) -> bool:
    """Whether an except clause catches a failed import; a bare one does."""
    if caught is None:
        return True
    if isinstance(caught, ast.Tuple):
        return any(catches(one) for one in caught.elts)
    name = called(caught)
    # A name of the module's own can stand for any exceptions.
    return name in _CATCHES or (isinstance(caught, ast.Name) and name not in _EXCEPTIONS)


def _leaves(body: Iterable[ast.stmt], *, raising: bool = True) -> bool:
    """Whether a block never gets to what follows it: it returns or, if that is to count, raises or exits."""
    for one in body:
        if isinstance(one, ast.Return | ast.Continue | ast.Break) or (raising and isinstance(one, ast.Raise)):
            return True
        call = one.value if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call) else None
        if raising and call and called(call.func) in _EXITS:
            return True
    return False


def _perhaps(within: _Context, test: ast.expr, holds: Truth) -> _Context:
    """The context of what runs if a condition does not hold, or may not."""
    if holds is Truth.TRUE:
        return replace(within, never=True)
    asks = any(isinstance(one, ast.Call) and called(one.func) in _FINDERS for one in ast.walk(test))
    return replace(within, guarded=True) if asks else replace(within, conditional=True)


def _dotted(one: Import) -> str:
    return "." * one.level + one.module
