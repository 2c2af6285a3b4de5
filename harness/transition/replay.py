"""Compare the operations of durable executions in old and new code: what is suspended resumes on the new code.

A resumed execution runs the handler from the top, and takes the results of its operations from its history by their
order, their type and their name. Source: aws-durable-execution-sdk-python 3.0.0, ``OperationIdentifier``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.manifest.deployed_names import alias_of
from harness.model import Finding, Severity
from harness.plain_text import few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.check import Subject
    from harness.facts.python.durable_operations import Operation

_SHOWN = 5
_REMEDY = (
    "keep the operations that are there, and put new ones behind them; or let callers use an alias (`deployed-as = "
    '"NAME:live"`): an execution keeps the version that it began with'
)


def unreplayable(old: Subject, new: Subject) -> Iterator[Finding]:
    """Why executions that are suspended during the deployment cannot resume; nothing where an alias pins them."""
    function = new.function
    if function is None or alias_of(function.deployed_as) is not None:
        return
    before, after = (tuple(_operations(subject)) for subject in (old, new))
    known = {_key(operation) for _, operation in before}
    left = {_key(operation) for _, operation in after}
    gone = [operation for _, operation in before if operation.name and _key(operation) not in left]
    if gone:
        yield _finding(
            f"the new code has no {few([_shown(one) for one in gone], _SHOWN)}", f"handler {function.handler}"
        )
        return
    for at, (where, operation) in enumerate(after):
        later = [one for _, one in after[at + 1 :] if one.always and _key(one) in known]
        if operation.always and operation.name and _key(operation) not in known and later:
            yield _finding(f"{_shown(operation)} is new and comes before {_shown(later[0])}", where)
            return


def _finding(message: str, where: str) -> Finding:
    return Finding(
        "NonDeterministicExecutionError: a durable execution that is suspended during the deployment resumes on the "
        f"new code, with the old history: {message}",
        where,
        Severity.WARNING,
        _REMEDY,
    )


def _operations(subject: Subject) -> Iterator[tuple[str, Operation]]:
    """The operations of a function's code, each with its place."""
    program = subject.program
    names = [subject.function.name] if subject.function else []
    reached = {path for name in names for path in program.reached_by.get(name, ())}
    for path in sorted(reached & program.own):
        yield from ((f"{path}:{one.line}", one) for one in subject.facts.modules[path].operations)


def _key(operation: Operation) -> tuple[str, str | None]:
    return operation.kind, operation.name


def _shown(operation: Operation) -> str:
    return f"{operation.kind} {operation.name!r}" if operation.name else operation.kind
