"""Which files a module reads and writes by paths that its text tells, where, and under which conditions."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from harness.facts.python.bindings import Function, assigned_once, bound, imported, locations
from harness.facts.python.conditions import Truth, parts, truth
from harness.facts.python.file_calls import NAMES, Act, accesses, resource, templates
from harness.facts.python.imports import called
from harness.facts.python.paths import Evaluator, Location, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TRIGGERS: Final = re.compile(
    rb"__file__|open\(|Path\b|os\.path|TASK_ROOT|resources|get_data|alembic|makedirs|mkdir|sqlite3|Handler|Loader\("
    rb"|StaticFiles|Templates|FileResponse|read_|load\(|save|dump\(|to_csv|to_p|download_file|shutil|tempfile|chdir"
    rb"|fileConfig|filename=|ZipFile|listdir|scandir|urlretrieve|truetype|run_path|cafile|upgrade\("
)
"""A source without any of these builds no path."""

_QUIET: Final = frozenset(
    {"FileNotFoundError", "OSError", "IOError", "EnvironmentError", "CommandError", "TemplateNotFound", "RuntimeError"}
)
_BROAD: Final = frozenset({"Exception", "BaseException"})
_REPORTS: Final = frozenset({"exception", "error", "critical", "fatal", "print_exc", "capture_exception"})
_ASKS: Final = frozenset({"exists", "lexists", "is_file", "is_dir", "isfile", "isdir", "access"})
_ELSEWHERE: Final = re.compile(r"environ|getenv|debug|local|\bdev|test|\benv\b|stage|lambda|offline", re.IGNORECASE)
# Addresses, databases in memory, and contents in place of a path.
_NO_PATH: Final = re.compile(r"://|^file:|^:|[\n\0{*?]")
_TELLING: Final = NAMES | _ASKS | {"chdir", "upgrade", "suppress", "raises", "set_main_option", "set_section_option"}
_MOST = 2_000


class Guard(StrEnum):
    """What happens where a call fails."""

    NONE = "none"
    LOUD = "loud"
    """Whatever fails there is reported; nothing says that a missing file is expected."""
    QUIET = "quiet"
    """It is expected to fail."""


@dataclass(frozen=True, slots=True)
class Use:
    """One call that reads or writes a file.

    Attributes:
        call: The name of what is called: ``open``, ``read_text``.
        function: The function that it stands in; empty at module level.
        guard: What happens where it fails.
        asked: Whether the same scope asks first whether something is there.
        conditional: Whether it stands under a condition.
        elsewhere: Whether that condition tells where the code runs: it may not be Lambda.
        again: Whether it is fine that a folder is there already.
    """

    act: Act
    location: Location
    call: str
    line: int
    function: str = ""
    guard: Guard = Guard.NONE
    asked: bool = False
    conditional: bool = False
    elsewhere: bool = False
    again: bool = False

    @property
    def lazy(self) -> bool:
        """Whether it runs only when a function is called."""
        return bool(self.function)


@dataclass(frozen=True, slots=True)
class Uses:
    """What one module does with paths.

    Attributes:
        uses: What it reads and writes.
        constants: Its paths at module level, by their names.
        asked: The paths that it asks for before it relies on them.
        guarded: Names of functions that it calls where their failure is expected.
        moves: Whether it changes the working directory, after which relative paths lead elsewhere.
        locates: Whether it tells Alembic by a call where its scripts are.
        upgrades: The revisions that it upgrades a database to, as far as they are constants.
    """

    uses: tuple[Use, ...] = ()
    constants: tuple[tuple[str, Location], ...] = ()
    asked: tuple[Location, ...] = ()
    guarded: tuple[str, ...] = ()
    moves: bool = False
    locates: bool = False
    upgrades: tuple[str, ...] = ()


def uses(tree: ast.Module, python: tuple[int, int]) -> Uses:
    """What a module does with paths.

    Args:
        tree: The module.
        python: The version of the runtime, for conditions on it.
    """
    finder = _Finder(Evaluator(imported(tree)), python, sorted(_telling(tree)))
    try:
        finder.scope(tree.body, {}, _Context())
    except RecursionError:  # a condition too deep to be written down again
        return Uses()
    return finder.found()


def _telling(tree: ast.Module) -> Iterator[int]:
    """The lines of what is looked for: functions without any are not worth a closer look."""
    for node in ast.walk(tree):
        if (isinstance(node, ast.Call) and called(node.func) in _TELLING) or (
            isinstance(node, ast.Try | ast.TryStar) and any(map(_guard, node.handlers))
        ):
            yield node.lineno


@dataclass(frozen=True, slots=True)
class _Context:
    """What a statement stands in; the names are those of a use."""

    function: str = ""
    guard: Guard = Guard.NONE
    conditional: bool = False
    elsewhere: bool = False
    never: bool = False


@dataclass(slots=True)
class _Scope:
    """The names of a module or a function, what is done in it, and whether it asks whether files are there."""

    names: Mapping[str, Value | None]
    uses: list[Use] = field(default_factory=list)
    asks: bool = False


class _Finder:
    def __init__(self, evaluator: Evaluator, python: tuple[int, int], lines: list[int]) -> None:
        self._lines = lines
        self._evaluator = evaluator
        self._python = python
        self._uses: list[Use] = []
        self._constants: dict[str, Location] = {}
        self._asked: set[Location] = set()
        self._guarded: set[str] = set()
        self._signs: set[str] = set()
        self._upgrades: list[str] = []

    def found(self) -> Uses:
        """Everything that was found."""
        return Uses(
            uses=tuple(sorted(self._uses, key=lambda use: use.line)[:_MOST]),
            constants=tuple(self._constants.items()),
            asked=tuple(sorted(self._asked, key=lambda one: (one.anchor, one.tail))),
            guarded=tuple(sorted(self._guarded)),
            moves="moves" in self._signs,
            locates="locates" in self._signs,
            upgrades=tuple(self._upgrades),
        )

    def scope(self, body: list[ast.stmt], outer: Mapping[str, Value | None], within: _Context) -> None:
        """Look at a module, or at a function with the names that it sees outside of itself."""
        scope = _Scope(self._names(body, outer))
        if not within.function:
            self._constants.update(locations(scope.names, bound(body)))
        self._block(body, scope, within)
        self._uses += [replace(use, asked=True) if scope.asks else use for use in scope.uses]

    def _names(self, body: list[ast.stmt], outer: Mapping[str, Value | None]) -> dict[str, Value | None]:
        names = {**outer, **dict.fromkeys(bound(body))}
        for name, value in assigned_once(body):
            names[name] = self._evaluator.value(value, names)
        return names

    def _block(self, statements: Iterable[ast.stmt], scope: _Scope, within: _Context) -> None:
        for statement in statements:
            self._statement(statement, scope, within)

    def _statement(self, node: ast.stmt, scope: _Scope, within: _Context) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope, within)
            case ast.ClassDef():
                self._search([*node.decorator_list, *node.keywords], scope, within)
                inner = _Scope(self._names(node.body, scope.names), scope.uses)
                for one in node.body:  # a method does not see the names of its class
                    self._statement(one, scope if isinstance(one, Function) else inner, within)
            case ast.If():
                self._if(node, scope, within)
            case ast.Try() | ast.TryStar():
                self._try(node, scope, within)
            case ast.With() | ast.AsyncWith():
                self._with(node, scope, within)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._search([node.test if isinstance(node, ast.While) else node.iter], scope, within)
                self._block([*node.body, *node.orelse], scope, replace(within, conditional=True))
            case ast.Match():
                self._search([node.subject], scope, within)
                for case in node.cases:
                    self._block(case.body, scope, replace(within, conditional=True))
            case _:
                self._search([node], scope, within)

    def _function(self, node: Function, scope: _Scope, within: _Context) -> None:
        first = bisect_left(self._lines, min([node.lineno, *(one.lineno for one in node.decorator_list)]))
        if first == len(self._lines) or self._lines[first] > (node.end_lineno or node.lineno):
            return
        self._search([*node.decorator_list, node.args], scope, within)
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
        hidden = {one.arg: None for one in arguments if one}
        # What guards a definition does not guard its calls.
        inner = _Context(node.name, elsewhere=within.elsewhere, never=within.never)
        self.scope(node.body, {**scope.names, **hidden}, inner)

    def _if(self, node: ast.If, scope: _Scope, within: _Context) -> None:
        while True:  # elif by elif: a chain of hundreds is no reason to recurse
            self._search([node.test], scope, within)
            holds = truth(node.test, self._python)
            told = bool(_ELSEWHERE.search(ast.unparse(node.test)))
            unsure = replace(within, conditional=True, elsewhere=within.elsewhere or told)
            never = replace(within, never=True)
            self._block(node.body, scope, {Truth.TRUE: within, Truth.FALSE: never}.get(holds, unsure))
            within = {Truth.TRUE: never, Truth.FALSE: within}.get(holds, unsure)
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                break
            node = node.orelse[0]
        self._block(node.orelse, scope, within)

    def _try(self, node: ast.Try | ast.TryStar, scope: _Scope, within: _Context) -> None:
        guard = next((found for handler in node.handlers if (found := _guard(handler))), Guard.NONE)
        inner = guard if within.guard is not Guard.QUIET and guard is not Guard.NONE else within.guard
        self._block(node.body, scope, replace(within, guard=inner))
        for handler in node.handlers:
            self._block(handler.body, scope, replace(within, conditional=True))
        self._block([*node.orelse, *node.finalbody], scope, within)

    def _with(self, node: ast.With | ast.AsyncWith, scope: _Scope, within: _Context) -> None:
        self._search(node.items, scope, within)
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        caught = (one for call in calls if called(call.func) in {"suppress", "raises"} for one in call.args)
        if any(called(one) in _QUIET | _BROAD for one in caught):
            within = replace(within, guard=Guard.QUIET)
        self._block(node.body, scope, within)

    def _search(self, nodes: Iterable[ast.AST], scope: _Scope, within: _Context) -> None:
        """Look for calls in expressions, without recursion: some are nested a thousand deep."""
        waiting = [(node, within) for node in nodes]
        while waiting:
            node, context = waiting.pop()
            if isinstance(node, ast.Call) and not context.never:
                self._call(node, scope, context)
            unsure, sure = parts(node)
            perhaps = replace(context, conditional=True) if unsure else context
            if isinstance(node, ast.IfExp) and _ELSEWHERE.search(ast.unparse(node.test)):
                perhaps = replace(perhaps, elsewhere=True)
            elif isinstance(node, ast.Lambda):
                perhaps = replace(perhaps, function=context.function or "<lambda>")
            waiting += [(one, perhaps) for one in unsure] + [(one, context) for one in sure]

    def _call(self, node: ast.Call, scope: _Scope, within: _Context) -> None:
        dotted = self._evaluator.dotted(node.func)
        name = called(node.func) or ""
        if within.guard is Guard.QUIET and name:
            self._guarded.add(name)
        if name not in _TELLING:
            return
        if name in _ASKS:
            self._ask(node, scope)
        self._note(node, name, dotted)
        for act, location in self._touched(node, dotted, scope):
            scope.uses.append(
                Use(
                    act=act,
                    location=location,
                    call=name,
                    line=node.lineno,
                    function=within.function,
                    guard=within.guard,
                    conditional=within.conditional,
                    elsewhere=within.elsewhere,
                    again=_flag(node, "exist_ok") or name == "touch",
                )
            )

    def _touched(self, node: ast.Call, dotted: str, scope: _Scope) -> Iterator[tuple[Act, Location]]:
        for access in accesses(node, dotted):
            found = self._evaluator.location(access.argument, scope.names)
            if found and not _NO_PATH.search(found.tail):
                yield access.act, found
        for act, pair in ((Act.READ, resource(node, dotted)), (Act.SERVE, templates(node, dotted))):
            package = self._evaluator.package(pair[0], scope.names) if pair else None
            name = self._evaluator.value(pair[1], scope.names) if pair else None
            if package and isinstance(name, str) and (found := package.joined(name)):
                yield act, found

    def _ask(self, node: ast.Call, scope: _Scope) -> None:
        scope.asks = True
        of = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
        if found := self._evaluator.location(of, scope.names):
            self._asked.add(found)

    def _note(self, node: ast.Call, name: str, dotted: str) -> None:
        if dotted in {"os.chdir", "contextlib.chdir"}:
            self._signs.add("moves")
        if name == "upgrade" or name.startswith("set_"):
            constants = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            if name != "upgrade" and "script_location" in constants:
                self._signs.add("locates")
            elif name == "upgrade":
                self._upgrades += [one for one in constants if isinstance(one, str)]


def _guard(handler: ast.ExceptHandler) -> Guard | None:
    """Whether an except clause catches a file that is not there, and what it makes of that; None where it does not."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {called(one) if one else "BaseException" for one in caught}
    if not names & (_QUIET | _BROAD):
        return None
    if _leaves(handler.body[-1]):
        return Guard.NONE
    inside = (
        called(one.func) for statement in handler.body for one in ast.walk(statement) if isinstance(one, ast.Call)
    )
    return Guard.LOUD if not names & _QUIET and _REPORTS.intersection(inside) else Guard.QUIET


def _leaves(statement: ast.stmt) -> bool:
    """Whether a statement ends in an exception again."""
    if isinstance(statement, ast.Raise):
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and called(call.func) in {"exit", "_exit"}


def _flag(node: ast.Call, name: str) -> bool:
    return any(
        one.arg == name and isinstance(one.value, ast.Constant) and one.value.value is True for one in node.keywords
    )
