"""Runs beside one another are each as right as one alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.endurance.scene import ended, soon, times

if TYPE_CHECKING:
    from tests.endurance.scene import Scene


@pytest.mark.timeout(3000)
def test_two_at_a_time(scene: Scene) -> None:
    """In a cache that is empty, or that a third empties meanwhile."""
    right = scene.right().report
    wrong: list[object] = []
    for repetition in range(times(50, 1)):
        scene.empty()
        runs = [scene.start(), scene.start()]
        if repetition % 4 == 3:
            command = [sys.executable, "-m", "harness", "cache", "prune", "--max-size", "1"]
            pruned = subprocess.run(command, env=scene.settings, capture_output=True, text=True, check=False)
            wrong += [pruned] if pruned.returncode and "is in use by another run" not in pruned.stderr else []
        wrong += [(repetition, one) for one in map(ended, runs) if one.report != right]
        wrong += [(repetition, one) for one in (*soon(scene.left), *scene.half_made())]
    assert wrong == []
