"""Observe functions in a state: started by an engine, answering their events, and what their imports find."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from harness.check import Blocked, Subject
from harness.checks import handler_imports, handler_responds, imports_resolve, unzipped_size
from harness.dependencies.comparison.dependency_lists import DependencyLists
from harness.diagnosis.handler import fault
from harness.engines.protocol import Observation, Ready, Unavailable
from harness.model import Completed, Crashed, Severity, Skipped
from harness.runner import run
from harness.session.runtime import Runtime
from harness.session.workspace import Workspace
from harness.sources.aws_notes import aws_notes
from harness.sources.local import SourceUnavailable
from harness.transition.values import Ran, Seen, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.artifact.bundle import Bundle
    from harness.check import Check
    from harness.engines.protocol import Progress, Trace
    from harness.facts.python.program import Program
    from harness.manifest import Function, Manifest
    from harness.model import EngineInfo, Finding, Result
    from harness.session.settings import Settings
    from harness.transition.pairs import Mixed

STATES = {
    State.BEFORE: "old code, old configuration",
    State.CODE_FIRST: "new code, old configuration",
    State.CONFIGURATION_FIRST: "old code, new configuration",
    State.AFTER: "new code, new configuration",
}
AT_START = "Runtime."  # Lambda's words for what keeps a handler from starting


@dataclass(frozen=True, slots=True)
class Observed:
    """A function in a state, with what its archives say and how it did.

    Attributes:
        subject: None where an archive could not be had.
        trace: Where its init failed.
        unanswered: What is wrong with the answers to events, each with the number of its event.
        missing: The imports that find nothing and that its handler gets to.
    """

    mixed: Mixed
    seen: Seen
    subject: Subject | None = None
    trace: Trace | None = None
    unanswered: tuple[tuple[int, Finding], ...] = ()
    missing: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answered:
    """An engine that has been asked already; see ``harness.check.Engines``."""

    answer: Observation | Unavailable

    def observe(self, function: Function) -> Observation:
        """What it said.

        Raises:
            Unavailable: It could not be asked.
        """
        del function
        if isinstance(self.answer, Unavailable):
            raise self.answer
        return self.answer

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """Nothing: no question is asked on the way.

        Raises:
            Unavailable: Always.
        """
        raise Unavailable(f"{len(questions)} questions about {subject.manifest.runtime} are not asked here.")


@dataclass
class Observer:
    """Looks at functions in states; reads each archive once for a runtime, and unpacks it once.

    Attributes:
        ran: The engines that were asked, as they answer.
    """

    settings: Settings
    ran: dict[tuple[str, str], Ran] = field(default_factory=dict)
    _workspaces: dict[tuple[str, str], Workspace] = field(default_factory=dict)
    _ends: list[Mixed] = field(default_factory=list)

    def prepare(self, several: Iterable[Mixed]) -> None:
        """Prepare the archives of all that will be observed."""
        declared: dict[tuple[str, str], list[Mixed]] = {}
        for one in several:
            declared.setdefault(_platform(one.manifest), []).append(one)
            if one.state is State.AFTER:
                self._ends.append(one)
        for platform, group in declared.items():
            # The new repository's, where it has a part in it: its lists are what is held against the archives.
            chosen = max(group, key=lambda one: (one.state.new_code, one.state.new_configuration))
            manifest = replace(chosen.manifest, functions=tuple(one.function for one in group))
            self._workspaces[platform] = Workspace(manifest, self.settings)

    def workspace(self, mixed: Mixed) -> Workspace:
        """The archives of what runs on the same platform."""
        return self._workspaces[_platform(mixed.manifest)]

    def notes(self, *manifests: Manifest) -> tuple[str, ...]:
        """What AWS says of what was fetched for these; of what another side has mixed into their platform, nothing."""
        own = (replace(one.of(function), functions=(function,)) for one in manifests for function in one.functions)
        return tuple(dict.fromkeys(note for manifest in own for note in self._notes(manifest)))

    def _notes(self, manifest: Manifest) -> Iterator[str]:
        if (workspace := self._workspaces.get(_platform(manifest))) is not None:
            sources = workspace.sources
            its = {name for one in manifest.functions for s in (one.code, *one.layers) for name in sources.names(s)}
            yield from aws_notes(manifest, [one for one in sources.deployed if one.text in its])

    def bundle(self, mixed: Mixed) -> Bundle | None:
        """The archives of a function in a state; None where one cannot be had: its observation says why."""
        try:
            return self.workspace(mixed).bundle(mixed.function)
        except SourceUnavailable:
            return None

    def observe(self, several: Sequence[Mixed]) -> Iterator[Observed]:
        """Observed at functions: one job of the engine for each pair of archives in each state."""
        jobs: dict[tuple[object, ...], list[Mixed]] = {}
        for one in several:
            key = (one.state, _platform(one.manifest), one.function.code, one.function.layers)
            jobs.setdefault(key, []).append(one)
        for group in jobs.values():
            yield from self._group(group)

    def _group(self, group: Sequence[Mixed]) -> Iterator[Observed]:
        first = group[0]
        try:
            bundle = self.workspace(first).bundle(first.function)
        except SourceUnavailable as reason:
            yield from (Observed(one, Seen(one.state, undone=str(reason))) for one in group)
            return
        subjects = [self._subject(one) for one in group]
        refused = _ran(unzipped_size.check, subjects[0], Unavailable(""), self.settings)
        if errors := _errors(refused):
            # Lambda refuses the call that would bring them together, and what was live stays.
            for one, subject in zip(group, subjects, strict=True):
                yield Observed(one, Seen(one.state, findings=errors), subject)
            return
        answers = {} if self.settings.static else self._answers(group, bundle)
        for one, subject in zip(group, subjects, strict=True):
            answer = answers.get(one.function.name, Unavailable("the engine did not answer."))
            yield self._static(one, subject) if self.settings.static else self._judged(one, subject, answer)

    def _subject(self, mixed: Mixed) -> Subject:
        """A function by itself, so that what is found is about what its own handler gets to.

        Only the new version is compared with the repository's lists, which describe nothing else.
        """
        shared = self.workspace(mixed).subject(mixed.function)
        function = mixed.function
        program = replace(
            shared.program, handlers=(function.handler,), names=(function.name,), environment=function.environment
        )
        lists = DependencyLists(program)
        if mixed.state is State.AFTER:
            lists = replace(shared.lists, program=program, siblings=partial(self._siblings, function))
        return replace(shared, manifest=mixed.manifest, lists=lists)

    def _siblings(self, function: Function) -> tuple[Program, ...]:
        """The programs of the new functions that have other archives."""
        found: dict[int, Program] = {}
        for one in self._ends:
            if (one.function.code, one.function.layers) != (function.code, function.layers):
                with contextlib.suppress(SourceUnavailable):
                    program = self.workspace(one).subject(one.function).program
                    found[id(program)] = program
        return tuple(found.values())

    def _answers(self, group: Sequence[Mixed], bundle: Bundle) -> dict[str, Observation | Unavailable]:
        """What the engine says of functions that share their archives, by their names: one job."""
        if any(archive.refusals for archive in bundle.archives):
            return {}
        first = group[0]
        settings = replace(self.settings, progress=_labelled(STATES[first.state], self.settings.progress))
        manifest = replace(first.manifest, functions=tuple(one.function for one in group))
        runtime = Runtime(manifest, settings, self.workspace(first))
        found: dict[str, Observation | Unavailable] = {}
        for one in group:
            try:
                found[one.function.name] = runtime.observe(one.function)
            except (Blocked, Unavailable) as reason:
                found[one.function.name] = Unavailable(str(reason))
        if any(isinstance(answer, Observation) for answer in found.values()):
            self._note(_platform(first.manifest), runtime.engine)
        return found

    def _note(self, platform: tuple[str, str], engine: EngineInfo) -> None:
        """Keep what ran, with all that it cannot vouch for in any state."""
        known = self.ran[platform].engine.caveats if platform in self.ran else ()
        caveats = tuple(dict.fromkeys((*known, *engine.caveats)))
        self.ran[platform] = Ran(*platform, replace(engine, caveats=caveats))

    def _judged(self, mixed: Mixed, subject: Subject, answer: Observation | Unavailable) -> Observed:
        started = _ran(handler_imports.check, subject, answer, self.settings)
        self._limit(mixed, started)
        seen = Seen(mixed.state, findings=_errors(started), undone=_undone(started))
        if not isinstance(answer, Observation) or not isinstance(answer.init, Ready):
            trace = answer.trace if isinstance(answer, Observation) else None
            return Observed(mixed, seen, subject, trace)
        asked = list(self._asked(subject, mixed.function, answer))
        seen = replace(
            seen,
            undone=seen.undone or next((reason for reason in map(_undone, asked) if reason), None),
            init_seconds=answer.init.seconds,
            events=sum(isinstance(result.outcome, Completed) and not result.findings for result in asked),
        )
        unanswered = tuple((number, finding) for number, result in enumerate(asked) for finding in _errors(result))
        return Observed(mixed, seen, subject, answer.trace, unanswered, self._missing(subject))

    def _limit(self, mixed: Mixed, started: Result) -> None:
        """Keep what could not be judged of a start as what the engine cannot vouch for."""
        limits = started.outcome.notes if isinstance(started.outcome, Completed) else ()
        said = [f"{mixed.function.name}: {note.text}" for note in limits if note.limit]
        if said and (ran := self.ran.get(_platform(mixed.manifest))):
            caveats = tuple(dict.fromkeys((*ran.engine.caveats, *said)))
            self.ran[_platform(mixed.manifest)] = replace(ran, engine=replace(ran.engine, caveats=caveats))

    def _asked(self, subject: Subject, function: Function, seen: Observation) -> Iterator[Result]:
        """How each event was answered."""
        for number, event in enumerate(function.events):
            alone = replace(subject, function=replace(function, events=(event,)))
            answer = replace(seen, answers=seen.answers[number : number + 1])
            yield _ran(handler_responds.check, alone, answer, self.settings)

    def _missing(self, subject: Subject) -> tuple[Finding, ...]:
        """The imports that find nothing, of those that the handler gets to."""
        result = _ran(imports_resolve.check, subject, Unavailable(""), self.settings)
        return tuple(finding for finding in _errors(result) if finding.chain)

    def _static(self, mixed: Mixed, subject: Subject) -> Observed:
        """What is known without starting anything."""
        if refused := [archive.source for archive in subject.bundle.archives if archive.refusals]:
            reason = f"{', '.join(refused)} could not be read; archive-integrity says why"
            return Observed(mixed, Seen(mixed.state, undone=reason), subject)
        missing = self._missing(subject)
        if mixed.state is State.BEFORE:  # what the deployed version lacks later does not keep it from starting
            missing = tuple(finding for finding in missing if not _later(finding, subject))
        named = fault(mixed.function.handler, subject.program)
        return Observed(mixed, Seen(mixed.state, findings=(named,) if named else missing), subject, missing=missing)


def _later(finding: Finding, subject: Subject) -> bool:
    """Whether an import that finds nothing is made when a function is called, and not when the handler starts."""
    path, _, line = finding.where.rpartition(":")
    reach = subject.program.graph.reached.get(path)
    statements = subject.facts.modules[path].imports if path in subject.facts.modules else ()
    lazy = any(statement.lazy for statement in statements if str(statement.line) == line)
    return lazy or (reach is not None and not reach.when.starting)


def _platform(manifest: Manifest) -> tuple[str, str]:
    return manifest.runtime, str(manifest.architecture)


def _labelled(state: str, progress: Progress) -> Progress:
    return lambda text: progress(f"{state}: {text}")


def _ran(check: Check, subject: Subject, answer: Observation | Unavailable, settings: Settings) -> Result:
    return run(check, [subject], _Answered(answer), settings.today)


def _errors(result: Result) -> tuple[Finding, ...]:
    """What does not work; that a start is slow is no matter of the order."""
    return tuple(finding for finding in result.findings if finding.severity is Severity.ERROR)


def _undone(result: Result) -> str | None:
    match result.outcome:
        case Skipped(reason=reason):
            return reason
        case Crashed(summary=summary):
            return f"{result.check} crashed: {summary}"
        case _:
            return None
