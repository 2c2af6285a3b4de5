"""The settings of a verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from harness.engines.protocol import Engine, Progress
    from harness.session.verdicts import VerdictCache


@dataclass(frozen=True, slots=True)
class Settings:
    """How to verify: everything that does not depend on the artifact.

    Attributes:
        engine: Starts the handlers.
        cache: The user's cache folder of this tool.
        progress: Called with each step.
        select: Ids of the checks to run; empty means all.
        skip: Ids of checks not to run.
        strict: Whether a warning fails too.
        static: Whether handlers are deliberately not started.
        init_timeout: Seconds after which an init is stopped.
        source_digests: Whether reports for people have the whole digests of the archives.
        profile_init: Whether each handler is started once more, with its imports timed.
        inventory: Whether the report says what the archives are made of.
        profile: The AWS profile; None for the SDK's default chain.
        today: For the waivers' dates.
        verdicts: Reports of earlier runs; None: each is made.
    """

    engine: Engine
    cache: Path
    progress: Progress
    today: date
    select: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    strict: bool = False
    static: bool = False
    init_timeout: float = 60.0
    profile: str | None = None
    source_digests: bool = False
    inventory: bool = False
    profile_init: bool = False
    verdicts: VerdictCache | None = None
