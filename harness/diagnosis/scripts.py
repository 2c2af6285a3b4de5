"""Handlers that are scripts: a wrapper starts them in the place of Python, mostly a web server behind an adapter."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from harness.artifact.bundle import CODE_ROOT, where
from harness.facts.files.executables import DENIED, EXEC_FORMAT, obstacle
from harness.model import Finding, Severity, When

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from harness.facts.python.program import Program
    from harness.manifest import Function

WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"


def script(function: Function, items: Container[str]) -> str | None:
    """The path of the script that a function's handler names; None where it names a function of a module.

    Args:
        function: The function.
        items: The paths that it sees.
    """
    if not dict(function.environment).get(WRAPPER):
        return None
    path = posixpath.normpath(posixpath.join(CODE_ROOT, function.handler))
    return path if path in items or path.endswith(".sh") else None


def unjudged(function: Function) -> str:
    """The sentence about a function whose script is not started here."""
    wrapper = dict(function.environment)[WRAPPER]
    return (
        f"{function.name} is not vouched for: its handler {function.handler} is a script that {wrapper} starts, as the "
        "Lambda Web Adapter does, and not Python's runtime client; it is not started here"
    )


def fault(function: Function, program: Program) -> Finding | None:
    """The finding for a script that cannot be started; None where it can, or where the handler is no script."""
    path = script(function, program.facts.bundle.items)
    if path is None:
        return None
    said = "Runtime.ExitError: Runtime exited with error: exit status {}: the handler {} is a script, {}"
    if path not in program.facts.bundle.items:
        return Finding(
            said.format(127, function.handler, f"and no archive has {path}"),
            f"handler {function.handler}",
            remedy=f"add {function.handler} to the code archive, with mode 0755, or correct the handler's name",
            when=When.AT_START,
            functions=(function.name,),
        )
    found = obstacle(path, program, by_shell=True)
    if found is None:
        return None
    status = 126 if found.words in {DENIED, EXEC_FORMAT} else 127
    return Finding(
        said.format(status, function.handler, f"which cannot be started ({found.words}): {found.cause}"),
        where(program.facts.bundle.items[path]),
        Severity.ERROR if found.certain else Severity.WARNING,
        found.remedy,
        when=When.AT_START,
        functions=(function.name,),
    )


def for_python(functions: Iterable[Function], program: Program) -> tuple[tuple[str, str], ...]:
    """The variables that functions share, without a wrapper that would start a script in the place of Python."""
    items = program.facts.bundle.items
    scripted = any(one.name in program.names and script(one, items) for one in functions)
    return tuple((name, value) for name, value in program.environment if not (scripted and name == WRAPPER))
