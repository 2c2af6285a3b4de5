"""Paths that source code builds of constants."""

# More than 300 lines: one evaluator, whose cases call one another.

from __future__ import annotations

import ast
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from harness.artifact.bundle import CODE_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from harness.facts.python.helper_functions import Helper

FILE = "__file__"
PACKAGE = "package:"
NAME = "name:"
HOME = "/home/sbx_user1051"
"""What ``~`` is in Lambda: it is not there, and cannot be made."""

_LONGEST = 1024
_DEEPEST = 60
_MOST_CALLS = 1000  # of helper functions in one module: what has more is no program
_PATHS: Final = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath"})
_SAME: Final = frozenset(
    {
        "os.path.abspath",
        "os.path.realpath",
        "os.path.normpath",
        "os.fspath",
        "str",
        "os.fsdecode",
        *(f"pathlib.{name}" for name in _PATHS),
        "importlib.resources.as_file",
    }
)
_METHODS: Final = frozenset(
    {"joinpath", "with_name", "with_suffix", "expanduser", "resolve", "absolute", "as_posix", "__str__"}
)
_CONSTANTS: Final = {"os.pardir": "..", "os.path.pardir": "..", "os.curdir": ".", "os.path.curdir": "."}
_FILES: Final = frozenset({"importlib.resources.files", "importlib_resources.files"})


@dataclass(frozen=True, slots=True)
class Location:
    """A path, as far as one file alone tells it.

    Attributes:
        anchor: What the rest is relative to: nothing, for the working directory or an absolute path; ``__file__``;
            ``package:NAME``, the folder of a package; ``name:MODULE:NAME``, a constant of another module.
        tail: What is joined to it.
    """

    anchor: str
    tail: str

    def joined(self, *parts: str) -> Location | None:
        """With more below it; an absolute part replaces what is before it."""
        tail = posixpath.join(self.tail, *parts) if self.tail else posixpath.join(*parts) if parts else ""
        if len(tail) > _LONGEST:
            return None
        return Location("" if tail.startswith("/") else self.anchor, tail)

    @property
    def parent(self) -> Location:
        """The folder that it is in."""
        folder, name = posixpath.split(self.tail.rstrip("/"))
        if name in {"", ".", ".."}:
            return Location(self.anchor, posixpath.join(self.tail, "..") if self.tail else "..")
        return Location(self.anchor, folder)

    def named(self, change: Callable[[str], str]) -> Location | None:
        """With another last part."""
        name = posixpath.basename(self.tail)
        return self.parent.joined(change(name)) if name not in {"", ".", ".."} else None


Value: TypeAlias = Location | str
Scope: TypeAlias = "Mapping[str, Value | None]"


