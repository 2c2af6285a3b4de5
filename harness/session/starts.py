"""Starts functions: those that share archives in one job, those with a seed with their emulated AWS."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from harness.cache.folder import unusable_cache
from harness.emulator import Unusable, emulator
from harness.engines.protocol import Answers, Job, Observation, Start, Unavailable
from harness.model import EmulatedCall, EngineInfo, Timing
from harness.session.archives import timed
from harness.sources.aws_actions import s3_operation
from harness.sources.local import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from harness.artifact.bundle import Bundle
    from harness.emulator import Emulator
    from harness.manifest import Function, Manifest
    from harness.manifest.seeds import Seed
    from harness.policy import RuntimePolicy
    from harness.session.settings import Settings
    from harness.session.workspace import Workspace


@dataclass
class Starts:
    """Starts functions with the engine of a session.

    Attributes:
        info: What ran the handlers; None before the first job.
        called: The AWS operations that functions with a seed called, by their names.
    """

    manifest: Manifest
    settings: Settings
    workspace: Workspace
    info: EngineInfo | None = None
    called: dict[str, tuple[EmulatedCall, ...]] = field(default_factory=dict)

    def target(self, function: Function) -> tuple[RuntimePolicy, str]:
        """The runtime and the architecture that a function is started with."""
        return self.workspace.policy_of(function), str(function.architecture or self.manifest.architecture)

    def groups(self, functions: Collection[Function]) -> list[list[Function]]:
        """Functions by the archives that they share, without those whose archives cannot be had or read."""
        groups: dict[object, list[Function]] = {}
        for function in self.manifest.functions:
            with contextlib.suppress(SourceUnavailable):
                archives = self.workspace.bundle(function).archives
                if function in functions and not any(archive.refusals for archive in archives):
                    groups.setdefault(self.workspace.key(function), []).append(function)
        return list(groups.values())

    def reached(self, group: Sequence[Function]) -> tuple[str, ...]:
        """The files that functions load when they start, as far as that is known.

        For a single one it is not worth the wait: to find it out takes as long as the start.
        """
        if len(group) == 1:
            return ()
        with timed(self.workspace.timings, "following the imports"):
            return self.workspace.reached(group[0])

    def started(
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
                    self.called |= {one.name: _called(outside, one) for one in group if one.name in seeds}
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
            task, opt = self.trees(self.workspace.bundle(group[0]))
            starts = tuple(map(_profiled if profiled else _start_of, group))
            limit = self.settings.init_timeout
            portable = lambda: not self.workspace.subject(group[0]).facts.binaries  # noqa: E731 - asked late
            job = Job(*self.target(group[0]), task, opt, starts, limit, reached, outside, portable)
            answers = self.run(job)
        except Unavailable as reason:
            return {function.name: reason for function in group}
        self.info = self.info if profiled else answers.info
        return {observation.function: observation for observation in answers.observations}

    def trees(self, bundle: Bundle) -> tuple[Path, Path | None]:
        """The unpacked archives of a bundle.

        Raises:
            Unavailable: They cannot be unpacked here.
        """
        with self._room():
            return self.workspace.archives.trees(bundle)

    def run(self, job: Job) -> Answers:
        """Run a job.

        Raises:
            Unavailable: The engine cannot be had here.
        """
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
