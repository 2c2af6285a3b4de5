"""One cause, one problem: the findings that the same edits mend, gathered, and the worst of them first."""

# More than 300 lines: the one rule of what is the same problem.

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from harness.artifact.bundle import CODE_ROOT
from harness.diagnosis.fingerprints import plain
from harness.model import (
    Completed,
    Crashed,
    Defect,
    Edit,
    Fault,
    NotApplicable,
    Problem,
    Severity,
    Skipped,
    Stage,
    When,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from harness.model import Finding, Report, Result

STARTS: Final = "handler-imports"
"""The check that starts each handler."""
RESPONDS: Final = "handler-responds"
OBSERVED: Final = (STARTS, RESPONDS)
"""The checks that say what the runtime did."""

# What AWS does not take, by the check that sees it and by the words that it has for it.
_REFUSED: Final = frozenset({"archive-integrity", "unzipped-size", "upload-size", "layer-count"})
_REFUSAL: Final = "InvalidParameterValueException: Lambda was unable to configure your environment variables"

_SEVERITIES: Final = list(Severity)
_STAGES: Final = list(Stage)
_IMPORT: Final = re.compile(r"Runtime\.ImportModuleError: Unable to import module '[^']*': ")
_OF: Final = re.compile(r" \((?:needed by|required by) .*\)$")

# The words of Python, of the loader, and of what is opened by a path.
_MODULE: Final = re.compile(r"No module named '([\w.]+)'")
_LIBRARY: Final = re.compile(r"([\w.+-]+\.so[\w.]*): cannot open shared object file")
_NATIVE: Final = re.compile(r"(/[^\s:]+\.so[\w.]*): (?:file too short|invalid ELF header|wrong ELF class)")
_FILE: Final = re.compile(r"(?:No such file or directory: |No config file |there is no folder )['\"]?([^'\"\s]+)")
_DENIED: Final = re.compile(r"PermissionError: \[Errno 13\] Permission denied: '([^']+)'")
_BINARY: Final = re.compile(r".*\.(?:so(?:\.\d+)*|pyd|dylib)")
# One handler's name, from any check that looks for it.
_NAMES: Final = re.compile(r"Runtime\.(?:HandlerNotFound|MalformedHandlerName|BuiltInModuleConflict): .*", re.DOTALL)
_SYNTAX: Final = re.compile(r"Runtime\.UserCodeSyntaxError: Syntax error in module '([^']+)'")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A finding, and where it is in the report."""

    at: tuple[int, int]
    result: Result
    finding: Finding

    @property
    def stage(self) -> Stage:
        """When it is noticed."""
        return stage(self.result.check, self.finding)

    @property
    def rank(self) -> tuple[int, int]:
        """The rank: the smaller, the worse."""
        return _SEVERITIES.index(self.finding.severity), _STAGES.index(self.stage)

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that it stops."""
        own = (self.result.function,) if self.result.function else ()
        return tuple(dict.fromkeys((*own, *self.finding.functions)))


def stage(check: str, finding: Finding) -> Stage:
    """When a finding of a check is noticed."""
    if finding.stage:
        return finding.stage
    if finding.when is not None:
        return Stage.START if finding.when.starting else Stage.NEVER if finding.when is When.NEVER else Stage.EVENT
    if finding.severity is not Severity.ERROR:
        return Stage.NEVER
    if check in _REFUSED or finding.message.startswith(_REFUSAL):
        return Stage.DEPLOY
    return Stage.START if finding.message.startswith("Runtime.") else Stage.NEVER


_Group: TypeAlias = "list[_Seen]"


def problems(report: Report) -> tuple[Problem, ...]:
    """The problems of a report, the worst first: what keeps handlers from starting, what fails at an event, what AWS
    refuses, the rest. Every finding that counts is in exactly one of them.
    """  # noqa: D205 - one sentence
    seen = [
        _Seen((number, place), result, finding)
        for number, result in enumerate(report.results)
        for place, finding in enumerate(result.findings)
    ]
    groups = sorted((sorted(group, key=_telling) for group in _explained(_joined(seen))), key=_order)
    failing = frozenset(
        name
        for one in seen
        if one.finding.severity is Severity.ERROR and one.stage in {Stage.START, Stage.EVENT}
        for name in one.functions
    )
    return tuple(_problem(group, report, failing) for group in _absorbed(groups))


def _keys(one: _Seen) -> Iterator[Hashable]:
    """The keys of a finding; those of one problem share at least one."""
    yield one.result.check, one.finding.message, one.finding.where
    yield from faults(one.finding)
    if one.finding.edits:
        yield one.finding.edits


def _joined(seen: Iterable[_Seen]) -> list[_Group]:
    """The findings, in groups of those that have a key in common, directly or through others."""
    group_of: dict[Hashable, _Group] = {}
    groups: list[_Group] = []
    for one in seen:
        joined: _Group = [one]
        for key in _keys(one):
            if (other := group_of.get(key)) is not None and other is not joined:
                groups = [group for group in groups if group is not other]
                joined = [*other, *joined]
                for member in joined:
                    group_of.update(dict.fromkeys(_keys(member), joined))
        group_of.update(dict.fromkeys(_keys(one), joined))
        groups.append(joined)
    return groups


def _explained(groups: Sequence[_Group]) -> list[_Group]:
    """The groups, those of the same line as one: what the runtime saw fail there, and the error that foresaw it."""
    foreseen: dict[tuple[str, str], _Group] = {}
    for group in groups:
        for one in group:
            if not _is_observed(one) and one.finding.severity is Severity.ERROR:
                foreseen.update(((name, one.finding.where), group) for name in one.functions)
    left = []
    for group in groups:
        lead = group[0]
        seen_only = all(_is_observed(one) and not [*faults(one.finding)] for one in group)
        home = foreseen.get((lead.result.function or "", lead.finding.where)) if seen_only else None
        if home is None or ":" not in lead.finding.where:
            left.append(group)
        else:
            home += group
    return left


def _is_observed(one: _Seen) -> bool:
    return one.result.check in OBSERVED


def _absorbed(groups: Sequence[_Group]) -> list[_Group]:
    """The groups, without those that a worse one's edits mend too: they are in that one."""
    homes: list[_Group] = []
    for group in groups:
        needed = {edit for one in group for edit in one.finding.edits}
        whole = all(one.finding.edits for one in group)
        home = next((other for other in homes if whole and needed <= set(_edits(other))), None)
        if home is None:
            homes.append(list(group))
        else:
            home += group
    return homes


def _telling(one: _Seen) -> tuple[tuple[int, int], bool, bool, tuple[int, int]]:
    """The order in a problem: the worst, what has edits, what was observed."""
    return one.rank, not one.finding.edits, one.result.function is None, one.at


def _order(group: _Group) -> tuple[tuple[int, int], int, tuple[int, int]]:
    """The worst first; of equals, what stops most functions."""
    worst = min(one.rank for one in group)
    return worst, -len({name for one in group for name in one.functions}), min(one.at for one in group)


def _edits(group: _Group) -> tuple[Edit, ...]:
    """The edits of the check whose finding says most, of those with edits step by step.

    What foresaw a failure knows more of it than what saw it.
    """
    lead = next((one for one in group if not _is_observed(one)), group[0])
    check = (group[0] if group[0].finding.faults else lead).result.check
    check = next((one.result.check for one in group if one.finding.edits), check)
    several = [one.finding for one in group if one.result.check == check]
    if stepwise := dict.fromkeys(edit for finding in several for edit in finding.edits):
        return tuple(stepwise)
    said = [finding.remedy for finding in several if finding.remedy]
    said = said or [one.finding.remedy for one in group if one.finding.remedy][:1]
    return tuple(map(Edit, dict.fromkeys(said)))


def _problem(group: _Group, report: Report, failing: frozenset[str]) -> Problem:
    lead = group[0]
    functions = tuple(dict.fromkeys(name for one in group if one.rank == lead.rank for name in one.functions))
    return Problem(
        id=_id(group, report),
        severity=lead.finding.severity,
        stage=lead.stage,
        title=next((one.finding.title for one in group if one.finding.title), title(lead.finding)),
        functions=functions or _everybody(lead, report),
        not_affected=_spared(group, report, failing.union(functions)),
        cause=next((one.finding.cause for one in group if one.finding.cause), None),
        edits=_edits(group),
        findings=tuple(one.at for one in group),
    )


def _id(group: _Group, report: Report) -> str:
    """Made of what is at the bottom of it, else of the finding that tells most."""
    known = sorted({f"{fault.defect} {fault.name}" for one in group for fault in faults(one.finding)})
    lead = group[0]
    parts = known[:1] or [lead.result.check, lead.result.function or "", lead.finding.where, lead.finding.message]
    text = "\0".join(plain(part, report.artifacts) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def undone(report: Report) -> list[Result]:
    """What crashed or was skipped, without what only follows from a handler that does not start."""
    silent = {
        result.function
        for result in report.results
        if result.check == STARTS and result.function and not _quiet(result)
    }
    return [
        result
        for result in report.results
        if isinstance(result.outcome, Crashed)
        or (isinstance(result.outcome, Skipped) and not (result.check == RESPONDS and result.function in silent))
    ]


def _quiet(result: Result) -> bool:
    """Whether the start of a handler says nothing."""
    return isinstance(result.outcome, Completed | NotApplicable) and not result.findings


def title(finding: Finding) -> str:
    """The title: what is wrong, without what Lambda says around it, and without the chain."""
    if finding.title:
        return finding.title
    return _OF.sub("", _IMPORT.sub("", finding.message.partition("\n")[0]))


def _everybody(lead: _Seen, report: Report) -> tuple[str, ...]:
    """All functions, of what AWS refuses."""
    return tuple(info.name for info in report.functions) if lead.stage is Stage.DEPLOY else ()


def _spared(group: _Group, report: Report, failing: frozenset[str]) -> tuple[str, ...]:
    """The functions that are certainly left alone: no import leads there, or they have started all the same."""
    said = [one.finding.spared for one in group if one.finding.spared]
    if said:
        spared = set(said[0]).intersection(*said)
    elif group[0].stage is Stage.START:
        spared = {result.function for result in report.results if result.function and _started(result)}
    else:
        return ()
    return tuple(info.name for info in report.functions if info.name in spared and info.name not in failing)


def _started(result: Result) -> bool:
    severities = {finding.severity for finding in result.findings}
    return result.check == STARTS and isinstance(result.outcome, Completed) and Severity.ERROR not in severities


def faults(finding: Finding) -> Iterator[Fault]:
    """The faults at the bottom of a finding."""
    yield from finding.faults
    said = finding.message
    yield from (Fault(Defect.NO_MODULE, name) for name in _MODULE.findall(said))
    yield from (Fault(Defect.NO_LIBRARY, name) for name in _LIBRARY.findall(said))
    yield from (Fault(Defect.BAD_FILE, posixpath.basename(path)) for path in _NATIVE.findall(said))
    yield from (Fault(Defect.BAD_FILE, name) for name in _SYNTAX.findall(said))
    yield from (Fault(Defect.UNREADABLE, path) for path in _DENIED.findall(said))
    for path in _FILE.findall(said):
        yield Fault(Defect.NO_FILE, posixpath.normpath(posixpath.join(CODE_ROOT, path)))
    if _NAMES.fullmatch(said):
        yield Fault(Defect.NO_HANDLER, said)
    if finding.severity is Severity.ERROR and _BINARY.fullmatch(finding.where):
        yield Fault(Defect.BAD_FILE, posixpath.basename(finding.where))


def bad_files(paths: Iterable[str]) -> tuple[Fault, ...]:
    """Native files that do not load, as what is at the bottom of a finding, whichever check notices them."""
    return tuple(Fault(Defect.BAD_FILE, posixpath.basename(path)) for path in paths)
