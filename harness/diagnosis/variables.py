"""Environment variables that are read and not declared: behind an error that names none, and at a certain init."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.diagnosis.frames import frames_of
from harness.diagnosis.values import Advice
from harness.facts.python.search_path import WRAPPER
from harness.model import When

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.engines.protocol import Frame, LambdaError, Trace
    from harness.facts.python.program import Program
    from harness.facts.python.variables import Variable
    from harness.manifest import Function

MOST = 3
_LOADERS = frozenset({"dotenv", "dynaconf", "environ", "environs", "zappa"})  # import names of what sets variables
_LAMBDAS = ("AWS_", "LAMBDA_", "_")  # prefixes of what the service may set
SHOUTED = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
ASKS = re.compile(
    r"(?i)environ|env ?var|variable|setting|config|not set|must be set|required|missing|undefined|not found"
)
FIELD = re.compile(r"(?m)^(\w+)\n +Field required \[type=missing")  # pydantic, of a model of settings
NONE = re.compile(r"\bNone(?:Type)?\b")


def advice(error: LambdaError, trace: Trace, function: Function, program: Program) -> Advice | None:
    """The variables to declare; None where none of them has to do with the error."""
    known = _known(function, program)
    said = f"{error.message}\n" + "\n".join(trace.causes)
    frames = trace.frames or frames_of(error.stack)
    read = [one for one in _read(frames, function, program, said) if one[1].name not in known]
    if fields := FIELD.findall(said):
        return _declared([name.upper() for name in fields], function, None)
    named = [name for name in SHOUTED.findall(said) if name not in known]
    if named := [name for name in named if ASKS.search(said) or name in {one.name for _, one in read}]:
        return _declared(named, function, _where(read, named))
    sure = NONE.search(said)
    if not sure:
        read = _nearby(read, frames)
    return _declared([one.name for _, one in read], function, _where(read, None), sure=bool(sure)) if read else None


def _nearby(read: Sequence[tuple[str, Variable]], frames: Sequence[Frame]) -> list[tuple[str, Variable]]:
    """What the innermost of the user's own modules may have looked at before it raised, or handed to a library."""
    files = {path for path, _ in read}
    last = next((frame for frame in reversed(frames) if frame.file in files), None)
    if last is None:
        return []
    raised = last is frames[-1]
    return [(path, one) for path, one in read if path == last.file and (raised or one.line <= last.line)]


def undeclared(function: Function, program: Program) -> dict[str, tuple[str, Variable]]:
    """The variables without which a function certainly does not start, and that nothing sets: by name, the first read.

    A manifest that a person wrote may leave variables out that the function has; a template that Lambda gets may not.
    """
    walk = program.walks.get(function.name)
    if not function.whole_environment or walk is None or WRAPPER in dict(function.environment):
        return {}
    reached = [
        (path, program.facts.modules[path])
        for path, reach in walk.reached.items()
        if path in program.own and not reach.guarded
    ]
    known = _known(function, program).union(*(program.facts.modules[one].set_variables for one in program.serving))
    if "" in known or any(one.module.partition(".")[0] in _LOADERS for _, module in reached for one in module.imports):
        return {}
    found: dict[str, tuple[str, Variable]] = {}
    for path, module in reached:
        for one in module.variables:
            lacking = one.at_import and one.name not in known and not one.name.startswith(_LAMBDAS)
            if lacking and walk.when(path, one.line) is When.AT_START:
                found.setdefault(one.name, (path, one))
    return found


def _known(function: Function, program: Program) -> set[str]:
    policy = program.policy
    return {name for name, _ in (*function.environment, *policy.image_environment, *policy.service_variables)}


def _read(frames: Sequence[Frame], function: Function, program: Program, said: str) -> Iterator[tuple[str, Variable]]:
    """The variables that modules of the traceback read; of an error about None, those of all loaded modules."""
    paths = [frame.file for frame in reversed(frames) if frame.file in program.own]
    if NONE.search(said) and function.name in program.reached_by:
        paths += [path for path in program.reached_by[function.name] if path in program.own]
    for path in dict.fromkeys(paths):
        if path in program.facts.modules:
            yield from ((path, one) for one in program.facts.modules[path].variables if not one.defaulted)


def _where(read: Iterable[tuple[str, Variable]], names: list[str] | None) -> str | None:
    found = {one.name: f"{path}:{one.line} reads {one.name}" for path, one in read if not names or one.name in names}
    return f"{', '.join([*found.values()][:MOST])}, which is not set" if found else None


def declare(names: str, function: Function) -> str:
    """The remedy for variables that are not set."""
    if place := function.declared_at:
        return f"declare {names} in the environment of {function.name} (declared at {place})"
    return f"declare {names} under `environment` in the manifest"


def _declared(names: list[str], function: Function, cause: str | None, *, sure: bool = True) -> Advice:
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - MOST} more" if distinct[MOST:] else ""
    remedy = declare(f"{', '.join(distinct[:MOST])}{more}", function)
    if sure:
        return Advice(f"{remedy}, as Lambda has it", cause)
    return Advice(f"correct the module at that line, or {remedy}, where that is what it lacks", cause)
