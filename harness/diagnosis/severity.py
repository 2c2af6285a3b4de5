"""The one rule of how bad a finding is.

An *error* is what a declared function certainly hits: when it starts, with every event, or because AWS refuses it. A
*warning* is what some path may hit. Everything else is a *note*. What the runtime has just disproved, since the
function started, is no error about the start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import Finding, Note, Severity, When

if TYPE_CHECKING:
    from collections.abc import Collection

UNAFFECTED = "not affected: "
PERHAPS = "perhaps affected: "
"""Before the names of functions that something leaves alone, or may stop, in the text of a cause."""


def severity(when: When) -> Severity | None:
    """The severity of a failure that a function gets to then; None where it is only worth knowing."""
    if when in {When.AT_START, When.AT_EVENT}:
        return Severity.ERROR
    return None if when is When.NEVER else Severity.WARNING


def rated(finding: Finding, when: When, *, at_most: Severity | None = None) -> Finding | Note:
    """A finding with the severity that it deserves, or a note where it is none.

    Args:
        finding: What fails; its severity is replaced.
        when: When a function gets there.
        at_most: What it is at most, where it is not certain that it fails.
    """
    found = severity(when)
    if found is None:
        return Note(f"{finding.message} ({finding.where}): nothing is known to lead there from a handler")
    return replace(finding, severity=at_most if at_most is Severity.WARNING else found, when=when)


def disproved(finding: Finding, started: Collection[str]) -> Finding:
    """A finding about the start of functions, after some have started.

    Args:
        finding: The finding.
        started: The names of the functions that the runtime has started.
    """
    proved = tuple(name for name in finding.functions if name in started)
    if not proved or finding.when is not When.AT_START:
        return finding
    if left := tuple(name for name in finding.functions if name not in started):
        return replace(finding, functions=left)
    said = f"the runtime started {', '.join(proved)} all the same"
    return replace(
        finding,
        severity=Severity.WARNING,
        when=When.PERHAPS_AT_START,
        cause=f"{finding.cause}\n{said}" if finding.cause else said,
    )


def settled(finding: Finding, started: Collection[str]) -> bool:
    """Whether a finding only suspects what every function's start has shown not to be so."""
    suspects = finding.severity is Severity.WARNING and finding.when is When.AT_START
    return suspects and bool(finding.functions) and set(finding.functions) <= set(started)


def less_spared(finding: Finding, failed: Collection[str]) -> Finding:
    """A finding that calls no function unaffected, or perhaps affected, which the runtime has seen fail.

    Args:
        finding: The finding.
        failed: The names of the functions that did not start.
    """
    if not failed:
        return finding
    lines = (_without(failed, line) for line in (finding.cause or "").splitlines())
    spared = tuple(name for name in finding.spared if name not in failed)
    return replace(finding, spared=spared, cause="\n".join(filter(None, lines)) or None)


def _without(names: Collection[str], line: str) -> str:
    """A line of a cause without these functions among those that are unaffected, or perhaps affected."""
    for start, between in ((UNAFFECTED, ", "), (PERHAPS, "; ")):
        if line.startswith(start):
            listed = line.removeprefix(start).split(between)
            left = between.join(one for one in listed if one.partition(" (")[0] not in names)
            return start + left if left else ""
    return line
