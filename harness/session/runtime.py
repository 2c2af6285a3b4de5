"""The runtime, as checks ask it: starts each function once, together with those that share its archives."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from harness.catalogue import named
from harness.diagnosis import scripts
from harness.emulator import CAVEAT
from harness.engines.protocol import Exceeded, Observation, Ready, Unavailable
from harness.model import EngineInfo, FunctionInfo, Result, Skipped
from harness.session.profiles import Profiles
from harness.session.questions import Questions
from harness.session.starts import Starts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from harness.check import Subject
    from harness.manifest import Function, Manifest
    from harness.session.settings import Settings
    from harness.session.workspace import Workspace

STATIC = EngineInfo("none", caveats=("static checks only: no handler was started",))
STARTS, RESPONDS = "handler-imports", "handler-responds"
MB = 1024 * 1024


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

    @cached_property
    def _starts(self) -> Starts:
        return Starts(self.manifest, self.settings, self.workspace)

    @cached_property
    def _questions(self) -> Questions:
        return Questions(self._starts)

    @cached_property
    def _profiles(self) -> Profiles:
        return Profiles(self._starts)

    @property
    def engine(self) -> EngineInfo:
        """What ran the handlers, and what it cannot vouch for."""
        if self.settings.static:
            return STATIC
        info = self._starts.info or EngineInfo("none")
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
            profile=self._profiles.find(function),
            aws_calls=self._starts.called.get(function.name),
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
        return self._profiles.run([function for function in self.manifest.functions if self.observation(function)])

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """The runtime's answers to questions about a subject's archives; see ``harness.check.Engines``.

        Raises:
            Unavailable: They could not be asked here, or got no answer.
        """
        return self._questions.ask(subject, questions)

    def start(self, functions: Collection[Function], meanwhile: Iterable[object]) -> None:
        """Start functions, and exhaust an iterable in a thread meanwhile, for as long as nothing interrupts it.

        Errors are left to the checks: each asks for its answer, and gets the same error.
        """
        first = next(iter(functions))
        arguments = (*self._starts.target(first), self.settings.progress)
        threading.Thread(target=self.settings.engine.prepare, args=arguments, daemon=True).start()
        groups = self._starts.groups(functions)
        reached = [
            self._starts.reached(group) for group in groups
        ]  # analyses the archives before the thread needs them
        with _exhausting(meanwhile):
            for group, paths in zip(groups, reached, strict=True):
                with contextlib.suppress(Exception):
                    self._answers |= self._starts.started(group, paths)

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
            self._answers |= self._starts.started(group, self._starts.reached(group))
        answer = self._answers[function.name]
        if isinstance(answer, Unavailable):
            raise answer
        return answer


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
