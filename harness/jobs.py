"""What an engine is asked for functions that share their archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.engines.protocol import Job, Start
from harness.policy import runtime_policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.engines.protocol import Outside
    from harness.manifest import Function, Manifest
    from harness.settings import Settings


def job_of(  # noqa: PLR0913 - what a job is made of
    group: Sequence[Function],
    trees: tuple[Path, Path | None],
    reached: tuple[str, ...],
    *,
    manifest: Manifest,
    settings: Settings,
    outside: Outside | None = None,
) -> Job:
    """The job of starting functions and of invoking them with their events.

    Args:
        group: The functions; all have the same archives.
        trees: What stands at ``/var/task`` and ``/opt``.
        reached: The source files that they load when they start, as far as that is known.
        manifest: What they are of.
        settings: How to verify.
        outside: What those with a seed reach.
    """
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
    task, opt = trees
    policy = runtime_policy(manifest.runtime)
    return Job(policy, str(manifest.architecture), task, opt, starts, settings.init_timeout, reached, outside)
