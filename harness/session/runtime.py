"""The runtime, as checks ask it: starts each function once, together with those that share its archives."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from harness.artifact.store import content_key
from harness.cache.folder import unusable_cache
from harness.catalogue import named
from harness.diagnosis import scripts
from harness.emulator import CAVEAT, Unusable, emulator
from harness.engines.protocol import Answered, Answers, Exceeded, Failed, Job, Observation, Ready, Start, Unavailable
from harness.model import EmulatedCall, EngineInfo, FunctionInfo, InitProfile, Result, Skipped, Timing
from harness.plain_text import few
from harness.session.answers import AnswerStore, key_of
from harness.session.workspace import timed
from harness.sources.aws_actions import s3_operation
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.artifact.bundle import Bundle
    from harness.check import Subject
    from harness.emulator import Emulator
    from harness.manifest import Function, Manifest
    from harness.manifest.seeds import Seed
    from harness.policy import RuntimePolicy
    from harness.session.settings import Settings
    from harness.session.workspace import Workspace

STATIC = EngineInfo("none", caveats=("static checks only: no handler was started",))
STARTS, RESPONDS = "handler-imports", "handler-responds"
MB = 1024 * 1024
MOST_NAMES = 5
QUESTION = "lambda_artifact_question.handler"  # no module: the probe answers in its place
QUESTION_MB = 2048  # for what all extensions of a large library need, each loaded by itself


@dataclass
class Runtime:
    """What can be asked of the runtime; see ``harness.check.Engines``.

    Attributes:
        manifest: Declares the functions.
        workspace: Has their archives.
    """

    manifest: Manifest
    settings: Settings
    workspace: Workspace
    _answers: dict[str, Observation | Unavailable] = field(default_factory=dict)
    _profiles: dict[str, Observation | Unavailable] = field(default_factory=dict)
    _called: dict[str, tuple[EmulatedCall, ...]] = field(default_factory=dict)
    _info: EngineInfo | None = None

    @property
    def engine(self) -> EngineInfo:
        """What ran the handlers, and what it cannot vouch for."""
        if self.settings.static:
            return STATIC
        info = self._info or EngineInfo("none")
        seen = [self.observation(function) for function in self.manifest.functions]
        if any(one and one.emulated for one in seen):
            info = replace(info, caveats=(*info.caveats, CAVEAT))
        return info

    @property
    def started(self) -> dict[str, bool]:
        """Whether each observed function started, by its name."""
        return {
            name: isinstance(answer.init, Ready)
            for name, answer in self._answers.items()
            if isinstance(answer, Observation)
        }

    @property
    def is_cut(self) -> bool:
        """Whether a handler was stopped at a limit, or waited in vain: on a faster machine it need not be."""
        seen = [one for one in self._answers.values() if isinstance(one, Observation)]
        return any(isinstance(each, Exceeded) for one in seen for each in (one.init, *one.answers))

    @property
    def undone(self) -> list[Result]:
        """A result for each function that a template declares for Python and that could not be verified."""
        check, settings = named(STARTS), self.settings
        if check.id in settings.skip or (settings.select and check.id not in settings.select):
            return []
        return [
            Result(check.id, check.title, one.name, Skipped(f"{one.name} ({one.place}): {one.reason}"), 0.0)
            for one in self.manifest.uncovered
            if one.undone
        ]

    def observation(self, function: Function) -> Observation | None:
        """What is known of a function already."""
        answer = self._answers.get(function.name)
        return answer if isinstance(answer, Observation) else None

    def seconds(self, function: Function, check: str) -> float:
        """What the start of a function has taken already that a check is about: init, or the answers to its events."""
        if (seen := self.observation(function)) is None:
            return 0.0
        return sum(answer.seconds for answer in seen.answers) if check == RESPONDS else seen.init.seconds

    def describe(self, function: Function) -> FunctionInfo:
        """A function with what its start cost, as reports show it."""
        archives = self.workspace.archives_of(function)
        info = FunctionInfo(
            function.name,
            function.handler,
            runtime=function.runtime or self.manifest.runtime,
            architecture=str(function.architecture or self.manifest.architecture),
            declared_at=function.declared_at,
            archives=tuple(archive.source for archive in archives),
            digests=tuple(archive.sha256 for archive in archives),
            caveats=function.caveats,
            profile=self._profile(function),
            aws_calls=self._called.get(function.name),
        )
        seen = self.observation(function)
        if seen is None or not isinstance(seen.init, Ready):
            return info
        # Lambda compiles what it imports, even where bytecode was found here.
        return replace(
            info,
            init_seconds=seen.init.seconds + seen.compiling,
            init_cpu_seconds=seen.init.cpu_seconds + seen.compiling,
            max_rss_mb=seen.max_rss_bytes / MB,
        )

    def profile(self) -> tuple[str, ...]:
        """Start each function that was observed once more, with its imports timed; no verdict depends on it.

        Returns:
            What could not be done, in a sentence for each reason.
        """
        observed = [function for function in self.manifest.functions if self.observation(function)]
        for group in self._groups(observed):
            with contextlib.suppress(Exception):  # whatever it is, the verdict stands
                self._profiles |= self._started(group, (), profiled=True)
        failed: dict[str, list[str]] = {}
        for function in self.manifest.functions:
            if not self._profile(function):
                failed.setdefault(self._unprofiled(function), []).append(function.name)
        return tuple(f"no import profile of {few(names, MOST_NAMES)}: {reason}" for reason, names in failed.items())

    def _unprofiled(self, function: Function) -> str:
        """Why there is no profile of a function."""
        match self._profiles.get(function.name):
            case Unavailable() as reason:
                return str(reason)
            case Observation():
                return "the extra start reported no import"
            case None:
                return "the extra start could not be made" if self.observation(function) else "it was not started"

    def _profile(self, function: Function) -> InitProfile | None:
        seen = self._profiles.get(function.name)
        if not isinstance(seen, Observation) or not seen.imports:
            return None
        return InitProfile(seen.init.seconds, seen.compiling, seen.imports)

    def start(self, functions: Collection[Function], meanwhile: Iterable[object]) -> None:
        """Start functions, and exhaust an iterable in a thread meanwhile, for as long as nothing interrupts it.

        Errors are left to the checks: each asks for its answer, and gets the same error.
        """
        first = next(iter(functions))
        arguments = (*self._target(first), self.settings.progress)
        threading.Thread(target=self.settings.engine.prepare, args=arguments, daemon=True).start()
        groups = self._groups(functions)
        reached = [self._reached(group) for group in groups]  # analyses the archives before the thread needs them
        with _exhausting(meanwhile):
            for group, paths in zip(groups, reached, strict=True):
                with contextlib.suppress(Exception):
                    self._answers |= self._started(group, paths)

    def observe(self, function: Function) -> Observation:
        """What happened when the function was started; starts all that share its archives at the first call.

        Raises:
            Unavailable: It could not be started.
        """
        if function.name not in self._answers:
            items = self.workspace.bundle(function).items
            group = [
                other
                for other in self.manifest.functions
                if other.name not in self._answers
                and self.workspace.key(other) == self.workspace.key(function)
                and not scripts.script(other, items)
            ]
            self._answers |= self._started(group, self._reached(group))
        answer = self._answers[function.name]
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """The runtime's answers to questions about a subject's archives; see ``harness.check.Engines``.

        Raises:
            Unavailable: They could not be asked here, or got no answer.
        """
        task, opt = self._trees(subject.bundle)
        starts = tuple(
            Start(
                function=f"question {number}",
                handler=QUESTION,
                memory=QUESTION_MB,
                timeout=subject.policy.limits.timeout_max_seconds,
                environment=scripts.for_python(subject.manifest.functions, subject.program),
                events=(question,),
                asks=True,
            )
            for number, question in enumerate(questions, 1)
        )
        answers = [key and self._saved.find(key) for key in self._keys(starts, task, opt)]
        if asked := tuple(start for start, answer in zip(starts, answers, strict=True) if answer is None):
            target = subject.policy, str(subject.manifest.architecture)
            limit, portable = self.settings.init_timeout, lambda: not subject.facts.binaries
            job = Job(*target, task, opt, asked, limit, portable=portable)
            done = self._run(job)
            self._info = self._info or done.info
            replies = iter([_reply(observation) for observation in done.observations])
            answers = [next(replies) if answer is None else answer for answer in answers]
            for key, answer in zip(self._keys(starts, task, opt), answers, strict=True):
                if key and answer:
                    self._saved.save(key, answer)
        return tuple(answer or "" for answer in answers)

    def _target(self, function: Function) -> tuple[RuntimePolicy, str]:
        """The runtime and the architecture that a function is started with."""
        return self.workspace.policy_of(function), str(function.architecture or self.manifest.architecture)

    @cached_property
    def _saved(self) -> AnswerStore:
        return AnswerStore(self.settings.cache / "answers")

    def _keys(self, starts: Sequence[Start], task: Path, opt: Path | None) -> list[str | None]:
        """The key of each answer, by all that it depends on; None where that is not known, or may change any time."""
        trees = [content_key(tree, self.settings.cache) for tree in (task, opt) if tree]
        if self._info is None or None in trees:
            return [None] * len(starts)
        return [key_of(start, self._info, trees) for start in starts]

    def _groups(self, functions: Collection[Function]) -> list[list[Function]]:
        """Functions by the archives that they share, without those whose archives cannot be had or read."""
        groups: dict[object, list[Function]] = {}
        for function in self.manifest.functions:
            with contextlib.suppress(SourceUnavailable):
                archives = self.workspace.bundle(function).archives
                if function in functions and not any(archive.refusals for archive in archives):
                    groups.setdefault(self.workspace.key(function), []).append(function)
        return list(groups.values())

    def _reached(self, group: Sequence[Function]) -> tuple[str, ...]:
        """The files that functions load when they start, as far as that is known.

        For a single one it is not worth the wait: to find it out takes as long as the start.
        """
        if len(group) == 1:
            return ()
        with timed(self.workspace.timings, "following the imports"):
            return self.workspace.reached(group[0])

    def _started(
        self, group: Sequence[Function], reached: tuple[str, ...], *, profiled: bool = False
    ) -> dict[str, Observation | Unavailable]:
        """Start functions, those with a seed with their emulated AWS; where that cannot be had, the others alone."""
        seeds = {function.name: function.seed for function in group if function.seed is not None}
        observed = partial(self._observed, reached=reached, profiled=profiled)
        if not seeds:
            return observed(group)
        try:
            with emulator(seeds, self.settings.progress) as outside:
                answers = observed(group, outside)
                if not profiled:
                    self._called |= {one.name: _called(outside, one) for one in group if one.name in seeds}
            return {
                name: replace(answer, emulated=name in outside.asked) if isinstance(answer, Observation) else answer
                for name, answer in answers.items()
            }
        except Unusable as reason:
            others = [function for function in group if function.name not in seeds]
            return {**(observed(others) if others else {}), **dict.fromkeys(seeds, Unavailable(f"{reason}."))}

    def _observed(
        self,
        group: Sequence[Function],
        outside: Emulator | None = None,
        *,
        reached: tuple[str, ...],
        profiled: bool,
    ) -> dict[str, Observation | Unavailable]:
        try:
            task, opt = self._trees(self.workspace.bundle(group[0]))
            starts = tuple(map(_profiled if profiled else _start_of, group))
            limit = self.settings.init_timeout
            portable = lambda: not self.workspace.subject(group[0]).facts.binaries  # noqa: E731 - asked late
            job = Job(*self._target(group[0]), task, opt, starts, limit, reached, outside, portable)
            answers = self._run(job)
        except Unavailable as reason:
            return {function.name: reason for function in group}
        self._info = self._info if profiled else answers.info
        return {observation.function: observation for observation in answers.observations}

    def _trees(self, bundle: Bundle) -> tuple[Path, Path | None]:
        with self._room():
            return self.workspace.trees(bundle)

    def _run(self, job: Job) -> Answers:
        with self._room():
            answers = self.settings.engine.run(job, self.settings.progress)
        self.workspace.timings += [Timing(f"the runtime: {name}", seconds) for name, seconds in answers.seconds]
        return answers

    @contextlib.contextmanager
    def _room(self) -> Iterator[None]:
        """Say that there is no room in the cache, in place of the system's error."""
        try:
            yield
        except OSError as error:
            raise Unavailable(f"{unusable_cache(self.settings.cache, error)}.") from error


