"""What reports for people say, and in which order: the verdict, the problems, and what the verdict rests on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness.diagnosis.problems import STARTS, faults, problems, title
from harness.model import Completed, Crashed, NotApplicable, Severity, Skipped, Stage, Verdict
from harness.reporters import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import Finding, Problem, Report, Result

_MOST_NAMES: Final = 6
_MOST_ALSO: Final = 3
_RESPONDS: Final = "handler-responds"
# Of a cause, what the title, the functions and the chain say already.
_SAID: Final = re.compile(
    r"affected, when they start: .*|not affected: .*|provided by: \S+ \(a distribution of that name\)"
)
_LATER: Final = "affected, when the import is reached: "
_NAME: Final = re.compile(r"(?:^|; )([\w.-]+) \(")


@dataclass(frozen=True, slots=True)
class Shown:
    """A problem, as reports for people show it.

    Attributes:
        lead: The finding that tells most.
        members: All its findings, each with the result that it is from.
        whole: Whether it stops every function of the report.
        certain: Whether handlers were started, so that it is known whom it stops.
    """

    problem: Problem
    lead: Finding
    members: tuple[tuple[Result, Finding], ...]
    whole: bool
    certain: bool

    @property
    def consequence(self) -> str:
        """Whom it stops, in a few words that follow the title; empty where that is not known."""
        one = self.problem
        if one.stage is Stage.DEPLOY:
            return "AWS refuses it" if one.severity is Severity.ERROR else ""
        if not one.functions or one.stage is Stage.NEVER:
            return ""
        verb, when = ("stop", "") if one.stage is Stage.START else ("break", " at an event")
        does = f"{verb}s" if one.severity is Severity.ERROR else f"may {verb}"
        whom = _all(len(one.functions)) if self.whole and one.functions[1:] else few(one.functions)
        spared = f", not {few(one.not_affected, 'or')}" if one.not_affected else ""
        return f"{does} {whom}{when}{spared}"

    @property
    def words(self) -> str:
        """What is wrong, in full, where the title is not all of it."""
        return "" if self.lead.message == self.problem.title else self.lead.message

    @property
    def place(self) -> str:
        """Where it is: in the repository, else in the archive or the function."""
        where, source = self.lead.where, self.lead.source
        if source is None or str(source) == where:
            return where
        return f"{source} ({where})" if where.startswith("handler ") else str(source)

    @property
    def cause(self) -> str:
        """Why it is so, without what the functions and the chain say."""
        lines = (self.problem.cause or "").split("\n")
        return "\n".join(line for line in lines if not (_SAID.fullmatch(line) or self._knows(line)))

    def _knows(self, line: str) -> bool:
        """Whether a line tells of no other functions than those that are named."""
        names = _NAME.findall(line.removeprefix(_LATER))
        return line.startswith(_LATER) and set(names) <= set(self.problem.functions)

    @property
    def steps(self) -> str:
        """What to do; several steps are numbered."""
        edits = self.problem.edits
        if len(edits) == 1:
            return str(edits[0])
        return "\n".join(f"{number}. {edit}" for number, edit in enumerate(edits, 1))

    @property
    def also(self) -> str:
        """What else the same steps mend, beyond what the other checks say of the same thing."""
        same = set(faults(self.lead))
        known = {self.problem.title, *(edit.do for edit in self.problem.edits)}
        titles = {title(one): None for _, one in self.members if not same.intersection(faults(one))}
        places = {str(edit.at) for edit in self.problem.edits if edit.at}
        named = {title(one) for _, one in self.members if one.where in places}
        others = [one for one in titles if one not in known and one not in named]
        more = f"; and {len(others) - _MOST_ALSO} more" if others[_MOST_ALSO:] else ""
        return "; ".join(others[:_MOST_ALSO]) + more


def _all(count: int) -> str:
    return "both functions" if count == 2 else f"all {count} functions"  # noqa: PLR2004 - both are two


def arranged(report: Report) -> tuple[tuple[Shown, ...], tuple[Shown, ...]]:
    """The problems that fail the verification, and the others."""
    found = [_shown(one, report) for one in problems(report)]
    failing = [one for one in found if one.problem.severity is Severity.ERROR or report.strict]
    return tuple(failing), tuple(one for one in found if one not in failing)


def _shown(problem: Problem, report: Report) -> Shown:
    members = tuple((report.results[number], report.results[number].findings[at]) for number, at in problem.findings)
    whole = len(problem.functions) == len(report.functions)
    return Shown(problem, members[0][1], members, whole, not report.static)


def verdict(report: Report, failing: Sequence[Shown]) -> str:
    """The verdict in the reader's words: what it means for the functions."""
    if report.verdict is Verdict.FAIL:
        said = [*_stopped(report, failing)]
        if report.incomplete and (undone := sum(1 for _ in undone_of(report))):
            said.append(f"{text.count(undone, 'check', 'checks')} could not be done")
        return "; ".join(said)
    if report.verdict is Verdict.INCOMPLETE:
        return _incomplete(report)
    started = [info for info in report.functions if info.init_seconds is not None]
    if not started:
        return "no error found" + ("; no handler was started" if report.static else "")
    slowest = max(started, key=lambda info: info.init_seconds or 0.0)
    how = "in" if len(started) == 1 else f"the slowest, {slowest.name}, in"
    return f"{_functions(report, len(started))}, {how} {slowest.init_seconds:.1f} s"


