"""Which engine does the work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.engines.protocol import Answers, Engine, Job, Missing, Progress, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.policy import RuntimePolicy


class Choice(StrEnum):
    """What ``--engine`` takes."""

    AUTO = "auto"
    CONTAINER = "container"
    PROCESS = "process"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class First:
    """The container where it can do the job, else a process on this machine, and the report says why."""

    container: Engine
    process: Engine

    def prepare(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> bool | None:
        """Prepare the one that will do the job; False where neither can."""
        if self.container.prepare(policy, architecture, progress) is False:
            return self.process.prepare(policy, architecture, progress)
        return True

    def identity(self, policy: RuntimePolicy, architecture: str, progress: Progress) -> str:
        """That of the one that will do the job.

        Raises:
            Unavailable: Neither can.
        """
        try:
            return self.container.identity(policy, architecture, progress)
        except Unavailable as missing:
            return f"{self.process.identity(policy, architecture, progress)} {missing}"

    def run(self, job: Job, progress: Progress) -> Answers:
        """See the class.

        Raises:
            Unavailable: Neither can do the job.
        """
        try:
            return self.container.run(job, progress)
        except Unavailable as reason:
            missing = str(reason)
        try:
            answers = self.process.run(job, progress)
        except Unavailable as reason:
            raise Unavailable(f"{reason} (The container engine: {missing})") from None
        caveats = (f"the Lambda image was not used: {missing.removesuffix('.')}", *answers.info.caveats)
        return replace(answers, info=replace(answers.info, caveats=caveats))


def engine(  # noqa: PLR0913 - what a user may choose, and the switch
    choice: Choice,
    environ: Mapping[str, str],
    cache: Path,
    image: str | None,
    python: Path | None,
    *,
    compiles: bool = True,
) -> Engine:
    """The engine for a choice.

    Args:
        choice: What the user asks for.
        environ: The user's environment, to find daemons and interpreters with.
        cache: Where the runtime's packages and compiled modules are kept.
        image: ``--image``, which is meant to be used: where it cannot be had, nothing else stands in for it.
        python: ``--python``.
        compiles: Whether bytecode is put beside the sources; False lets each handler compile what it loads.
    """
    # An interpreter that the user names is meant to be used.
    alone = choice is Choice.PROCESS or (choice is Choice.AUTO and python is not None and image is None)
    if choice is Choice.NONE:
        return Missing("--engine none: no handler was started.")
    from harness.engines.process import ProcessEngine  # noqa: PLC0415 - a tenth of what static checks take to import

    process = ProcessEngine(environ, cache, python, compiles=compiles)
    if alone:
        return process
    from harness.engines.container import ContainerEngine  # noqa: PLC0415 - the same

    container = ContainerEngine(environ, cache, image, compiles)
    return container if choice is Choice.CONTAINER or image else First(container, process)
