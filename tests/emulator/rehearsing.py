"""Starts handlers beside emulated services."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.emulator import emulator
from tests.engines.bench import Bench, start

if TYPE_CHECKING:
    from pathlib import Path

    from harness.engines.protocol import Engine, Observation, Start
    from harness.manifest.seeds import Seed


class Rehearsal:
    """Starts handlers of one tree with services that a seed says."""

    def __init__(self, an_engine: Engine, task: Path, seed: Seed) -> None:
        self.bench, self.seed = Bench(an_engine, task), seed

    def run(self, *starts: Start) -> tuple[Observation, ...]:
        wanted = [replace(one, emulated=True, timeout=30) for one in starts]
        with emulator({one.function: self.seed for one in wanted}, lambda _: None) as outside:
            job = replace(self.bench.job(*wanted, init_timeout=30), outside=outside)
            return self.bench.engine.run(job, lambda _: None).observations

    def answers(self, handler: str, *events: object, **environment: object) -> list[Any]:
        (seen,) = self.run(start(handler, [json.dumps(event) for event in events], **environment))
        assert len(seen.answers) == len(events), seen
        return [json.loads(answer.body) if hasattr(answer, "body") else answer for answer in seen.answers]