class Evaluator:
    """Evaluates expressions of one module; whatever only the run time tells is None.

    Attributes:
        names: What names of imports stand for: ``osp`` for ``os.path``, ``Path`` for ``pathlib.Path``.
        helpers: The module's own functions whose calls are evaluated.
        module: The names at the level of the module, which those functions see.
    """

    def __init__(self, names: Mapping[str, str], helpers: Mapping[str, Helper] | None = None) -> None:
        self.names = names
        self.helpers = helpers or {}
        self.module: Scope = {}
        self._calls_left = _MOST_CALLS

    def dotted(self, node: ast.expr) -> str:
        """The full name of what an expression names, such as ``os.path.join``; empty where it is no name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(parts)])

    def value(  # noqa: C901, PLR0911, PLR0912 - a table of expressions
        self, node: ast.expr | None, scope: Scope, depth: int = 0
    ) -> Value | None:
        """The string or the path that an expression is."""
        if node is None or depth > _DEEPEST:
            return None
        deeper = depth + 1
        match node:
            case ast.Constant(value=str() as text):
                return text if len(text) <= _LONGEST else None
            case ast.Name(id="__file__"):
                return Location(FILE, "")
            case ast.Name(id="__package__" | "__name__"):
                return None
            case ast.Name(id=name):
                return self._name(name, scope)
            case ast.Attribute():
                return self._attribute(node, scope, deeper)
            case ast.Subscript():
                return self._subscript(node, scope, deeper)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return _joined(self.location(left, scope, deeper), [self.value(right, scope, deeper)])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _appended(self.value(left, scope, deeper), self.value(right, scope, deeper))
            case ast.JoinedStr(values=values):
                return self._formatted(values, scope, deeper)
            case ast.Call(func=ast.Name(id=name)) if name in self.helpers:
                return self._helped(self.helpers[name], node, scope, deeper)
            case ast.Call():
                return self._call(node, scope, deeper)
            case ast.Starred(value=ast.Name(id=name)):  # all that is left of a helper's arguments
                return scope.get(f"*{name}")
            case _:
                return None

    def location(self, node: ast.expr | None, scope: Scope, depth: int = 0) -> Location | None:
        """The path that an expression is; a string is one relative to the working directory."""
        return _location(self.value(node, scope, depth))

    def _name(self, name: str, scope: Scope) -> Value | None:
        if name in scope:
            return scope[name]
        full = self.names.get(name)
        if full is None or not full.strip(".") or "." not in full:
            return None
        module, _, last = full.rpartition(".")
        return Location(f"{NAME}{module or '.'}:{last}", "")

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Value | None:
        if node.attr == "parent":
            found = self.location(node.value, scope, depth)
            return found.parent if found else None
        dotted = self.dotted(node)
        if dotted in _CONSTANTS:
            return _CONSTANTS[dotted]
        base = dotted.partition(".")[0]
        if not dotted or base in scope or node.attr in {"parents", "name", "stem", "suffix"}:
            return None
        module, _, last = dotted.rpartition(".")
        known = any(full == module or module.startswith(f"{full}.") for full in self.names.values())
        return Location(f"{NAME}{module}:{last}", "") if known and last.isupper() else None

    def _subscript(self, node: ast.Subscript, scope: Scope, depth: int) -> Value | None:
        match node:
            case ast.Subscript(
                value=ast.Attribute(value=path, attr="parents"), slice=ast.Constant(value=int() as index)
            ) if 0 <= index < _DEEPEST:
                found = self.location(path, scope, depth)
                for _ in range(index + 1):
                    found = found.parent if found else None
                return found
            case ast.Subscript(value=ast.Call(func=func, args=[path]), slice=ast.Constant(value=0)) if (
                self.dotted(func) == "os.path.split"
            ):
                found = self.location(path, scope, depth)
                return found.parent if found else None
            case ast.Subscript(value=of, slice=ast.Constant(value=str() as name)) if self.dotted(of) == "os.environ":
                return _variable(name)
            case _:
                return None

    def _formatted(self, values: Sequence[ast.expr], scope: Scope, depth: int) -> Value | None:
        found: Value | None = ""
        for value in values:
            plain = isinstance(value, ast.FormattedValue) and value.format_spec is None and value.conversion == -1
            inner = value.value if isinstance(value, ast.FormattedValue) and plain else value
            found = _appended(found, self.value(inner, scope, depth))
        return found

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Value | None:  # noqa: C901, PLR0911 - a table of calls
        dotted = self.dotted(node.func)
        arguments = [self.value(one, scope, depth) for one in node.args]
        if dotted in _SAME and not node.keywords:
            if len(arguments) == 1 and dotted == "str":
                return arguments[0]
            return _joined(Location("", ""), arguments)
        match dotted:
            case "os.path.join":
                return _joined(_location(arguments[0]), arguments[1:]) if arguments else None
            case "os.path.dirname" if len(arguments) == 1:
                found = _location(arguments[0])
                return found.parent if found else None
            case "os.getcwd" | "pathlib.Path.cwd":
                return CODE_ROOT
            case "os.environ.get" | "os.getenv":
                return _variable(arguments[0]) if arguments and isinstance(arguments[0], str) else None
            case "tempfile.gettempdir" | "tempfile.mkdtemp":
                return "/tmp"  # noqa: S108 - in the function
            case "os.path.expanduser" if arguments:
                return _at_home(arguments[0])
            case "pathlib.Path.home":
                return Location("", HOME)
            case _ if dotted in _FILES:
                return self.package(node.args[0] if node.args else None, scope, depth)
            case "pkg_resources.resource_filename" if len(arguments) == 2:  # noqa: PLR2004 - package and name
                return _joined(self.package(node.args[0], scope, depth), arguments[1:])
            case _:
                return self._method(node, arguments, scope, depth)

    def _helped(self, helper: Helper, node: ast.Call, scope: Scope, depth: int) -> Value | None:
        """What a helper function returns."""
        self._calls_left -= 1
        bound = helper.bound(node)
        if bound is None or self._calls_left < 0:
            return None
        named, left = bound
        inner = {**self.module, **{name: self.value(value, scope, depth) for name, value in named.items()}}
        inner[helper.rest] = _joined(Location("", ""), [self.value(value, scope, depth) for value in left])
        for name, value in helper.assigned:
            inner[name] = self.value(value, inner, depth)
        return self.value(helper.result, inner, depth)

    def package(self, node: ast.expr | None, scope: Scope, depth: int = 0) -> Location | None:
        """The folder of the package that an expression names; without one, of the module's own."""
        if node is None or (isinstance(node, ast.Name) and node.id in {"__package__", "__name__"}):
            return Location(FILE, "..")
        name = self.value(node, scope, depth)
        if isinstance(name, str):
            return Location(PACKAGE + name, "")
        if isinstance(name, Location) and name.anchor.startswith(NAME) and not name.tail:
            return Location(PACKAGE + name.anchor.removeprefix(NAME).replace(":", "."), "")  # the module itself
        dotted = self.dotted(node)
        return Location(PACKAGE + dotted, "") if dotted and dotted in self.names.values() else None

    def _method(  # noqa: PLR0911 - a table of methods
        self, node: ast.Call, arguments: Sequence[Value | None], scope: Scope, depth: int
    ) -> Value | None:
        if not isinstance(node.func, ast.Attribute) or node.keywords or node.func.attr not in _METHODS:
            return None
        found = self.location(node.func.value, scope, depth)
        if found is None:
            return None
        match (node.func.attr, *arguments):
            case ("joinpath", *parts):
                return _joined(found, parts)
            case ("with_name", str() as name):
                return found.parent.joined(name)
            case ("with_suffix", str() as suffix):
                return found.named(lambda name: posixpath.splitext(name)[0] + suffix)
            case ("expanduser",):
                return found if found.anchor else _at_home(found.tail)
            case ("resolve" | "absolute" | "as_posix" | "__str__", *_):
                return found
            case _:
                return None


