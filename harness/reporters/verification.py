"""The report of a verification as people read it: the verdict, the problems, and what the verdict rests on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.diagnosis.problems import STARTS, faults, problems, title, undone
from harness.model import Completed, Crashed, NotApplicable, Safety, Severity, Skipped, Stage, Verdict
from harness.reporters import init_costs, text, timings
from harness.reporters.document import Document, Fact, NotDone, ProblemText, skips

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import ArtifactInfo, Finding, Problem, Report

_MOST_NAMES: Final = 6
_MOST_ALSO: Final = 3
_MOST_INITS: Final = 3  # in a brief report
# Lines of a cause that the title, the functions and the chain repeat.
_REPEATED: Final = re.compile(
    r"affected, when they start: .*|not affected: .*|provided by: \S+ \(a distribution of that name\)"
)
_LATER: Final = "affected, when the import is reached: "
_NAME: Final = re.compile(r"(?:^|; )([\w.-]+) \(")


def document(report: Report) -> Document:
    """The whole report; what fails the verification is explained in any case."""
    failing: list[Problem] = []
    rest: list[Problem] = []
    every = problems(report)
    for one in every:
        (failing if one.severity is Severity.ERROR or report.strict else rest).append(one)
    counted = f"; {_counted(report)}" if report.verdict is Verdict.PASS else ""
    return Document(
        subject="artifact",
        verdict=report.verdict,
        summary=_summary(report, failing) + counted,
        problems=tuple(_problem(one, report) for one in failing),
        warnings=tuple(_problem(one, report) for one in rest),
        not_done=tuple(_not_done(report)),
        facts=tuple(_facts(report, every)),
        archives=tuple(("", one) for one in report.artifacts),
        timings=tuple(timings.rows(report)),
        seconds=report.seconds,
        functions=report.functions,
        stopped=tuple({name for one in failing if _stops(one) for name in one.functions}),
        unzipped_limit=report.unzipped_limit,
    )


def _stops(problem: Problem) -> bool:
    return problem.stage is Stage.START and problem.severity is Severity.ERROR


def _problem(problem: Problem, report: Report) -> ProblemText:
    members = tuple((report.results[number], report.results[number].findings[at]) for number, at in problem.findings)
    lead = members[0][1]
    edits = problem.edits
    return ProblemText(
        severity=problem.severity,
        title=problem.title,
        consequence=_consequence(problem, report),
        message="" if lead.message == problem.title else lead.message,
        place=_place(lead),
        steps=str(edits[0]) if len(edits) == 1 else "\n".join(f"{n}. {edit}" for n, edit in enumerate(edits, 1)),
        chain=text.chain(lead.chain) if lead.chain[1:] else "",
        cause=_cause(problem),
        also=_also(problem, lead, [finding for _, finding in members]),
        findings=text.grouped(members),
        pages=tuple(dict.fromkeys(text.page_of(result.check) for result, _ in members)),
    )


def _consequence(problem: Problem, report: Report) -> str:
    """What it does to whom; empty where that is not known."""
    if problem.stage is Stage.DEPLOY:
        return "AWS refuses it" if problem.severity is Severity.ERROR else ""
    if not problem.functions or problem.stage is Stage.NEVER:
        return ""
    verb, when = ("stop", "") if problem.stage is Stage.START else ("break", " at an event")
    does = f"{verb}s" if problem.severity is Severity.ERROR else f"may {verb}"
    whole = len(problem.functions) == len(report.functions) > 1
    whom = _all(len(problem.functions)) if whole else _few(problem.functions)
    spared = f", not {_few(problem.not_affected, 'or')}" if problem.not_affected else ""
    return f"{does} {whom}{when}{spared}"


def _place(finding: Finding) -> str:
    where, source = finding.where, finding.source
    if source is None or str(source) == where:
        return where
    return f"{source} ({where})" if where.startswith("handler ") or ": " in where else str(source)


def _cause(problem: Problem) -> str:
    """Why it is so, without the lines that the functions and the chain repeat."""

    def repeated(line: str) -> bool:
        later = line.startswith(_LATER) and set(_NAME.findall(line.removeprefix(_LATER))) <= set(problem.functions)
        return later or _REPEATED.fullmatch(line) is not None

    return "\n".join(line for line in (problem.cause or "").split("\n") if not repeated(line))


def _also(problem: Problem, lead: Finding, findings: Sequence[Finding]) -> str:
    """What else the same steps mend, beyond what the other checks find of the same thing."""
    same = set(faults(lead))
    places = {str(edit.at) for edit in problem.edits if edit.at}
    known = {
        problem.title,
        *(edit.do for edit in problem.edits),
        *(title(one) for one in findings if one.where in places),
    }
    titles = dict.fromkeys(title(one) for one in findings if same.isdisjoint(faults(one)))
    others = [one for one in titles if one not in known]
    more = f"; and {len(others) - _MOST_ALSO} more" if others[_MOST_ALSO:] else ""
    return "; ".join(others[:_MOST_ALSO]) + more


def _all(count: int) -> str:
    return "both functions" if count == 2 else f"all {count} functions"  # noqa: PLR2004 - both are two


def _summary(report: Report, failing: Sequence[Problem]) -> str:
    """The verdict in the reader's words: what it means for the functions."""
    if report.verdict is Verdict.FAIL:
        parts = [*_stopped(report, failing)]
        if report.incomplete and (left := len(undone(report))):
            parts.append(f"{text.count(left, 'check', 'checks')} could not be done")
        return "; ".join(parts)
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


