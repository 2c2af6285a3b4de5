"""Requests to the system by constant names: programs, libraries, locales, shared memory."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from harness.facts.python.code import Contexts, Guard, argument, true_keyword
from harness.facts.python.imports import called
from harness.facts.python.paths import Location
from harness.facts.python.shell_commands import UNKNOWN, started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.facts.python.code import Code, Context, Scope
    from harness.facts.python.paths import Value

TRIGGERS: Final = re.compile(
    rb"subprocess|os\.system|popen|\bexec[vl]|spawn|\bwhich\b|CDLL|PyDLL|LoadLibrary|dlopen|find_library|setlocale"
    rb"|multiprocessing|ProcessPool|environ\[.PATH|render_template|TemplateResponse|shortcuts|render_to_string"
)
"""A source without any of these asks for nothing."""
OPENS: Final = re.compile(rb"CDLL|PyDLL|LoadLibrary")
"""A library's source without any of these opens no shared library."""


class Kind(StrEnum):
    """What is asked for."""

    PROGRAM = "program"
    SHELL = "shell"
    """A program that a shell starts."""
    WHICH = "which"
    """Where a program is."""
    LIBRARY = "library"
    """A shared library, to be opened."""
    FIND = "find"
    """Where a shared library is."""
    LOCALE = "locale"
    PATH = "path"
    """That programs, or libraries, are looked for elsewhere, too."""
    TEMPLATE = "template"
    """A template, by its name below any of the folders that hold templates."""
    SHARED = "shared"
    """What multiprocessing makes of semaphores."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call.

    Attributes:
        what: A path, or a name alone.
        call: What is called, in full.
        lazy: It stands in a function.
        conditional: It stands under a condition that is only known at run time.
        raises: Whether an error follows where what is asked for is not there.
    """

    kind: Kind
    what: Location
    call: str
    line: int
    lazy: bool = False
    conditional: bool = False
    raises: bool = True

    @property
    def name(self) -> str | None:
        """A name without folders; None for a path."""
        return None if self.what.anchor or "/" in self.what.tail else self.what.tail