def locations(names: Mapping[str, Value | None], chosen: Iterable[str]) -> Iterator[tuple[str, Location]]:
    """Those of the bound names that are paths, a string being one relative to the working directory."""
    for name in dict.fromkeys(chosen):
        value = names.get(name)
        if value is not None:
            yield name, Location("", value) if isinstance(value, str) else value


def _location(value: Value | None) -> Location | None:
    return Location("", value) if isinstance(value, str) else value


def _joined(base: Location | None, parts: Sequence[Value | None]) -> Location | None:
    for part in parts:
        if base is None or part is None:
            return None
        if isinstance(part, str):
            base = base.joined(part)
        elif base == Location("", ""):
            base = part
        elif part.anchor:
            return None  # it may be absolute or not
        else:
            base = base.joined(part.tail)
    return base


def _appended(left: Value | None, right: Value | None) -> Value | None:
    """Two texts, one right after the other."""
    if isinstance(left, str) and isinstance(right, str):
        return left + right if len(left) + len(right) <= _LONGEST else None
    if left == "":
        return right
    if isinstance(left, Location) and isinstance(right, str) and not right.startswith("//"):
        if right.startswith("/"):
            return left.joined(right.lstrip("/")) if right != "/" else left
        name = posixpath.basename(left.tail)
        return Location(left.anchor, left.tail + right) if name not in {"", ".", ".."} else None
    return None


def _variable(name: str) -> str | None:
    """A variable that has one value in every function."""
    return {"LAMBDA_TASK_ROOT": CODE_ROOT, "HOME": HOME, "PWD": CODE_ROOT}.get(name)


def _at_home(value: Value | None) -> Value | None:
    if isinstance(value, str) and (value == "~" or value.startswith("~/")):
        return Location("", posixpath.join(HOME, value[2:]))
    return value
