"""Conditions that are decided before a module runs: by the version, the platform, or the absence of a type checker."""

from __future__ import annotations

import ast
import operator
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from harness.facts.python.bindings import assigned_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = str | int | tuple["str | int", ...]
Known: TypeAlias = "Mapping[str, Value]"


class Truth(Enum):
    """Whether a condition holds on Lambda."""

    TRUE = True
    FALSE = False
    UNKNOWN = None


class _Unknown(Exception):  # noqa: N818 - not an error: the value is only known at run time
    pass


# What these are on Lambda, by the names that they are known under.
ON_LAMBDA: Final[Mapping[str, Value]] = {
    "TYPE_CHECKING": False,
    "typing.TYPE_CHECKING": False,
    "t.TYPE_CHECKING": False,
    "MYPY": False,
    "sys.platform": "linux",
    "os.name": "posix",
    "platform.system()": "Linux",
    "platform.python_implementation()": "CPython",
    "sys.implementation.name": "cpython",
    "__debug__": True,
    "six.PY2": False,
    "six.PY3": True,
    "PY2": False,
    "PY3": True,
    "__name__ == '__main__'": False,
    "__NUMPY_SETUP__": False,  # which NumPy's own build sets
}
# Lambda always sets these.
_VARIABLES: Final = ("AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_RUNTIME_API")
_SET: Final = frozenset(
    form.format(name)
    for name in _VARIABLES
    for form in ("os.environ.get('{}')", "os.getenv('{}')", "'{}' in os.environ", "os.environ['{}']")
)

_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
}


def with_own(tree: ast.Module, python: tuple[int, int]) -> Known:
    """What is known of names, those of the module included that have one value, and no function changes."""
    changed = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    known = dict(ON_LAMBDA)
    for name, value in assigned_once(tree.body):
        if name in changed or name in ON_LAMBDA:
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, bool | int | str):
            known[name] = value.value
        elif isinstance(value, ast.Compare | ast.UnaryOp) and (holds := truth(value, python, known).value) is not None:
            known[name] = holds
    return known


def truth(test: ast.expr, python: tuple[int, int], known: Known = ON_LAMBDA) -> Truth:
    """Whether a condition holds on Lambda, as far as its text tells.

    Args:
        test: The expression after ``if``.
        python: The version of the runtime.
        known: What names are there: see ``with_own``.
    """
    if isinstance(test, ast.BoolOp):
        # One part can decide, whatever the others are.
        parts = [truth(value, python, known) for value in test.values]
        decisive = Truth.FALSE if isinstance(test.op, ast.And) else Truth.TRUE
        if decisive in parts:
            return decisive
        return Truth.UNKNOWN if Truth.UNKNOWN in parts else parts[0]
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotIn):
        contains = ast.Compare(test.left, [ast.In()], test.comparators)
        inner = truth(contains, python, known)
        return inner if inner is Truth.UNKNOWN else Truth(not inner.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth(test.operand, python, known)
        return inner if inner is Truth.UNKNOWN else Truth(not inner.value)
    try:
        return Truth(bool(_value(test, python, known)))
    except (_Unknown, TypeError, IndexError, KeyError):
        return Truth.UNKNOWN


def _value(node: ast.expr, python: tuple[int, int], known: Known) -> Value:  # noqa: C901, PLR0911 - a table of expressions
    text = ast.unparse(node)
    if text in known:
        return known[text]
    if text in _SET:
        return True
    match node:
        case ast.Attribute(attr="TYPE_CHECKING"):
            return False
        case ast.Constant(value=bool() | int() | str() as constant):
            return constant
        case ast.Tuple(elts=elements):
            return tuple(_number(element) for element in elements)
        case ast.Attribute() if text in {"sys.version_info.major", "sys.version_info.minor"}:
            return python[text.endswith("minor")]
        case ast.Attribute() | ast.Name() if text in {"sys.version_info", "version_info"}:
            return _Version(python)
        case ast.Subscript(value=ast.Attribute() | ast.Name() as of, slice=index):
            return _part(_value(of, python, known), index)
        case ast.Compare(left=left, ops=[comparison], comparators=[right]):
            return _compare(_value(left, python, known), comparison, _value(right, python, known))
        case ast.Call(func=ast.Attribute(value=of, attr="startswith"), args=[ast.Constant(value=str() as prefix)]):
            value = _value(of, python, known)
            if isinstance(value, str):
                return value.startswith(prefix)
        case _:
            pass
    raise _Unknown


def _number(node: ast.expr) -> str | int:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return node.value
    raise _Unknown


def _part(value: Value, index: ast.expr) -> Value:
    """``sys.version_info[0]``, ``[1]``, ``[:1]``, ``[:2]``; the rest of it is not known."""
    if isinstance(value, tuple):
        match index:
            case ast.Constant(value=int() as at) if at in {0, 1}:
                return value[at]
            case ast.Slice(lower=None, upper=ast.Constant(value=int() as end), step=None) if end in {1, 2}:
                return tuple(value[:end])
            case _:
                pass
    raise _Unknown


class _Version(tuple["str | int", ...]):
    """``sys.version_info``, of which the two first parts are known."""

    __slots__ = ()


def _compare(left: Value, comparison: ast.cmpop, right: Value) -> bool:
    if isinstance(left, _Version) and isinstance(right, tuple) and len(right) > len(left) and right[:2] == left:
        raise _Unknown  # the patch release decides
    return _COMPARISONS[type(comparison)](left, right)


def parts(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """The parts of an expression: first those that may not be evaluated, then those that are."""
    match node:
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return [body, orelse], [test]
        case ast.BoolOp(values=[first, *others]):
            return [*others], [first]
        case ast.Lambda(args=args, body=body):
            return [body], [args]
        case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
            return [element], [*node.generators]
        case ast.DictComp(key=key, value=value):
            return [key, value], [*node.generators]
        case _:
            return [], [*ast.iter_child_nodes(node)]
