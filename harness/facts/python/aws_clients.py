"""Clients of AWS's SDK: those that a module makes, and the operations that it calls on them and on others' clients."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from harness.facts.python.bindings import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.facts.python.code import Code, Home

CLIENT, RESOURCE, SESSION, NAMED = "client:", "resource:", "session:", "name:"
"""How a text begins that says what an expression is: ``client:s3``, ``resource:dynamodb.Table``, ``name:app.s3``."""

_ROUNDS: Final = 4  # a session, its client, what is made of that, and what stands for it
_MAKERS: Final = {"client": CLIENT, "create_client": CLIENT, "resource": RESOURCE}
_MODULES: Final = frozenset({"boto3", "aioboto3"})
_SESSIONS: Final = re.compile(r"(?:aio)?boto(?:3|core)\.(?:session\.)?(?:Aio)?(?:Session|get_session)")
_TYPES: Final = re.compile(
    r"(?:types_(?:aio)?boto(?:3|core)\.|(?:mypy_boto3|types_boto3)_)(\w+?)\.(?:client\.)?\w+Client"
)
# Methods that are an operation of a service whatever they are called on, by their verb; and those that one names.
_OPERATION: Final = re.compile(
    r"(?:add|admin|assume|batch|cancel|change|complete|copy|create|delete|deregister|describe|disable|download|enable"
    r"|generate|get|head|invoke|list|post|put|receive|register|remove|restore|run|send|set|start|stop|tag|transact"
    r"|untag|update|upload)_\w+|converse|decrypt|encrypt|invoke|publish|query|scan"
)
_BY_NAME: Final = frozenset({"get_paginator", "generate_presigned_url"})
_TRIGGER: Final = re.compile(rb"\bboto|\.(?:%b)\(" % _OPERATION.pattern.encode())

_Key: TypeAlias = "tuple[Home, str]"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation.

    Attributes:
        of: What it is called on; empty where the module does not tell.
        operation: The method, or for paginators and presigned URLs the operation that they are made for.
        line: Where it stands.
    """

    of: str
    operation: str
    line: int


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of a module.

    Attributes:
        names: What the module-level names, functions and attributes of its classes stand for, where it is a client.
        made: Each service that it makes a client of, and the lines.
        calls: In the order of the lines.
    """

    names: tuple[tuple[str, str], ...] = ()
    made: tuple[tuple[str, int], ...] = ()
    calls: tuple[Call, ...] = ()


def may_call(source: bytes) -> bool:
    """Whether a source can make a client or call one, without parsing it."""
    return bool(_TRIGGER.search(source))


def clients(code: Code) -> Clients:
    """The clients of a module, and the calls."""
    reader = _Reader(code)
    calls = [node for node in ast.walk(code.tree) if isinstance(node, ast.Call)]
    for node in calls:
        reader.kind(node)  # what is made and handed on has no name here
    found = [call for node in calls if (call := reader.call(node))]
    return Clients(
        tuple(sorted((name, text) for (home, name), text in reader.known.items() if isinstance(home, ast.Module))),
        tuple(sorted(reader.made)),
        tuple(sorted(found, key=lambda one: one.line)),
    )


def service_of(of: str) -> str:
    """The service that a client or a resource is of: ``dynamodb`` of ``resource:dynamodb.Table``."""
    return of.partition(":")[2].partition(".")[0]


def _is_like_an_operation(node: ast.Call) -> bool:
    """Whether a call has the arguments of an operation: keywords alone, without underscores."""
    return bool(node.keywords) and not node.args and not any("_" in (one.arg or "") for one in node.keywords)


class _Reader:
    """What the expressions of one module stand for."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.known: dict[_Key, str] = {}
        self.made: set[tuple[str, int]] = set()
        shared = (node.names for node in ast.walk(code.tree) if isinstance(node, ast.Global))
        self._global = {name for names in shared for name in names}
        bindings = [one for node in ast.walk(code.tree) for one in self._bindings(node)]
        for _ in range(_ROUNDS):
            found = {key: text for key, value in bindings if (text := self.kind(value))}
            if found == self.known:
                break
            self.known = found

    def call(self, node: ast.Call) -> Call | None:
        """The operation that a call is of."""
        if not isinstance(node.func, ast.Attribute):
            return None
        of, method = self.kind(node.func.value), node.func.attr
        match node.args:
            case [ast.Constant(value=str() as operation), *_] if method in _BY_NAME:
                return Call(of if of.startswith(CLIENT) else "", operation, node.lineno)
            case _:
                pass
        if of.startswith((CLIENT, RESOURCE)):
            return Call(of, method, node.lineno)
        if of or not _OPERATION.fullmatch(method):
            return None
        on = node.func.value
        on = on.func if isinstance(on, ast.Call) else on  # get_s3().put_object(…)
        if self._is_imported(on):
            return Call(f"{NAMED}{self.code.evaluator.dotted(on)}", method, node.lineno)
        return Call("", method, node.lineno) if _is_like_an_operation(node) else None

    def _is_imported(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.code.evaluator.names

    def kind(self, node: ast.expr | None) -> str:  # noqa: PLR0911 - a table of expressions
        """What an expression stands for; empty where it is no client."""
        match node:
            case ast.Name() | ast.Constant(value=str()) if typed := _TYPES.fullmatch(self._type(node)):
                return f"{CLIENT}{typed[1].rstrip('_').replace('_', '-')}"
            case ast.Name():
                return self._named(self.code.function(node), node.id)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                return self._attribute(node, name)
            case ast.Attribute(value=value, attr=name):
                of = self.kind(value)
                if of.startswith(RESOURCE) and of.endswith(".meta") and name == "client":
                    return f"{CLIENT}{service_of(of)}"
                return f"{of}.{name}" if of.startswith(RESOURCE) and name.islower() else ""
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.kind(value)
            case ast.BoolOp(values=values):
                return next(filter(None, map(self.kind, values)), "")
            case ast.IfExp(body=body, orelse=other):
                return self.kind(body) or self.kind(other)
            case ast.Call(func=func):
                return self._called(node, func)
            case _:
                return ""

    def _called(self, node: ast.Call, func: ast.expr) -> str:
        dotted = self.code.evaluator.dotted(func)
        if _SESSIONS.fullmatch(dotted):
            return SESSION
        module, _, maker = dotted.rpartition(".")
        if module in _MODULES and maker in _MAKERS:
            return self._made(node, _MAKERS[maker])
        if isinstance(func, ast.Attribute):
            of = self.kind(func.value)
            if func.attr in _MAKERS and of in {"", SESSION}:  # a parameter that makes clients may be a session
                return self._made(node, _MAKERS[func.attr]) or self.kind(func)
            if of == SESSION:
                return ""
            if of.startswith(RESOURCE):
                return f"{of}.{func.attr}" if func.attr[:1].isupper() else ""
        return self.kind(func)  # a function that returns one

    def _made(self, node: ast.Call, kind: str) -> str:
        named = next((one.value for one in node.keywords if one.arg in {"service_name", None}), None)
        service = self.code.evaluator.value(node.args[0] if node.args else named, self.code.scope(node).names)
        if not isinstance(service, str) or not service:
            return ""
        self.made.add((service, node.lineno))
        return f"{kind}{service}"

    def _named(self, home: Home, name: str) -> str:
        while True:
            if (text := self.known.get((home, name))) is not None or isinstance(home, ast.Module):
                return text or ""
            home = self.code.function(home)

    def _attribute(self, node: ast.AST, name: str) -> str:
        return self.known.get((self._class(node), f".{name}"), "")

    def _class(self, node: ast.AST) -> Home:
        home = self.code.home(node)
        return home if isinstance(home, ast.ClassDef | ast.Module) else self._class(home)

    def _type(self, node: ast.Name | ast.Constant) -> str:
        name = node.id if isinstance(node, ast.Name) else str(node.value)
        return self.code.evaluator.names.get(name, name)

    def _bindings(self, node: ast.AST) -> Iterator[tuple[_Key, ast.expr]]:
        """The names that a node binds, each with the expression."""
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from (pair for target in targets for pair in self._bound(target, value))
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                yield from self._bound(target, value or annotation)
            case ast.NamedExpr(target=target, value=value):
                yield from self._bound(target, value)
            case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
                every = (*args.posonlyargs, *args.args, *args.kwonlyargs)
                yield from (((node, one.arg), one.annotation) for one in every if one.annotation)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                yield from self._bound(target, value)
            case ast.Return(value=ast.expr() as value):
                function = self.code.function(node)
                if isinstance(function, Function):
                    yield self._key(function, function.name), value
            case _:
                pass

    def _bound(self, target: ast.expr, value: ast.expr) -> Iterator[tuple[_Key, ast.expr]]:
        match target:
            case ast.Name(id=name):
                yield self._key(target, name), value
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                yield (self._class(target), f".{name}"), value
            case _:
                pass

    def _key(self, node: ast.AST, name: str) -> _Key:
        home = self.code.tree if name in self._global else self.code.home(node)
        return (home, f".{name}" if isinstance(home, ast.ClassDef) else name)