def _stopped(report: Report, failing: Sequence[Problem]) -> Iterator[str]:
    """What the errors mean, the worst first."""
    by_stage: dict[Stage, set[str]] = {stage: set() for stage in Stage}
    errors = [one for one in failing if one.severity is Severity.ERROR]
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
    return "the function" if total <= 1 else f"{len(names)} of {total} functions"


def _incomplete(report: Report) -> str:
    if not any(isinstance(result.outcome, Completed | Skipped | Crashed) for result in report.results):
        return "nothing was checked"
    starts = [one for one in report.results if one.check == STARTS and isinstance(one.outcome, Skipped)]
    left = len(undone(report)) - len(starts)
    parts = []
    if starts:
        parts.append(f"{_of({str(one.function) for one in starts}, len(report.functions))} could not be judged")
    if left:
        parts.append(f"{text.count(left, 'check', 'checks')} could not be done")
    return "; ".join(parts) or "the handlers had no sandbox around them"


def _not_done(report: Report) -> Iterator[NotDone]:
    results = undone(report)
    crashes = ((one.outcome, (one.check, one.function)) for one in results if isinstance(one.outcome, Crashed))
    for crash, checks in text.gather(crashes).items():
        yield NotDone(text.subjects(checks), crash.summary, crash.traceback)
    yield from skips(results)


def _fixable(report: Report, every: Sequence[Problem]) -> str:
    """How many problems `--fix` mends: all that is there to do, or a part of it."""
    zips = {one.source for one in report.artifacts if one.zipped_bytes is not None and ":" not in one.source}
    safe = unsafe = 0
    for problem in every:
        findings = (report.results[number].findings[at] for number, at in problem.findings)
        levels = {fix.safety for finding in findings for fix in finding.fixes if fix.archive in zips}
        levels |= {Safety.SAFE for edit in problem.edits if edit.at and edit.insert}
        safe += Safety.SAFE in levels
        unsafe += levels == {Safety.UNSAFE}
    parts = (text.count(safe, "with --fix"), text.count(unsafe, "with --fix --unsafe-fixes"))
    said = ", ".join(filter(None, parts))
    return said and f"{said}; --diff shows how"


def _facts(report: Report, every: Sequence[Problem]) -> Iterator[Fact]:
    """What the verdict rests on: for a ticket."""
    limits, caveats = text.limits(report), report.engine.caveats
    remarks = [text.count(len(limits), "remark", "remarks") + " on what checks could not judge (-v)"] if limits else []
    passed = report.verdict is Verdict.PASS
    counted = _counted(report)
    yield Fact("started", text.started(report), "" if passed else None)
    for number, words in enumerate(init_costs.in_words(report.functions)):
        yield Fact("init of", words, None if number < _MOST_INITS else "")
    yield Fact("waived", text.waived(report))
    yield Fact("fixable", _fixable(report, every))
    yield Fact("checked", counted, counted if report.verdict is Verdict.INCOMPLETE else "")
    yield Fact("verified", _verified(report))
    if report.from_verdict_cache:
        whose = text.count(len(report.functions), "function", "functions") or "the archives"
        yield Fact("cached", f"the verdict on {whose} is from the verdict cache: verified at {report.verified_at}")
    if report.source_digests:
        yield from (Fact("", line) for artifact in report.artifacts for line in _digests(artifact))
    yield Fact("not vouched", "; ".join(caveats), "; ".join([*(text.shortened(one) for one in caveats), *remarks]))
    yield from (Fact("note", note) for note in report.notes)
    yield Fact("passed", text.passed(report), "")
    yield Fact("not applicable", text.not_applicable(report), "")
    yield from (Fact("remark", note, "") for note in limits)


def _counted(report: Report) -> str:
    """How many checks passed, and how many had nothing to judge."""
    passed = sum(text.is_passed(result) for result in report.results)
    idle = sum(isinstance(result.outcome, NotApplicable) for result in report.results)
    counts = (text.count(passed, "check passed", "checks passed"), text.count(idle, "not applicable"))
    return ", ".join(filter(None, counts))


def _verified(report: Report) -> str:
    archives = ", ".join(f"{one.source} {one.sha256[:12]}" for one in report.artifacts)
    platform = text.runs_on(report.runtime, report.architecture, report.engine)
    return f"{archives} on {platform}" if archives else platform


def _digests(artifact: ArtifactInfo) -> tuple[str, ...]:
    """The whole digests of an archive: as files have it, and as Lambda prints it."""
    lambdas = artifact.code_sha256 or "none: a folder is never uploaded; verify the zip that is made of it"
    return f"{artifact.role} {artifact.source}", f"sha256      {artifact.sha256}", f"CodeSha256  {lambdas}"


def _few(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence; of many, the first and how many more there are."""
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} {last} {len(names) - _MOST_NAMES + 1} more"
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))
