"""Look-ups in the metadata of distributions: versions by name, entry points by group."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.facts.python.code import Contexts, Guard

if TYPE_CHECKING:
    from harness.facts.python.code import Code, Scope

_BY_GROUP: Final = frozenset({"entry_points", "iter_entry_points"})
_METADATA: Final = frozenset({"version", "distribution", "requires", "metadata", "files"}) | _BY_GROUP
# What looks something up, by the module that offers it; by name, it raises where a distribution has no metadata.
_LOOKUPS: Final = {
    "importlib.metadata": _METADATA,
    "importlib_metadata": _METADATA,
    "pkg_resources": frozenset({"get_distribution", "require"}) | _BY_GROUP,
}
# What catches it: PackageNotFoundError is a ModuleNotFoundError.
_EXPECTED: Final = frozenset(
    {"PackageNotFoundError", "ModuleNotFoundError", "ImportError", "DistributionNotFound", "ResolutionError"}
)


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


def lookups(code: Code) -> tuple[Lookup, ...]:
    """Every look-up of a constant name, in the order of the lines."""
    contexts = Contexts(code, _EXPECTED)
    found = []
    for node in ast.walk(code.tree):
        dotted = code.evaluator.dotted(node.func) if isinstance(node, ast.Call) else ""
        module, _, function = dotted.rpartition(".")
        if not isinstance(node, ast.Call) or function not in _LOOKUPS.get(module, ()):
            continue
        by_group = function in _BY_GROUP
        if not (text := _text(_argument(node, by_group=by_group), code.scope(node))):
            continue
        context = contexts.of(node)
        found.append(
            Lookup(
                "" if by_group else text,
                text if by_group else "",
                dotted,
                node.lineno,
                lazy=bool(context.function) and context.function not in code.executed,
                guarded=context.guard is not Guard.NONE,
                conditional=context.conditional,
                never=context.never,
            )
        )
    return tuple(sorted(found, key=lambda one: one.line))


def _argument(call: ast.Call, *, by_group: bool) -> ast.expr | None:
    if call.args and not (by_group and call.keywords):
        return call.args[0]
    wanted = {"group"} if by_group else {"distribution_name", "dist"}
    return next((keyword.value for keyword in call.keywords if keyword.arg in wanted), None)


def _text(node: ast.expr | None, scope: Scope) -> str | None:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id="__name__" | "__package__" as name):
            return name
        case ast.Name(id=name) if isinstance(value := scope.names.get(name), str):
            return value
        case _:
            return None
