"""What the functions of a module do each time they are called: which of their lines run, and what they call.

An import or a file that is missing breaks a handler for certain where nothing but the event itself has to come for the
line to run. So each function has the lines that may be left out, and the calls that are not among them.
"""

# More than 300 lines: one walk over a syntax tree, a case for each kind of statement.

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from harness.facts.python.bindings import Function, assigned_once, bound, imported
from harness.facts.python.certainty import (
    Span,
    certainly_runs,
    end_of,
    expects_failure,
    managed,
    may_leave,
    span,
    suppresses,
    unmade,
    yields,
)
from harness.facts.python.conditions import ON_LAMBDA, Truth, parts, truth, with_own
from harness.facts.python.imports import called

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

OWN: Final = ":"
"""Before a name of the module's own: ``:Service.run``."""
SELF: Final = "self:"
"""Before a method of the object itself, and of what its class is derived from."""
SUPER: Final = "super:"

_MANAGERS: Final = frozenset({"contextmanager", "asynccontextmanager"})
_DEEPEST: Final = 2  # attributes of an object: `self.store.save`
_MOST = 5_000  # routines of a module: more is no program


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or a method; or the module's own level, whose name is empty.

    Attributes:
        name: With what it is defined in: ``Service.run``.
        first: The line on which its body begins.
        last: The line on which it ends.
        unsure: The lines of it that do not run each time: branches, what follows a conditional return.
        never: The lines of it that do not run on Lambda.
        calls: What it calls each time, by names that ``resolve`` understands.
        deferred: Whether a call alone runs nothing of it: it is a generator.
    """

    name: str
    first: int
    last: int
    unsure: tuple[Span, ...] = ()
    never: tuple[Span, ...] = ()
    calls: tuple[str, ...] = ()
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """The routines of a module, and what its names stand for.

    Attributes:
        routines: The module's own level first.
        classes: Its classes, each with its bases.
        names: Names of the module's own level that stand for something else, each with what that may be: what is
            imported, the class of an instance, the function inside of a wrapper.
    """

    routines: tuple[Routine, ...] = ()
    classes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def at(self, line: int) -> Routine | None:
        """The innermost routine that a line is in."""
        around = (one for one in self.routines if one.first <= line <= one.last)
        return min(around, key=lambda one: one.last - one.first, default=None)


def flow(tree: ast.Module, python: tuple[int, int]) -> Flow:
    """The flow of a module, as far as its text tells.

    Args:
        tree: The module.
        python: The version of the runtime, for conditions on it.
    """
    finder = _Finder(tree, python)
    try:
        finder.routine("", tree.body, _Scope({}), last=_last(tree))
        names = finder.names(tree)
    except RecursionError:  # nested deeper than anybody writes
        return Flow()
    return Flow(tuple(finder.routines), tuple(finder.classes.items()), tuple(names.items()))


def _last(tree: ast.Module) -> int:
    return max((one.end_lineno or one.lineno for one in tree.body[-1:]), default=1)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names stand for inside of functions, and the class that ``self`` is of, if any; None where nobody knows."""

    names: Mapping[str, str | None]
    itself: str = ""


@dataclass(slots=True)
class _Draft:
    """A routine under way."""

    scope: _Scope
    unsure: list[Span] = field(default_factory=list)
    never: list[Span] = field(default_factory=list)
    calls: dict[str, None] = field(default_factory=dict)


