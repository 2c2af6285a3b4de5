"""The straight line: what the user names, archives, bundle, checks, report."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from harness import __version__
from harness.artifact.store import content_key
from harness.cache.folder import unusable_cache
from harness.catalogue import CATALOGUE, PREFLIGHT, named
from harness.check import Check, Need, Scope, Subject
from harness.diagnosis import scripts
from harness.emulator import CAVEAT, Unusable, emulator
from harness.engines.protocol import (
    Answered,
    Answers,
    Failed,
    Job,
    Observation,
    Ready,
    Start,
    Unavailable,
)
from harness.model import (
    EngineInfo,
    FunctionInfo,
    NotApplicable,
    Report,
    Result,
    Skipped,
    Timing,
    UsageError,
)
from harness.runner import held_against, idle, run
from harness.session.answers import AnswerStore, key_of
from harness.session.workspace import Materials
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from harness.artifact.bundle import Bundle
    from harness.emulator import Emulator
    from harness.manifest import Function, Manifest
    from harness.policy import RuntimePolicy
    from harness.session.settings import Settings

NO_HANDLER = (
    "no handler is declared: add a [functions.NAME] table with handler, or --handler NAME; --engine none verifies the "
    "archives alone"
)
STATIC = EngineInfo("none", caveats=("static checks only: no handler was started",))
RESPONDS = "handler-responds"
MB = 1024 * 1024
QUESTION = "lambda_artifact_question.handler"  # no module: the probe answers in its place
QUESTION_MB = 2048  # for what all extensions of a large library need, each loaded by itself


@dataclass(frozen=True, slots=True)
class Planned:
    """One check to run: on one function, or on the artifact."""

    check: Check
    function: Function | None = None

    @property
    def name(self) -> str:
        """``handler-imports[api]``, ``unzipped-size``."""
        return f"{self.check.id}[{self.function.name}]" if self.function else self.check.id


def plan(manifest: Manifest, settings: Settings) -> tuple[Planned, ...]:
    """What will be run, in the order of the catalogue; needs no archive to be there.

    Raises:
        UsageError: A check is named that there is none of, or a pass would say nothing.
    """
    for name in (*settings.select, *settings.skip, *(waiver.check for waiver in manifest.waivers)):
        if name not in PREFLIGHT or name in settings.select or name in settings.skip:
            named(name)
    checks = [c for c in CATALOGUE if c.id not in settings.skip and (not settings.select or c.id in settings.select)]
    if not (manifest.functions or settings.static) and any(_starts(check) for check in checks):
        raise UsageError(NO_HANDLER)
    planned: list[Planned] = []
    for check in checks:
        if check.scope is Scope.FUNCTION and manifest.functions:
            planned += [Planned(check, function) for function in manifest.functions]
        else:
            planned.append(Planned(check))
    return tuple(planned)


def _starts(check: Check) -> bool:
    """Whether a check starts handlers."""
    return check.need is Need.RUNTIME and check.scope is Scope.FUNCTION


@dataclass
class Verification:
    """One verification under way: reads each archive once, starts each handler once, whoever asks first.

    Attributes:
        together: The functions that one job may start side by side; a process that will be asked about a single one
            names that one.
    """

    manifest: Manifest
    settings: Settings
    together: Collection[str] | None = None
    began: float = field(default_factory=time.perf_counter)
    _answers: dict[str, Observation | Unavailable] = field(default_factory=dict)
    _info: EngineInfo | None = None
    _timings: list[Timing] = field(default_factory=list)

    @cached_property
    def materials(self) -> Materials:
        """What is looked at."""
        settings = self.settings
        return Materials(
            manifest=self.manifest,
            cache=settings.cache,
            progress=settings.progress,
            unpacks=not settings.static,
            profile=settings.profile,
            timings=self._timings,
        )

    @property
    def policy(self) -> RuntimePolicy:
        """What Lambda promises for the runtime."""
        return self.materials.policy

    def read(self) -> None:
        """Read what the repository says of dependencies, before anything is verified against it.

        Raises:
            UsageError: A file of it is not what it should be.
        """
        with self._timed("reading the repository"):
            _ = self.materials.project

    @contextlib.contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._timings.append(Timing(name, time.perf_counter() - began))

    def results(self, planned: Sequence[Planned]) -> list[Result]:
        """Run planned checks: those that start nothing go on beside the handlers."""
        starting = [one for one in planned if _starts(one.check)]
        if self.settings.static or not starting:
            return [self.result(one) for one in planned]
        resting = [one for one in planned if one.check.need is not Need.RUNTIME]
        found: dict[Planned, Result] = {}
        with self._prepared():
            groups = self._groups({one.function for one in starting if one.function})
        ended = threading.Event()

        def rest() -> None:
            for one in resting:
                if ended.is_set():
                    break
                found[one] = self.result(one)

        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(rest)
            try:
                for group, bundle in groups:
                    # What stands in the way is told by the check that asks for the answer, and gets the same.
                    with contextlib.suppress(Exception):
                        self._answers.update(self._start(group, bundle))
            except BaseException:  # Ctrl-C above all: the pool then waits for one check at most
                ended.set()
                raise
            beside.result()
        return [found.get(one) or self.result(one) for one in planned]

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        """Let the engine get ready meanwhile."""
        settings = self.settings
        arguments = self.policy, str(self.manifest.architecture), settings.progress
        thread = threading.Thread(target=settings.engine.prepare, args=arguments, daemon=True)
        thread.start()
        yield

    def _groups(self, functions: Collection[Function]) -> list[tuple[list[Function], Bundle]]:
        """The functions to start, by the archives that they share; these are read and unpacked."""
        groups: dict[tuple[object, ...], tuple[list[Function], Bundle]] = {}
        for function in self.manifest.functions:
            with contextlib.suppress(SourceUnavailable):
                bundle = self.materials.bundle(function)
                if function in functions and not any(archive.refusals for archive in bundle.archives):
                    groups.setdefault((function.code, function.layers), ([], bundle))[0].append(function)
        for group, _ in groups.values():
            self._reached(group)
        return list(groups.values())

    def _reached(self, group: Sequence[Function]) -> tuple[str, ...]:
        """What functions load when they start, as far as that is known.

        For a single one it is not worth the wait: to find it out takes as long as the start.
        """
        if len(group) == 1:
            return ()
        with self._timed("following the imports"):
            return self.materials.reached(group[0])

    def result(self, planned: Planned) -> Result:
        """Run one planned check."""
        check, function = planned.check, planned.function
        nothing = Result(check.id, check.title, function.name if function else None, NotApplicable(""), 0.0)
        if self.settings.static and check.need is Need.RUNTIME:
            return replace(nothing, outcome=NotApplicable("static checks only: no handler is started"))
        try:
            if function is not None or not self.manifest.functions:
                subjects = [self.materials.subject(function)]
            else:
                subjects = list(self.materials.subjects())
        except SourceUnavailable as reason:
            return replace(nothing, outcome=Skipped(str(reason)))
        observed = self._answers.get(function.name) if function else None
        result = run(check, subjects, self, self.settings.today)
        if isinstance(observed, Observation) and _starts(check):  # before the check asked for it
            result = replace(result, seconds=result.seconds + _spent(check, observed))
        self.materials.keep()
        return result

    def report(self, results: Sequence[Result]) -> Report:
        """The report on what was run."""
        seen = {name: value for name, value in self._answers.items() if isinstance(value, Observation)}
        started = [name for name, value in seen.items() if isinstance(value.init, Ready)]
        failed = [name for name in seen if name not in started]
        engine = STATIC if self.settings.static else self._info or EngineInfo("none")
        if any(function.seed and function.name in seen for function in self.manifest.functions):
            engine = replace(engine, caveats=(*engine.caveats, CAVEAT))
        return Report(
            version=__version__,
            runtime=self.manifest.runtime,
            architecture=str(self.manifest.architecture),
            engine=engine,
            artifacts=self.materials.described,
            functions=tuple(self._function(function, seen.get(function.name)) for function in self.manifest.functions),
            results=tuple(held_against(result, started, failed) for result in results),
            seconds=time.perf_counter() - self.began,
            timings=tuple(self._timings),
            strict=self.settings.strict,
            static=self.settings.static,
            notes=(*self.materials.notes, *self._undigested()),
            source_digests=self.settings.source_digests,
        )

    def _function(self, function: Function, seen: Observation | None) -> FunctionInfo:
        info = FunctionInfo(
            function.name,
            function.handler,
            runtime=self.manifest.runtime,
            architecture=str(self.manifest.architecture),
            declared_at=function.declared_at,
        )
        if seen is None or not isinstance(seen.init, Ready):
            return info
        # Lambda compiles what it imports, whatever bytecode lay beside the sources here.
        return replace(
            info,
            init_seconds=seen.init.seconds + seen.compiling,
            init_cpu_seconds=seen.init.cpu_seconds + seen.compiling,
            max_rss_mb=seen.max_rss_bytes / MB,
        )

    def _undigested(self) -> Iterator[str]:
        """What reports have no digest of, though it is asked for."""
        if self.settings.source_digests:
            yield from (f"no digest of {text}: it was not read" for text in self.materials.unread)

    def observe(self, function: Function) -> Observation:
        """What happened when the function was started; starts all that share its archives at the first call.

        Raises:
            Unavailable: It could not be started.
        """
        if function.name not in self._answers:
            waiting = [one for one in self.manifest.functions if one.name not in self._answers]
            items = self.materials.bundle(function).items
            group = [one for one in waiting if self._shares(one, function) and not scripts.script(one, items)]
            found = self._start(group, self.materials.bundle(function))
            self._answers.update(found)
        answer = self._answers[function.name]
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """What the runtime answers to questions about a subject's archives; see ``harness.check.Engines``.

        Raises:
            Unavailable: They could not be asked here, or got no answer.
        """
        task, opt = self._unpacked(subject.bundle)
        starts = tuple(
            Start(
                function=f"question {number}",
                handler=QUESTION,
                memory=QUESTION_MB,
                timeout=self.policy.limits.timeout_max_seconds,
                environment=scripts.for_python(subject.manifest.functions, subject.program),
                events=(question,),
                asks=True,
            )
            for number, question in enumerate(questions, 1)
        )
        found = [key and self._kept.find(key) for key in self._keys(starts, task, opt)]
        if asked := tuple(start for start, answer in zip(starts, found, strict=True) if answer is None):
            job = Job(self.policy, str(self.manifest.architecture), task, opt, asked, self.settings.init_timeout)
            answers = self._do(job)
            self._info = self._info or answers.info
            replies = iter([_reply(one) for one in answers.observations])
            found = [next(replies) if answer is None else answer for answer in found]
            for key, answer in zip(self._keys(starts, task, opt), found, strict=True):
                if key and answer:
                    self._kept.keep(key, answer)
        return tuple(answer or "" for answer in found)

    def _keys(self, starts: Sequence[Start], task: Path, opt: Path | None) -> list[str | None]:
        """What stands for all that each answer depends on; None where that is not known, or may change at any time."""
        trees = [content_key(tree, self.settings.cache) for tree in (task, opt) if tree]
        if self._info is None or None in trees:
            return [None] * len(starts)
        return [key_of(start, self._info, trees) for start in starts]

    @cached_property
    def _kept(self) -> AnswerStore:
        return AnswerStore(self.settings.cache / "answers")

    def _shares(self, one: Function, function: Function) -> bool:
        wanted = self.together is None or one.name in self.together
        return one is function or (wanted and (one.code, one.layers) == (function.code, function.layers))

    def _start(self, group: Sequence[Function], bundle: Bundle) -> dict[str, Observation | Unavailable]:
        """Start functions, those with a seed beside their emulated AWS; where that cannot be had, the others alone."""
        seeds = {function.name: function.seed for function in group if function.seed is not None}
        if not seeds:
            return self._started(group, bundle)
        try:
            with emulator(seeds, self.settings.progress) as outside:
                return self._started(group, bundle, outside)
        except Unusable as reason:
            others = [function for function in group if function.name not in seeds]
            skipped = dict.fromkeys(seeds, Unavailable(f"{reason}."))
            return {**(self._started(others, bundle) if others else {}), **skipped}

    def _started(
        self, group: Sequence[Function], bundle: Bundle, outside: Emulator | None = None
    ) -> dict[str, Observation | Unavailable]:
        try:
            answers = self._run(group, bundle, outside)
        except Unavailable as reason:
            return {function.name: reason for function in group}
        self._info = answers.info
        return {observation.function: observation for observation in answers.observations}

    def _run(self, group: Sequence[Function], bundle: Bundle, outside: Emulator | None) -> Answers:
        (task, opt), reached = self._unpacked(bundle), self._reached(group)
        starts = tuple(
            Start(
                function=function.name,
                handler=function.handler,
                memory=function.memory,
                timeout=function.timeout,
                environment=function.environment,
                events=tuple(event.payload for event in function.events),
                emulated=function.seed is not None,
            )
            for function in group
        )
        architecture, limit = str(self.manifest.architecture), self.settings.init_timeout
        return self._do(Job(self.policy, architecture, task, opt, starts, limit, reached, outside))

    def _unpacked(self, bundle: Bundle) -> tuple[Path, Path | None]:
        """The folders that stand at ``/var/task`` and ``/opt``.

        Raises:
            Unavailable: There is no room for them.
        """
        try:
            return self.materials.trees(bundle)
        except OSError as error:
            raise Unavailable(f"{unusable_cache(self.settings.cache, error)}.") from error

    def _do(self, job: Job) -> Answers:
        """Hand a job to the engine.

        Raises:
            Unavailable: It cannot be done here.
        """
        try:
            answers = self.settings.engine.run(job, self.settings.progress)
        except OSError as error:
            raise Unavailable(f"{unusable_cache(self.settings.cache, error)}.") from error
        self._timings += [Timing(f"the runtime: {name}", seconds) for name, seconds in answers.seconds]
        return answers


def verify(manifest: Manifest, settings: Settings) -> Report:
    """Verify everything that a manifest asks for.

    Raises:
        UsageError: The request is wrong.
    """
    verification = Verification(manifest, settings)
    verification.read()
    results = verification.results(plan(manifest, settings))
    report = verification.report(results)
    return replace(report, notes=(*report.notes, *idle(manifest.waivers, results)))


def _spent(check: Check, seen: Observation) -> float:
    """What a start took that a check is about: up to the end of init, or what its events took."""
    return sum(answer.seconds for answer in seen.answers) if check.id == RESPONDS else seen.init.seconds


def _reply(seen: Observation) -> str:
    match seen:
        case Observation(answers=(Answered(body=body),)):
            return body
        case Observation(init=Failed(error=error)) | Observation(answers=(Failed(error=error),)):
            raise Unavailable(f"the runtime could not be asked about the archives: {error}.")
        case _:
            raise Unavailable("the runtime ended while it was asked about the archives.")
