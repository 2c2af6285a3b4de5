"""The syntax tree of a module, with what each node stands in: its scope, its conditions, an expected failure."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from harness.facts.python.bindings import Function, assigned_once, bound, imported
from harness.facts.python.conditions import ON_LAMBDA, Known, Truth, truth, with_own
from harness.facts.python.helper_functions import helpers
from harness.facts.python.imports import called, called_at_once
from harness.facts.python.paths import Evaluator, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

_BROAD: Final = frozenset({"Exception", "BaseException"})
_REPORTS: Final = frozenset({"exception", "error", "critical", "fatal", "print_exc", "capture_exception"})
_SUPPRESSORS: Final = frozenset({"suppress", "raises"})
_ELSEWHERE: Final = re.compile(r"environ|getenv|debug|local|\bdev|test|\benv\b|stage|lambda|offline", re.IGNORECASE)

Home: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
"""What has a scope of its own."""


class Guard(StrEnum):
    """What happens where a call fails."""

    NONE = "none"
    LOUD = "loud"
    """Every failure there is reported; nothing shows that this one is expected."""
    QUIET = "quiet"
    """It is expected to fail."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that are visible in a module, a class or a function.

    Attributes:
        names: What each name stands for; None where only the run time tells.
        expressions: The expression behind each name that has one value.
    """

    names: Mapping[str, Value | None]
    expressions: Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True)
class Context:
    """What a node stands in.

    Attributes:
        function: The innermost function; empty at module level.
        guard: What happens where it fails.
        conditional: Whether it stands under a condition that is only known at run time.
        elsewhere: Whether that condition distinguishes where the code runs: it may not be Lambda.
        never: Whether it does not run on Lambda.
    """

    function: str = ""
    guard: Guard = Guard.NONE
    conditional: bool = False
    elsewhere: bool = False
    never: bool = False


class Code:
    """One module's syntax tree.

    Attributes:
        tree: The module.
        python: The version of the runtime, for conditions on it.
        evaluator: Evaluates its expressions.
    """

    def __init__(self, tree: ast.Module, python: tuple[int, int]) -> None:
        self.tree = tree
        self.python = python
        self.evaluator = Evaluator(imported(tree), helpers(tree))
        self._scopes: dict[Home, Scope] = {}

    @cached_property
    def parents(self) -> Mapping[ast.AST, ast.AST]:
        """The parent of each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def known(self) -> Known:
        """What names stand for where the module runs."""
        return with_own(self.tree, self.python)

    @cached_property
    def executed(self) -> frozenset[str]:
        """The functions that the module itself calls when it is loaded."""
        return called_at_once(self.tree)

    def home(self, node: ast.AST) -> Home:
        """The innermost module, class or function whose body holds a node."""
        while (parent := self.parents.get(node)) is not None:
            if isinstance(parent, Function | ast.ClassDef) and isinstance(node, ast.stmt):
                return parent
            node = parent
        return self.tree

    def function(self, node: ast.AST) -> Home:
        """The innermost function whose body holds a node, or the module: methods do not see the names of a class."""
        home = self.home(node)
        return self.function(home) if isinstance(home, ast.ClassDef) else home

    def scope(self, node: ast.AST) -> Scope:
        """The scope that a node is evaluated in."""
        return self._scope(self.home(node))

    def _scope(self, home: Home) -> Scope:
        if home not in self._scopes:
            outer = Scope({}, {}) if isinstance(home, ast.Module) else self._scope(self.function(home))
            local = dict.fromkeys((*_arguments(home), *bound(home.body)))
            names: dict[str, Value | None] = {**outer.names, **local}
            if home is self.tree:
                self.evaluator.module = names
            expressions = {name: value for name, value in outer.expressions.items() if name not in local}
            for name, value in assigned_once(home.body):
                names[name] = self.evaluator.value(value, names)
                expressions[name] = value
            self._scopes[home] = Scope(names, expressions)
        return self._scopes[home]


