"""What a call to the system stands in: whether it runs, and whether its failure is expected."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from harness.facts.python.conditions import Truth, truth
from harness.facts.python.imports import called

if TYPE_CHECKING:
    from collections.abc import Mapping

# What catches the failure of one of these, whatever the module calls it.
_CATCHES: Final = frozenset(
    {
        *("BaseException", "Exception", "OSError", "IOError", "EnvironmentError", "FileNotFoundError"),
        *("PermissionError", "NotImplementedError", "CalledProcessError", "SubprocessError", "Error"),
        *("TemplateNotFound", "TemplateDoesNotExist"),
    }
)
_ELSEWHERE: Final = re.compile(r"environ|getenv|debug|local|\bdev|test|\benv\b|stage|lambda|offline", re.IGNORECASE)


def signs(node: ast.AST, parents: Mapping[ast.AST, ast.AST], python: tuple[int, int]) -> frozenset[str]:
    """What a call stands in: ``lazy``, ``conditional``, ``guarded``, ``never``, ``elsewhere``."""
    found = set[str]()
    while parent := parents.get(node):
        match parent:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node in parent.body:
                found.add("lazy")
            case ast.Lambda():
                found.add("lazy")
            case ast.Try() | ast.TryStar():
                if node not in parent.body:
                    found.add("conditional" if node not in parent.finalbody else "")
                elif any(map(_catches, parent.handlers)):
                    found.add("guarded")
            case ast.With() | ast.AsyncWith() if node in parent.body and _suppresses(parent):
                found.add("guarded")
            case ast.If() | ast.IfExp():
                found |= _branch(parent, node, python)
            case ast.For() | ast.AsyncFor() | ast.While() | ast.match_case() | ast.BoolOp() | ast.comprehension():
                found.add("conditional")
            case _:
                pass
        node = parent
    return frozenset(found)


def _branch(parent: ast.If | ast.IfExp, node: ast.AST, python: tuple[int, int]) -> set[str]:
    if node is parent.test:
        return set()
    holds = truth(parent.test, python)
    body = node in parent.body if isinstance(parent.body, list) else node is parent.body
    if holds is Truth.UNKNOWN:
        return {"conditional"} | ({"elsewhere"} if _ELSEWHERE.search(ast.unparse(parent.test)) else set())
    return {"never"} if body is (holds is Truth.FALSE) else set()


def _catches(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {called(one) if one else "BaseException" for one in caught}
    return bool(names & _CATCHES) and not isinstance(handler.body[-1], ast.Raise)


def _suppresses(node: ast.With | ast.AsyncWith) -> bool:
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any(called(call.func) == "suppress" and _CATCHES & {called(one) for one in call.args} for call in calls)
