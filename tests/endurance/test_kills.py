"""However and whenever a run is ended, it leaves nothing behind, and the next one is right."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.endurance.scene import difference, ended, soon, times

if TYPE_CHECKING:
    from tests.endurance.scene import Scene

MADE = " created"
"""The end of a container's line that never ran: SIGKILL may leave it, and the next run removes it."""

CODES = {signal.SIGKILL: {-signal.SIGKILL}, signal.SIGINT: {130}, signal.SIGTERM: {143, -signal.SIGTERM}}


@pytest.mark.timeout(6000)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_at_any_moment(scene: Scene, number: signal.Signals) -> None:
    """Cold and warm, the process alone and its whole group: as Ctrl-C does, and as the end of a container does."""
    moments = random.Random(7)  # noqa: S311 - moments, not secrets
    right = scene.right()
    warm = scene.seconds()
    wrong: list[object] = []
    for repetition in range(times(70 if number == signal.SIGKILL else 30, 1)):
        cold = repetition % 2 == 0
        if cold:
            scene.empty()
        run = scene.start()
        time.sleep(moments.uniform(0.0, 1.3 * warm + 0.2 * cold))
        (os.killpg if repetition % 4 < 2 else os.kill)(run.pid, number)
        killed = ended(run)
        if killed.code not in {*CODES[number], right.code}:  # it may have ended before
            wrong.append((repetition, killed))
        if number != signal.SIGKILL and killed.code != right.code and (killed.output or "Traceback" in killed.errors):
            wrong.append((repetition, killed))
        if found := [one for one in soon(scene.left) if number != signal.SIGKILL or not one.endswith(MADE)]:
            wrong.append((repetition, found))
        if (after := scene.run()).report != right.report:
            wrong.append((repetition, after.code, difference(after.report, right.report), after.errors))
        if found := [*soon(scene.left), *scene.half_made()]:
            wrong.append((repetition, "after the next", found))
    assert wrong == []
