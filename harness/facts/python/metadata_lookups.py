"""What a module asks of the metadata of distributions: versions by name, entry points by group."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.facts.python.conditions import Truth, truth
from harness.facts.python.imports import called, called_at_once

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# What raises where a distribution has no metadata, by the module that offers it.
_BY_NAME: Final = {
    "importlib.metadata": frozenset({"version", "distribution", "requires", "metadata", "files"}),
    "importlib_metadata": frozenset({"version", "distribution", "requires", "metadata", "files"}),
    "pkg_resources": frozenset({"get_distribution", "require"}),
}
_BY_GROUP: Final = frozenset({"entry_points", "iter_entry_points"})
# What catches it: PackageNotFoundError is a ModuleNotFoundError.
_CATCHES: Final = frozenset(
    {
        "PackageNotFoundError",
        "ModuleNotFoundError",
        "ImportError",
        "DistributionNotFound",
        "ResolutionError",
        "Exception",
        "BaseException",
    }
)
_OWN: Final = frozenset({"__name__", "__package__"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """One call that looks in the metadata of what is installed, and runs only if that is reached.

    Attributes:
        distribution: The one that is asked for by name; ``__name__`` or ``__package__`` where the module means itself.
        group: The group of entry points that is asked for; one of the two is empty.
        api: The function, as in ``importlib.metadata.version``.
        line: Where the call begins.
        lazy: It stands in a function that the module does not call itself: it runs when that is called.
        guarded: Its failure is expected.
        conditional: It stands under a condition that is only known at run time.
        never: It does not run on Lambda.
    """

    distribution: str = ""
    group: str = ""
    api: str = ""
    line: int = 1
    lazy: bool = False
    guarded: bool = False
    conditional: bool = False
    never: bool = False

    @property
    def certain(self) -> bool:
        """Whether nothing but the reaching of its line decides whether it must succeed."""
        return not (self.guarded or self.conditional or self.never)


def may_look(source: bytes) -> bool:
    """Whether a source can have any at all, without parsing it."""
    return b"pkg_resources" in source or (b"metadata" in source and b"importlib" in source)


def lookups(tree: ast.Module, python: tuple[int, int]) -> tuple[Lookup, ...]:
    """Every look-up of a constant name, in the order of the lines.

    Args:
        tree: The module.
        python: The version of the runtime, for conditions on ``sys.version_info``.
    """
    names = _names(tree)
    if not names:
        return ()
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    constants = dict(_constants(tree))
    executed = called_at_once(tree)
    found = []
    for node in ast.walk(tree):
        api = names.get(ast.unparse(node.func)) if isinstance(node, ast.Call) and _plain(node.func) else None
        if api is None or not isinstance(node, ast.Call):
            continue
        by_group = api.rpartition(".")[2] in _BY_GROUP
        value = _argument(node, by_group=by_group)
        text = _text(value, constants) if value is not None else None
        if text:
            signs = dict.fromkeys(_conditions(node, parents, python, executed), True)
            name, group = ("", text) if by_group else (text, "")
            found.append(Lookup(name, group, api, node.lineno, **signs))
    return tuple(sorted(found, key=lambda one: one.line))


def _plain(node: ast.expr) -> bool:
    """Whether it is a name, or one with dots."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _names(tree: ast.Module) -> dict[str, str]:
    """The functions that look something up, by what the module calls them."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                name = alias.asname or alias.name
                if alias.name in _offered(node.module or ""):
                    found[name] = f"{node.module}.{alias.name}"
                found |= _under(name, f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "importlib":
                    found |= _under(f"{alias.asname or alias.name}.metadata", "importlib.metadata")
                found |= _under(alias.asname or alias.name, alias.name)
    return found


def _offered(module: str) -> frozenset[str]:
    return _BY_NAME[module] | _BY_GROUP if module in _BY_NAME else frozenset()


def _under(name: str, module: str) -> dict[str, str]:
    """The functions of a module that is bound to a name."""
    return {f"{name}.{function}": f"{module}.{function}" for function in _offered(module)}


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that are bound to a text at module level."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() as text)):
                yield name, text
            case _:
                pass


def _argument(call: ast.Call, *, by_group: bool) -> ast.expr | None:
    if call.args and not (by_group and call.keywords):
        return call.args[0]
    wanted = {"group"} if by_group else {"distribution_name", "dist"}
    return next((keyword.value for keyword in call.keywords if keyword.arg in wanted), None)


def _text(node: ast.expr, constants: Mapping[str, str]) -> str | None:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id=name) if name in _OWN:
            return name
        case ast.Name(id=name):
            return constants.get(name)
        case _:
            return None


def _conditions(  # noqa: C901 - a table of statements
    node: ast.AST, parents: Mapping[ast.AST, ast.AST], python: tuple[int, int], executed: frozenset[str]
) -> Iterator[str]:
    """Which attributes of a look-up what it stands in makes true, from the inside out."""
    while parent := parents.get(node):
        match parent:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if node in parent.body and parent.name not in executed:
                    yield "lazy"
            case ast.Lambda():
                yield "lazy"
            case ast.Try() | ast.TryStar():
                if node not in parent.body:
                    yield "conditional"
                elif any(_caught(handler.type) for handler in parent.handlers):
                    yield "guarded"
            case ast.With() | ast.AsyncWith():
                if node in parent.body and _suppressed(parent.items):
                    yield "guarded"
            case ast.If() | ast.IfExp():
                yield from _branch(parent, node, python)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.match_case() | ast.BoolOp() | ast.comprehension():
                yield "conditional"
            case _:
                pass
        node = parent


def _branch(parent: ast.If | ast.IfExp, node: ast.AST, python: tuple[int, int]) -> Iterator[str]:
    if node is parent.test:
        return
    holds = truth(parent.test, python)
    body = node in parent.body if isinstance(parent.body, list) else node is parent.body
    if holds is Truth.UNKNOWN:
        yield "conditional"
    elif body is (holds is Truth.FALSE):
        yield "never"


def _caught(caught: ast.expr | None) -> bool:
    """Whether an except clause catches it; a bare one does."""
    if isinstance(caught, ast.Tuple):
        return any(_caught(one) for one in caught.elts)
    return caught is None or called(caught) in _CATCHES


def _suppressed(items: Iterable[ast.withitem]) -> bool:
    managers = [item.context_expr for item in items if isinstance(item.context_expr, ast.Call)]
    return any(called(one.func) == "suppress" and any(map(_caught, one.args)) for one in managers)
