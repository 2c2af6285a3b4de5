"""Functions that only compute a value of their arguments: ``def root(*parts): return join(BASE, *parts)``."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.facts.python.bindings import assigned_once, bound

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Helper:
    """One function that is a few assignments at most and the value that it returns.

    Attributes:
        parameters: What it takes.
        assigned: The names that its body gives a value to, in order.
        result: What it returns.
    """

    parameters: ast.arguments
    assigned: tuple[tuple[str, ast.expr], ...]
    result: ast.expr

    @property
    def rest(self) -> str:
        """The parameter that takes all arguments that are left, as ``*parts``; empty where there is none."""
        return f"*{self.parameters.vararg.arg}" if self.parameters.vararg else ""

    def bound(self, call: ast.Call) -> tuple[dict[str, ast.expr], list[ast.expr]] | None:
        """The expression behind each parameter, and those that are left; None where only the run time tells."""
        taken = self.parameters
        names = [one.arg for one in (*taken.posonlyargs, *taken.args)]
        first, left = call.args[: len(names)], call.args[len(names) :]
        keywords = {one.arg: one.value for one in call.keywords if one.arg}
        unsure = len(keywords) < len(call.keywords) or any(isinstance(one, ast.Starred) for one in first)
        if unsure or (left and not self.rest):
            return None
        defaults = dict(zip(reversed(names), reversed(taken.defaults), strict=False))
        named = {one.arg: value for one, value in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if value}
        return defaults | named | dict(zip(names, first, strict=False)) | keywords, left


def helpers(tree: ast.Module) -> dict[str, Helper]:
    """The helper functions at the level of a module, by their names."""
    counts = Counter(bound(tree.body))
    return {name: helper for name, helper in _found(tree) if counts[name] == 1}


def _found(tree: ast.Module) -> Iterator[tuple[str, Helper]]:
    for name, value in assigned_once(tree.body):
        if isinstance(value, ast.Lambda):
            yield name, Helper(value.args, (), value.body)
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, args=taken, body=[*before, ast.Return(value=ast.expr() as result)]) if (
                not node.decorator_list
            ):
                statements = [one for one in before if not isinstance(one, ast.Expr)]
                assigned = tuple(assigned_once(before))
                if len(assigned) == len(statements):  # which are assignments, each to another name
                    yield name, Helper(taken, assigned, result)
            case _:
                pass
