"""Distributions of what Python has brought itself for years: asyncio, dataclasses, enum34, typing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnosis.values import Advice

if TYPE_CHECKING:
    from harness.engines.protocol import Trace
    from harness.facts.program import Program


def backport(path: str, program: Program) -> Advice | None:
    """What to do about a file by which a distribution replaces a part of the standard library; None for any other."""
    owner = program.facts.owners.get(path)
    top = (program.search.module_name(path) or "").partition(".")[0]
    if owner is None or top not in program.policy.stdlib:
        return None
    one = owner.distribution
    return Advice(
        f"take {one.name} out of the requirements: Python has its own",
        f"{one.name} {one.version} is an obsolete backport: it shadows the standard library's {top!r}",
    )


def raised_in(trace: Trace, program: Program) -> Advice | None:
    """The same about an error that began in such a file, or passed through one."""
    found = (backport(frame.file, program) for frame in reversed(trace.frames))
    return next((one for one in found if one), None)
