"""Environment variables behind an error that names none: they are read, and not declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.diagnosis.frames import frames_of
from harness.diagnosis.values import Advice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.engines.protocol import Frame, LambdaError, Trace
    from harness.facts.python.program import Program
    from harness.facts.python.variables import Variable
    from harness.manifest import Function

MOST = 3
SHOUTED = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
ASKS = re.compile(
    r"(?i)environ|env ?var|variable|setting|config|not set|must be set|required|missing|undefined|not found"
)
FIELD = re.compile(r"(?m)^(\w+)\n +Field required \[type=missing")  # pydantic, of a model of settings
NONE = re.compile(r"\bNone(?:Type)?\b")


def advice(error: LambdaError, trace: Trace, function: Function, program: Program) -> Advice | None:
    """The variables to declare; None where none of them has to do with the error."""
    known = {*dict(function.environment), *dict(program.policy.image_environment)}
    known |= {name for name, _ in program.policy.service_variables}
    said = f"{error.message}\n" + "\n".join(trace.causes)
    frames = trace.frames or frames_of(error.stack)
    read = [one for one in _read(frames, function, program, said) if one[1].name not in known]
    if fields := FIELD.findall(said):
        return _declare([name.upper() for name in fields], None)
    named = [name for name in SHOUTED.findall(said) if name not in known]
    if named := [name for name in named if ASKS.search(said) or name in {one.name for _, one in read}]:
        return _declare(named, _where(read, named))
    if not read:
        return None
    sure = NONE.search(said)
    # Raised by the user's own code, which may have looked at a variable first.
    if not sure and not (frames and frames[-1].file == read[0][0]):
        return None
    return _declare([one.name for _, one in read], _where(read, None), sure=bool(sure))


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


def _declare(names: list[str], cause: str | None, *, sure: bool = True) -> Advice:
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - MOST} more" if distinct[MOST:] else ""
    listed = f"{', '.join(distinct[:MOST])}{more}"
    if sure:
        return Advice(f"declare {listed} under `environment` in the manifest, as Lambda has it", cause)
    return Advice(
        f"correct the module at that line, or declare {listed} under `environment` in the manifest, where that is what "
        "it lacks",
        cause,
    )
