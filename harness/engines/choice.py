"""Which engine does the work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.engines.container import ContainerEngine
from harness.engines.process import ProcessEngine
from harness.engines.protocol import Answers, Engine, Job, Missing, Progress, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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
        caveats = (f"the Lambda image was not used: {missing}", *answers.info.caveats)
        return replace(answers, info=replace(answers.info, caveats=caveats))


def engine(choice: Choice, environ: Mapping[str, str], cache: Path, image: str | None, python: Path | None) -> Engine:
    """The engine for a choice.

    Args:
        choice: What the user asks for.
        environ: The user's environment, to find daemons and interpreters with.
        cache: Where the process engine keeps the runtime's packages.
        image: ``--image``.
        python: ``--python``.
    """
    container = ContainerEngine(environ, image)
    process = ProcessEngine(environ, cache, python)
    match choice:
        case Choice.CONTAINER:
            return container
        case Choice.PROCESS:
            return process
        case Choice.NONE:
            return Missing("--engine none: no handler was started.")
        case Choice.AUTO:
            # An interpreter that the user names is meant to be used.
            return process if python is not None and image is None else First(container, process)
