"""Files that a module reads and writes by constant paths, with their conditions."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from harness.facts.python.bindings import bound
from harness.facts.python.code import Contexts, Guard, true_keyword
from harness.facts.python.file_calls import NAMES, Act, accesses, resource, templates
from harness.facts.python.imports import called
from harness.facts.python.paths import Location, locations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code, Home

TRIGGERS: Final = re.compile(
    rb"__file__|open\(|Path\b|os\.path|TASK_ROOT|resources|get_data|alembic|makedirs|mkdir|sqlite3|Handler|Loader\("
    rb"|StaticFiles|Templates|FileResponse|read_|load\(|save|dump\(|to_csv|to_p|download_file|shutil|tempfile|chdir"
    rb"|fileConfig|filename=|ZipFile|listdir|scandir|urlretrieve|truetype|run_path|cafile|upgrade\("
)
"""A source without any of these builds no path."""

_EXPECTED: Final = frozenset(
    {"FileNotFoundError", "OSError", "IOError", "EnvironmentError", "CommandError", "TemplateNotFound", "RuntimeError"}
)
_ASKS: Final = frozenset({"exists", "lexists", "is_file", "is_dir", "isfile", "isdir", "access"})
# Addresses, databases in memory, and contents in place of a path.
_NO_PATH: Final = re.compile(r"://|^file:|^:|[\n\0{*?]")
_TELLING: Final = NAMES | _ASKS | {"chdir", "upgrade", "suppress", "raises", "set_main_option", "set_section_option"}
_MOST = 2_000


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


def uses(code: Code) -> Uses:
    """What a module does with paths."""
    try:
        return _Finder(code).found()
    except RecursionError:  # a condition too deep to be written down again
        return Uses()


class _Finder:
    def __init__(self, code: Code) -> None:
        self._code = code
        self._contexts = Contexts(code, _EXPECTED)
        self._uses: list[tuple[Home, Use]] = []
        self._asking: set[Home] = set()  # the scopes that ask whether something is there
        self._asked = set[Location]()
        self._guarded = set[str]()
        self._signs = set[str]()
        self._upgrades: list[str] = []

    def found(self) -> Uses:
        """Everything that a module does."""
        tree = self._code.tree
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := called(node.func)):
                self._call(node, name)
        found = [replace(use, asked=True) if home in self._asking else use for home, use in self._uses]
        return Uses(
            uses=tuple(sorted(found, key=lambda use: use.line)[:_MOST]),
            constants=tuple(locations(self._code.scope(tree).names, bound(tree.body))),
            asked=tuple(sorted(self._asked, key=lambda one: (one.anchor, one.tail))),
            guarded=tuple(sorted(self._guarded)),
            moves="moves" in self._signs,
            locates="locates" in self._signs,
            upgrades=tuple(self._upgrades),
        )

    def _call(self, node: ast.Call, name: str) -> None:
        context = self._contexts.of(node)
        if context.never:
            return
        if context.guard is Guard.QUIET:
            self._guarded.add(name)
        if name not in _TELLING:
            return
        dotted = self._code.evaluator.dotted(node.func)
        home = self._code.function(node)
        if name in _ASKS:
            self._ask(node, home)
        self._note(node, name, dotted)
        for act, location in self._touched(node, dotted):
            use = Use(
                act=act,
                location=location,
                call=name,
                line=node.lineno,
                function=context.function,
                guard=context.guard,
                conditional=context.conditional,
                elsewhere=context.elsewhere,
                again=true_keyword(node, "exist_ok") or name == "touch",
            )
            self._uses.append((home, use))

    def _touched(self, node: ast.Call, dotted: str) -> Iterator[tuple[Act, Location]]:
        evaluator, names = self._code.evaluator, self._code.scope(node).names
        for access in accesses(node, dotted):
            found = evaluator.location(access.argument, names)
            if found and not _NO_PATH.search(found.tail):
                yield access.act, found
        for act, pair in ((Act.READ, resource(node, dotted)), (Act.SERVE, templates(node, dotted))):
            package = evaluator.package(pair[0], names) if pair else None
            name = evaluator.value(pair[1], names) if pair else None
            if package and isinstance(name, str) and (found := package.joined(name)):
                yield act, found

    def _ask(self, node: ast.Call, home: Home) -> None:
        self._asking.add(home)
        of = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
        if found := self._code.evaluator.location(of, self._code.scope(node).names):
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