@contextlib.contextmanager
def _exhausting(iterable: Iterable[object]) -> Iterator[None]:
    """Exhaust an iterable in a thread; after an error here, Ctrl-C above all, it stops at its next item."""
    stopped = threading.Event()

    def exhaust() -> None:
        for _ in iterable:
            if stopped.is_set():
                break

    with ThreadPoolExecutor(1) as pool:
        thread = pool.submit(copy_context().run, exhaust)  # what it reads of the repository may be recorded
        try:
            yield
        except BaseException:
            stopped.set()
            raise
        thread.result()


def _start_of(function: Function) -> Start:
    return Start(
        function=function.name,
        handler=function.handler,
        memory=function.memory,
        timeout=function.timeout,
        tmp=function.tmp,
        environment=(*function.environment, *(_region(function.seed) if function.seed else ())),
        events=tuple(event.payload for event in function.events),
        emulated=function.seed is not None,
    )


def _called(outside: Emulator, function: Function) -> tuple[EmulatedCall, ...]:
    """The operations that a function called of its emulated AWS, each once for each event."""
    found = dict[EmulatedCall, None]()
    for one in outside.requests(function.name):
        operation = one.operation or (s3_operation(one.method, one.depth, one.keys) if one.service == "s3" else "")
        event = function.events[one.event - 1].name if 0 < one.event <= len(function.events) else None
        if operation:
            found[EmulatedCall(one.service, operation, event)] = None
    return tuple(found)


def _region(seed: Seed) -> Iterator[tuple[str, str]]:
    """The variables that name the region of the services, where that is another than every function's."""
    from harness.manifest.seeds import REGION  # noqa: PLC0415 - few runs have a seed

    if seed.region != REGION:
        yield from (("AWS_REGION", seed.region), ("AWS_DEFAULT_REGION", seed.region))


def _profiled(function: Function) -> Start:
    """The extra start: without events, since it is about init alone."""
    return replace(_start_of(function), events=(), profiled=True)


def _reply(seen: Observation) -> str:
    match seen:
        case Observation(answers=(Answered(body=body),)):
            return body
        case Observation(init=Failed(error=error)) | Observation(answers=(Failed(error=error),)):
            raise Unavailable(f"the runtime could not be asked about the archives: {error}.")
        case _:
            raise Unavailable("the runtime ended while it was asked about the archives.")
