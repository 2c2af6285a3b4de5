"""State that a module makes when it is imported and that copies of a snapshot share; and the hooks that renew it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from harness.facts.python.code import Contexts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code


class Kind(StrEnum):
    """What copies of a snapshot have in common."""

    VALUE = "a random value"
    CONNECTION = "a connection"
    FILE = "a temporary file"


@dataclass(frozen=True, slots=True)
class State:
    """A value that is assigned at module level.

    Attributes:
        call: What makes it, in full: ``uuid.uuid4``.
    """

    kind: Kind
    call: str
    line: int


@dataclass(frozen=True, slots=True)
class InitState:
    """The state of one module.

    Attributes:
        states: In the order of the lines.
        before: The lines at which it registers hooks that run before the snapshot.
        after: The lines at which it registers hooks that run after a restore.
    """

    states: tuple[State, ...] = ()
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


_BEFORE, _AFTER = (f"snapshot_restore_py.register_{name}" for name in ("before_snapshot", "after_restore"))
_CALLS: Final = {
    **dict.fromkeys(("uuid.uuid1", "uuid.uuid4", "os.urandom", "secrets.choice", "secrets.randbelow"), Kind.VALUE),
    **{f"secrets.token_{name}": Kind.VALUE for name in ("bytes", "hex", "urlsafe")},
    **{
        f"random.{name}": Kind.VALUE
        for name in ("choice", "choices", "getrandbits", "randbytes", "randint", "random", "randrange", "uniform")
    },
    **{
        f"{module}.connect": Kind.CONNECTION
        for module in (
            *("MySQLdb", "mysql.connector", "oracledb", "pg8000", "pg8000.dbapi", "psycopg", "psycopg2", "pymssql"),
            *("pymysql", "pyodbc", "redshift_connector", "snowflake.connector"),
        )
    },
    "pg8000.native.Connection": Kind.CONNECTION,
    "pika.BlockingConnection": Kind.CONNECTION,
    "psycopg.Connection.connect": Kind.CONNECTION,
    "socket.create_connection": Kind.CONNECTION,
    **{
        f"tempfile.{name}": Kind.FILE
        for name in ("NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile", "mkdtemp", "mkstemp")
    },
}
TRIGGER: Final = re.compile(
    rb"\b(?:%b|snapshot_restore_py)\b" % b"|".join(sorted({name.partition(".")[0].encode() for name in _CALLS}))
)
"""A source without any of these names has no such state."""


def init_state(code: Code) -> InitState:
    """The state that a module makes in every import, as far as no condition decides that."""
    contexts = Contexts(code, frozenset())
    states: list[State] = []
    hooks: dict[str, list[int]] = {_BEFORE: [], _AFTER: []}
    for node in _certain(code, contexts):
        name = code.evaluator.dotted(node.func if isinstance(node, ast.Call) else node)
        if name in hooks:
            hooks[name].append(node.lineno)
        elif name in _CALLS and isinstance(node, ast.Call) and _is_kept(code, node):
            states.append(State(_CALLS[name], name, node.lineno))
    ordered = tuple(sorted(states, key=lambda state: state.line))
    return InitState(ordered, tuple(sorted(hooks[_BEFORE])), tuple(sorted(hooks[_AFTER])))


def _certain(code: Code, contexts: Contexts) -> Iterator[ast.expr]:
    """The calls and the decorators that every import of the module executes."""
    for node in ast.walk(code.tree):
        found = [node] if isinstance(node, ast.Call) else []
        decorated = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
        for one in (*found, *(decorator for decorator in decorated if not isinstance(decorator, ast.Call))):
            context = contexts.of(one)
            if not (context.function or context.conditional or context.elsewhere or context.never):
                yield one


def _is_kept(code: Code, node: ast.Call) -> bool:
    """Whether a call is one of an imported module, and a statement binds what it returns, or what is made of that."""
    root: ast.expr = node.func
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or root.id not in code.evaluator.names:
        return False
    parent: ast.AST | None = node
    while parent is not None and not isinstance(parent, ast.stmt):
        parent = code.parents.get(parent)
    return isinstance(parent, ast.Assign | ast.AnnAssign)