class _Finder:
    def __init__(self, tree: ast.Module, python: tuple[int, int]) -> None:
        self._python = python
        self._known = with_own(tree, python)
        self._imported = imported(tree)
        self._counts = Counter(bound(tree.body))
        self.unmade = frozenset(unmade(tree))
        self.routines: list[Routine] = []
        self._attributes: dict[str, tuple[str, ...]] = {}
        self.classes: dict[str, tuple[str, ...]] = {}

    def names(self, tree: ast.Module) -> dict[str, tuple[str, ...]]:
        """What the names of the module's own level stand for, beside functions and classes."""
        found: dict[str, tuple[str, ...]] = self._attributes | {
            name: (full,) for name, full in self._imported.items() if name not in self._counts
        }
        outside = _Scope({})
        for name, value in assigned_once(tree.body):
            if isinstance(value, ast.Lambda):
                self.routine(name, [ast.Expr(value.body, lineno=value.lineno)], outside, last=end_of(value))
            elif texts := tuple(self._stands_for(value, outside)):
                found[name] = texts
        return found

    def _stands_for(self, value: ast.expr, scope: _Scope) -> Iterator[str]:
        """What a value may be in the end: another name, an instance, or what a wrapper was given."""
        if isinstance(value, ast.Call):
            for one in value.args:
                if isinstance(one, ast.Name) and (text := self._text(one, scope)) and text.startswith(OWN):
                    yield text
        elif isinstance(value, ast.Await):
            value = value.value
        if text := self._text(value.func if isinstance(value, ast.Call) else value, scope):
            yield text

    def routine(self, name: str, body: list[ast.stmt], scope: _Scope, *, last: int, deferred: bool = False) -> None:
        """Look at a routine and at what is defined in it."""
        if len(self.routines) >= _MOST:
            return
        draft = _Draft(scope)
        at = len(self.routines)
        first = 1 if not name else body[0].lineno
        self.routines.append(Routine(name, first, last))
        self._block(body, draft, name, sure=True)
        self.routines[at] = Routine(
            name, first, last, tuple(draft.unsure), tuple(draft.never), tuple(draft.calls), deferred
        )

    def _block(self, statements: Iterable[ast.stmt], draft: _Draft, name: str, *, sure: bool) -> None:
        for one in statements:
            if not sure:
                draft.unsure.append((one.lineno, one.end_lineno or one.lineno))
            self._statement(one, draft, name, sure=sure)
            sure = sure and not may_leave(one)

    def _statement(self, node: ast.stmt, draft: _Draft, name: str, *, sure: bool) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._search([*node.decorator_list, node.args], draft, sure=sure)
                self._function(node, draft.scope, name)
            case ast.ClassDef():
                self._class(node, draft, name, sure=sure)
            case ast.If():
                self._if(node, draft, name, sure=sure)
            case ast.Try() | ast.TryStar():
                self._block(node.body, draft, name, sure=sure and not expects_failure(node))
                for handler in node.handlers:
                    self._block(handler.body, draft, name, sure=False)
                self._block([*node.orelse, *node.finalbody], draft, name, sure=sure)
            case ast.With() | ast.AsyncWith():
                self._search(node.items, draft, sure=sure)
                self._enter(node.items, draft, sure=sure)
                self._block(node.body, draft, name, sure=sure and not suppresses(node))
            case ast.For() | ast.AsyncFor() | ast.While():
                self._search([node.test if isinstance(node, ast.While) else node.iter], draft, sure=sure)
                self._block(node.body, draft, name, sure=sure and certainly_runs(node))
                self._block(node.orelse, draft, name, sure=False)
            case ast.Match():
                self._search([node.subject], draft, sure=sure)
                for case in node.cases:
                    self._block(case.body, draft, name, sure=False)
            case _:
                self._search([node], draft, sure=sure)

    def _if(self, node: ast.If, draft: _Draft, name: str, *, sure: bool) -> None:
        while True:  # elif by elif: a chain of hundreds is no reason to recurse
            self._search([node.test], draft, sure=sure)
            holds = truth(node.test, self._python, ON_LAMBDA if name else self._known)
            if holds is Truth.FALSE:
                draft.never.append(span(node.body))
            runs = holds is Truth.TRUE or self._is_first(node.test, draft)
            self._block(node.body, draft, name, sure=sure and runs)
            if holds is Truth.TRUE and node.orelse:
                draft.never.append(span(node.orelse))
            sure = sure and holds is Truth.FALSE
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                break
            node = node.orelse[0]
        self._block(node.orelse, draft, name, sure=sure)

    def _is_first(self, test: ast.expr, draft: _Draft) -> bool:
        """Whether a condition holds at the first event: what is made once has not been made."""
        match test:
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
                return name in self.unmade and draft.scope.names.get(name, name) is None
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
                return name in self.unmade and draft.scope.names.get(name, name) is None
            case _:
                return False

    def _class(self, node: ast.ClassDef, draft: _Draft, name: str, *, sure: bool) -> None:
        self._search([*node.decorator_list, *node.bases, *node.keywords], draft, sure=sure)
        full = f"{name}.{node.name}".lstrip(".")
        self.classes[full] = tuple(text for base in node.bases if (text := self._text(base, draft.scope)))
        for one in node.body:
            if isinstance(one, Function):
                self._search([*one.decorator_list, one.args], draft, sure=sure)
                self._function(one, _Scope(draft.scope.names, full), full, method=True)
            else:
                self._block([one], draft, full, sure=sure)

    def _function(self, node: Function, outer: _Scope, within: str, *, method: bool = False) -> None:
        full = f"{within}.{node.name}".lstrip(".")
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        arguments: list[str] = [one.arg for one in given if one]
        names: dict[str, str | None] = {**outer.names, **dict.fromkeys((*arguments, *bound(node.body)))}
        names |= {one.name: f"{OWN}{full}.{one.name}" for one in node.body if isinstance(one, Function | ast.ClassDef)}
        static = any(called(one) == "staticmethod" for one in node.decorator_list)
        scope = _Scope(names, outer.itself)
        if method and arguments and not static:
            names[arguments[0]] = SELF
        for name, value in assigned_once(node.body):
            names[name] = next(iter(self._stands_for(value, scope)), None) if name not in arguments else None
        for name, manager in managed(node.body, names):
            names[name] = self._text(manager, scope)
        if method:
            self._attributes |= dict(self._assigned(node, within, scope))
        decorators = {called(one) for one in node.decorator_list}
        deferred = yields(node) and not decorators & _MANAGERS
        self.routine(full, node.body, scope, last=node.end_lineno or node.lineno, deferred=deferred)

    def _assigned(self, node: Function, within: str, scope: _Scope) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What a method makes attributes of its object stand for: ``self.store = Store()``."""
        for one in node.body:
            match one:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=name), attr=attribute)], value=value) | (
                    ast.AnnAssign(
                        target=ast.Attribute(value=ast.Name(id=name), attr=attribute), value=ast.expr() as value
                    )
                ) if scope.names.get(name) == SELF:
                    if texts := tuple(self._stands_for(value, scope)):
                        yield f"{within}.{attribute}", texts
                case _:
                    pass

    def _enter(self, items: Iterable[ast.withitem], draft: _Draft, *, sure: bool) -> None:
        for item in items:
            if (
                sure
                and isinstance(item.context_expr, ast.Call)
                and (text := self._text(item.context_expr.func, draft.scope))
            ):
                draft.calls[f"{text}.__enter__"] = None

    def _search(self, nodes: Iterable[ast.AST], draft: _Draft, *, sure: bool) -> None:
        """Look for calls in what is certainly evaluated, without recursion: some is nested a thousand deep."""
        if not sure:
            return
        waiting = [*nodes]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Call) and (text := self._text(node.func, draft.scope)):
                draft.calls[text] = None
            waiting += parts(node)[1]

    def _text(self, node: ast.expr, scope: _Scope) -> str | None:
        """What an expression names, with what its first name stands for; None where nobody can tell."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute | ast.Call):  # `Service().run` is a method of the class
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name) and node.func.id == "super" and attributes:
                    return SUPER + attributes[-1] if len(attributes) == 1 else None
                node = node.func
            else:
                attributes.append(node.attr)
                node = node.value
        if not isinstance(node, ast.Name):
            return None
        base = self._name(node.id, scope)
        if base is None:
            return None
        if base == SELF:
            return SELF + ".".join(reversed(attributes)) if 1 <= len(attributes) <= _DEEPEST else None
        return ".".join([base, *reversed(attributes)])

    def _name(self, name: str, scope: _Scope) -> str | None:
        if name in scope.names:
            return scope.names[name]
        return OWN + name if name in self._counts else self._imported.get(name)