class Contexts:
    """The contexts of a module's nodes, for failures of one kind."""

    def __init__(self, code: Code, expected: frozenset[str]) -> None:
        """Prepare to look around.

        Args:
            code: The module.
            expected: The exceptions whose handling shows that a failure is expected.
        """
        self._code = code
        self._expected = expected
        self._known: dict[ast.AST, Context] = {code.tree: Context()}
        self._tests: dict[ast.AST, tuple[Truth, bool]] = {}
        self._guards: dict[ast.AST, Guard] = {}

    def of(self, node: ast.AST) -> Context:
        """What a node stands in."""
        path = []
        while node not in self._known:
            path.append(node)
            node = self._code.parents[node]
        context = self._known[node]
        for child in reversed(path):
            context = self._known[child] = self._inside(node, child, context)
            node = child
        return context

    def _inside(self, parent: ast.AST, node: ast.AST, context: Context) -> Context:
        match parent:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if isinstance(node, ast.stmt):
                # What guards a definition does not guard its calls.
                return Context(parent.name, elsewhere=context.elsewhere, never=context.never)
            case ast.Lambda(body=body) if node is body:
                return replace(context, function=context.function or "<lambda>", conditional=True)
            case ast.Try() | ast.TryStar() if node in parent.body:
                return self._guarded(context, self._guard(parent))
            case ast.With() | ast.AsyncWith() if isinstance(node, ast.stmt) and self._suppresses(parent):
                return self._guarded(context, Guard.QUIET)
            case ast.If() | ast.IfExp() if node is not parent.test:
                return self._branch(parent, node, context)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                conditional = not isinstance(node, ast.comprehension)
            case ast.BoolOp(values=[first, *_]):
                conditional = node is not first
            case ast.For() | ast.AsyncFor() | ast.While() | ast.match_case():
                conditional = isinstance(node, ast.stmt)
            case _:
                conditional = isinstance(node, ast.ExceptHandler)
        return replace(context, conditional=True) if conditional else context

    def _branch(self, parent: ast.If | ast.IfExp, node: ast.AST, context: Context) -> Context:
        if parent not in self._tests:
            text = ast.unparse(parent.test)
            known = ON_LAMBDA if context.function else self._code.known
            self._tests[parent] = truth(parent.test, self._code.python, known), bool(_ELSEWHERE.search(text))
        holds, elsewhere = self._tests[parent]
        if holds is Truth.UNKNOWN:
            return replace(context, conditional=True, elsewhere=context.elsewhere or elsewhere)
        body = node in parent.body if isinstance(parent, ast.If) else node is parent.body
        return context if body is (holds is Truth.TRUE) else replace(context, never=True)

    @staticmethod
    def _guarded(context: Context, guard: Guard) -> Context:
        known = context.guard is Guard.QUIET or guard is Guard.NONE
        return context if known else replace(context, guard=guard)

    def _guard(self, node: ast.Try | ast.TryStar) -> Guard:
        """What the first clause makes of a failure that catches it."""
        if node not in self._guards:
            caught = (guard for handler in node.handlers if (guard := self._caught(handler)) is not None)
            self._guards[node] = next(caught, Guard.NONE)
        return self._guards[node]

    def _caught(self, handler: ast.ExceptHandler) -> Guard | None:
        names = self._named(handler.type) if handler.type else {"BaseException"}
        if not names & (self._expected | _BROAD):
            return None
        if _leaves(handler.body[-1]):
            return Guard.NONE
        calls = (called(one.func) for body in handler.body for one in ast.walk(body) if isinstance(one, ast.Call))
        return Guard.LOUD if not names & self._expected and _REPORTS.intersection(calls) else Guard.QUIET

    def _suppresses(self, node: ast.With | ast.AsyncWith) -> bool:
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        caught = (one for call in calls if called(call.func) in _SUPPRESSORS for one in call.args)
        return any(self._named(one) & (self._expected | _BROAD) for one in caught)

    def _named(self, caught: ast.expr) -> set[str | None]:
        """The exceptions of a clause, by the names that they have where they come from."""
        if isinstance(caught, ast.Name):
            caught = self._code.scope(caught).expressions.get(caught.id, caught)
        several = caught.elts if isinstance(caught, ast.Tuple) else [caught]
        return {self._code.evaluator.dotted(one).rpartition(".")[2] or called(one) for one in several}


def _arguments(home: Home) -> list[str]:
    if not isinstance(home, Function):
        return []
    of = home.args
    return [one.arg for one in (*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg) if one]


def _leaves(statement: ast.stmt) -> bool:
    """Whether a statement ends in an exception again."""
    if isinstance(statement, ast.Raise):
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and called(call.func) in {"exit", "_exit"}


def true_keyword(node: ast.Call, keyword: str) -> bool:
    """Whether a call has ``keyword=True``."""
    given = next((one.value for one in node.keywords if one.arg == keyword), None)
    return isinstance(given, ast.Constant) and given.value is True


def argument(node: ast.Call, position: int, keyword: str) -> ast.expr | None:
    """An argument of a call, by its position or its keyword."""
    if 0 <= position < len(node.args):
        return node.args[position]
    return next((one.value for one in node.keywords if one.arg == keyword), None)