_STARTS: Final = frozenset(f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output"))
_CHECKS: Final = frozenset({"subprocess.check_call", "subprocess.check_output"})
# By the full name: what is asked for, and the position and the keyword of its name.
_CALLS: Final[Mapping[str, tuple[Kind, int, str]]] = {
    **dict.fromkeys(_STARTS, (Kind.PROGRAM, 0, "args")),
    "asyncio.create_subprocess_exec": (Kind.PROGRAM, 0, "program"),
    "pty.spawn": (Kind.PROGRAM, 0, "argv"),
    **{
        f"os.{name}": (Kind.PROGRAM, int(name.startswith("spawn")), "file")
        for name in ("execl", "execlp", "execv", "execve", "execvp", "spawnl", "spawnlp", "spawnv", "spawnvp")
    },
    "os.posix_spawn": (Kind.PROGRAM, 0, "path"),
    "os.posix_spawnp": (Kind.PROGRAM, 0, "path"),
    "os.system": (Kind.SHELL, 0, "command"),
    "os.popen": (Kind.SHELL, 0, "cmd"),
    "subprocess.getoutput": (Kind.SHELL, 0, "cmd"),
    "subprocess.getstatusoutput": (Kind.SHELL, 0, "cmd"),
    "asyncio.create_subprocess_shell": (Kind.SHELL, 0, "cmd"),
    "shutil.which": (Kind.WHICH, 0, "cmd"),
    "ctypes.CDLL": (Kind.LIBRARY, 0, "name"),
    "ctypes.PyDLL": (Kind.LIBRARY, 0, "name"),
    "ctypes.cdll.LoadLibrary": (Kind.LIBRARY, 0, "name"),
    "ctypes.pydll.LoadLibrary": (Kind.LIBRARY, 0, "name"),
    "ctypes.util.find_library": (Kind.FIND, 0, "name"),
    "locale.setlocale": (Kind.LOCALE, 1, "locale"),
    "flask.render_template": (Kind.TEMPLATE, 0, "template_name_or_list"),
    "quart.render_template": (Kind.TEMPLATE, 0, "template_name_or_list"),
    "django.shortcuts.render": (Kind.TEMPLATE, 1, "template_name"),
    "django.template.loader.render_to_string": (Kind.TEMPLATE, 0, "template_name"),
}
_SYNCHRONISED: Final = frozenset(
    {
        *("Array", "Barrier", "BoundedSemaphore", "Condition", "Event", "JoinableQueue", "Lock", "Pool", "Queue"),
        *("RLock", "Semaphore", "SimpleQueue", "Value"),
    }
)
_SHARED: Final = frozenset(
    {
        *(f"multiprocessing.{name}" for name in _SYNCHRONISED),
        *(f"multiprocessing.synchronize.{name}" for name in _SYNCHRONISED),
        "multiprocessing.dummy.Pool",
        "multiprocessing.pool.Pool",
        "multiprocessing.pool.ThreadPool",  # its notifier is a queue of processes
        "multiprocessing.shared_memory.SharedMemory",
        "concurrent.futures.ProcessPoolExecutor",
        "concurrent.futures.process.ProcessPoolExecutor",
    }
)
_CONTEXT: Final = "multiprocessing.get_context"
_NAMES: Final = frozenset(name.rpartition(".")[2] for name in (*_CALLS, *_SHARED)) | {"dlopen"}
_OPENERS: Final = frozenset({"CDLL", "PyDLL", "LoadLibrary", "dlopen"})
# What catches the failure of one of these.
_EXPECTED: Final = frozenset(
    {
        *("OSError", "IOError", "EnvironmentError", "FileNotFoundError", "PermissionError", "NotImplementedError"),
        *("CalledProcessError", "SubprocessError", "Error", "TemplateNotFound", "TemplateDoesNotExist"),
    }
)
_TESTS: Final = (ast.If, ast.IfExp, ast.Assert, ast.While)


def requests(code: Code) -> tuple[Request, ...]:
    """What a module asks for, in the order of its lines, without what expects to fail and what never runs on Lambda.

    A program that the module looks for itself is not asked for under a condition.
    """
    finder = _Finder(code)
    try:
        found = sorted(finder.found(), key=lambda one: one.line)
        return tuple(one for one in found if not (one.conditional and one.what.tail in finder.looked_for))
    except RecursionError:  # a condition too deep to be written down again
        return ()


class _Finder:
    def __init__(self, code: Code) -> None:
        self._code = code
        self._tree = code.tree
        self._evaluator = code.evaluator
        self._contexts = Contexts(code, _EXPECTED)
        self.looked_for = set[str]()

    def found(self) -> Iterator[Request]:
        """Everything that is asked for."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
                if moved := self._moved(node):
                    yield Request(Kind.PATH, Location("", moved), moved, node.lineno)
            elif isinstance(node, ast.Call) and called(node.func) in _NAMES:
                context = self._contexts.of(node)
                if context.guard is Guard.NONE and not (context.never or context.elsewhere):
                    yield from self._asked(node, context)

    def _moved(self, node: ast.Subscript | ast.Attribute) -> str | None:
        """What an assignment changes about where something is looked for."""
        if isinstance(node, ast.Attribute):
            return node.attr if node.attr == "find_library" else None
        path = self._evaluator.dotted(node.value) == "os.environ" and ast.unparse(node.slice) == "'PATH'"
        return "PATH" if path else None

    def _asked(self, node: ast.Call, context: Context) -> Iterator[Request]:
        for kind, what, call, raises in self._call(node, self._code.scope(node)):
            if kind is Kind.WHICH and self._is_tested(node):
                self.looked_for.add(what.tail)
                continue
            if kind is Kind.FIND and isinstance(self._code.parents.get(node), ast.BoolOp):
                continue
            sure = raises or (kind is Kind.FIND and self._is_demanded(node))
            yield Request(kind, what, call, node.lineno, bool(context.function), context.conditional, sure)

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[tuple[Kind, Location, str, bool]]:
        names, expressions = scope.names, scope.expressions
        dotted = self._evaluator.dotted(node.func)
        name = called(node.func) or ""
        if dotted in _SHARED or (name in _SYNCHRONISED and self._is_context(node.func, expressions)):
            yield Kind.SHARED, Location("", name), dotted or f"multiprocessing.{name}", True
            return
        if dotted not in _CALLS and not (name == "dlopen" and isinstance(node.func, ast.Attribute)):
            return
        kind, position, keyword = _CALLS.get(dotted, (Kind.LIBRARY, 0, "name"))
        given = argument(node, position, keyword)
        given = expressions.get(given.id, given) if isinstance(given, ast.Name) else given
        if given is None or argument(node, len(node.args), "executable"):
            return
        checked = dotted in _CHECKS or true_keyword(node, "check")
        if kind is Kind.SHELL or true_keyword(node, "shell"):
            for program, decides in started(self._text(given, names)):
                yield Kind.SHELL, Location("", program), dotted, checked and decides
        elif isinstance(what := self._program(given, names, expressions) if kind is Kind.PROGRAM else given, ast.expr):
            value = _locale(what) if kind is Kind.LOCALE else None
            found = Location("", value) if value else self._evaluator.location(what, names)
            moved = kind is Kind.PROGRAM and argument(node, len(node.args), "cwd") and found and not found.anchor
            if found and (found.tail or kind is Kind.PROGRAM) and not (moved and found.tail.startswith(".")):
                yield kind, found, dotted or name, kind not in {Kind.WHICH, Kind.FIND}

    def _program(
        self, node: ast.expr, names: Mapping[str, Value | None], expressions: Mapping[str, ast.expr]
    ) -> ast.expr | None:
        """The first of the words that a program is started with."""
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):  # ["git"] + arguments
            node = node.left
            node = expressions.get(node.id, node) if isinstance(node, ast.Name) else node
        match node:
            case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]):
                return None if isinstance(first, ast.Starred) else first
            case ast.Call(func=ast.Attribute(attr="split"), args=arguments):
                command = (
                    arguments[0] if arguments else node.func.value if isinstance(node.func, ast.Attribute) else None
                )
                words = (self._text(command, names) if command else "").split()
                return ast.Constant(words[0]) if words and UNKNOWN not in words[0] else None
            case ast.List() | ast.Tuple():
                return None
            case _:
                return node

    def _text(self, node: ast.expr, names: Mapping[str, Value | None]) -> str:
        """A command, with a mark for what only the run time tells."""
        match node:
            case ast.JoinedStr(values=values):
                return "".join(self._text(one, names) for one in values)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._text(left, names) + self._text(right, names)
            case ast.BinOp(left=left, op=ast.Mod()):
                return re.sub(r"%\w", UNKNOWN, self._text(left, names))
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text), attr="format")):
                return re.sub(r"\{[^{}]*\}", UNKNOWN, text)
            case _:
                value = self._evaluator.value(node, names)
                return value if isinstance(value, str) else UNKNOWN

    def _is_context(self, func: ast.expr, expressions: Mapping[str, ast.expr]) -> bool:
        """Whether it is a method of what ``multiprocessing.get_context`` gave."""
        of = func.value if isinstance(func, ast.Attribute) else None
        of = expressions.get(of.id) if isinstance(of, ast.Name) else of
        return isinstance(of, ast.Call) and self._evaluator.dotted(of.func) == _CONTEXT

    def _is_tested(self, node: ast.expr) -> bool:
        """Whether it is asked, where it is looked for, whether it was found."""
        parent = self._code.parents.get(node)
        while isinstance(parent, ast.UnaryOp | ast.Compare | ast.NamedExpr):
            node, parent = parent, self._code.parents.get(parent)
        if isinstance(parent, ast.BoolOp):
            return True
        if isinstance(parent, _TESTS):
            return parent.test is node
        names = _targets(parent)
        tests = (one.test for one in ast.walk(self._tree) if isinstance(one, _TESTS))
        return bool(names) and any(_names(names, test) for test in tests)

    def _is_demanded(self, node: ast.expr) -> bool:
        """Whether what was not found is opened nevertheless, or is an error."""
        parent = self._code.parents.get(node)
        if isinstance(parent, ast.Call):
            return called(parent.func) in _OPENERS
        names = _targets(parent)
        return bool(names) and any(
            (isinstance(one, ast.Call) and called(one.func) in _OPENERS and any(_names(names, arg) for arg in one.args))
            or (isinstance(one, ast.If) and _names(names, one.test) and isinstance(one.body[-1], ast.Raise))
            for one in ast.walk(self._tree)
        )


def _targets(node: ast.AST | None) -> frozenset[str]:
    """The names that a statement assigns to."""
    found = node.targets if isinstance(node, ast.Assign) else []
    return frozenset(one.id for one in found if isinstance(one, ast.Name))


def _names(names: frozenset[str], node: ast.expr) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))


def _locale(node: ast.expr) -> str | None:
    """A locale that is given as a pair of language and encoding."""
    match node:
        case ast.Tuple(elts=[ast.Constant(value=str() as language), ast.Constant(value=str() as encoding)]):
            return f"{language}.{encoding}"
        case _:
            return None