def _functions(report: Report, count: int) -> str:
    if len(report.functions) == 1:
        return "the function starts"
    return f"{_all(count)} start" if count == len(report.functions) else f"{count} functions start"


def _stopped(report: Report, failing: Sequence[Shown]) -> Iterator[str]:
    """What the errors mean, the worst first."""
    by_stage: dict[Stage, set[str]] = {stage: set() for stage in Stage}
    errors = [one.problem for one in failing if one.problem.severity is Severity.ERROR]
    rest, warnings = 0, len(failing) - len(errors)
    for problem in errors:
        by_stage[problem.stage].update(problem.functions)
        rest += not problem.functions or problem.stage is Stage.NEVER
    stopped, at_event = by_stage[Stage.START], by_stage[Stage.EVENT] - by_stage[Stage.START]
    total = len(report.functions)
    if len(stopped) == total > 1:
        yield f"none of {total} functions {'would start' if report.static else 'starts'}"
    elif stopped:
        does = "would not" if report.static else "does not" if len(stopped) == 1 else "do not"
        yield f"{_of(stopped, total)} {does} start"
    if at_event:
        fails = "would fail" if report.static else "fails" if len(at_event) == 1 else "fail"
        yield f"{_of(at_event, total)} {fails} at an event"
    if by_stage[Stage.DEPLOY]:
        yield "AWS would refuse it"
    if rest:
        other = "other " if stopped or at_event or by_stage[Stage.DEPLOY] else ""
        started = not other and {info.init_seconds is not None for info in report.functions} == {True}
        yield text.count(rest, f"{other}problem", f"{other}problems") + (", although every function starts" * started)
    if warnings:
        yield f"{text.count(warnings, 'warning', 'warnings')} (--strict)"


def _of(names: set[str], total: int) -> str:
    if total <= 1:
        return "the function"
    return f"{len(names)} of {total} functions"


def _incomplete(report: Report) -> str:
    if not any(isinstance(result.outcome, Completed | Skipped | Crashed) for result in report.results):
        return "nothing was checked"
    starts = [one for one in report.results if one.check == STARTS and isinstance(one.outcome, Skipped)]
    left = sum(1 for _ in undone_of(report)) - len(starts)
    said = []
    if starts:
        said.append(f"{_of({str(one.function) for one in starts}, len(report.functions))} could not be judged")
    if left:
        said.append(f"{text.count(left, 'check', 'checks')} could not be done")
    return "; ".join(said) or "the handlers had no sandbox around them"


def undone_of(report: Report) -> Iterator[Result]:
    """What crashed or was skipped, without what only follows from a handler that does not start."""
    silent = {
        result.function
        for result in report.results
        if result.check == STARTS and result.function and not _quiet(result)
    }
    for result in report.results:
        follows = result.check == _RESPONDS and result.function in silent
        if isinstance(result.outcome, Crashed) or (isinstance(result.outcome, Skipped) and not follows):
            yield result


def _quiet(result: Result) -> bool:
    """Whether the start of a handler says nothing."""
    return isinstance(result.outcome, Completed | NotApplicable) and not result.findings


def counted(report: Report) -> str:
    """How many checks passed, and how many had nothing to judge."""
    passed = sum(text.is_passed(result) for result in report.results)
    idle = sum(isinstance(result.outcome, NotApplicable) for result in report.results)
    said = (text.count(passed, "check passed", "checks passed"), text.count(idle, "not applicable"))
    return ", ".join(filter(None, said))


def verified(report: Report) -> str:
    """What was verified, and on what: for a ticket."""
    archives = ", ".join(f"{one.source} {one.sha256[:12]}" for one in report.artifacts)
    return f"{archives} on {text.platform(report)}" if archives else text.platform(report)


def few(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence; of many, the first and how many more there are."""
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} {last} {len(names) - _MOST_NAMES + 1} more"
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))
