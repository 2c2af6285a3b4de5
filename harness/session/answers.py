"""What the runtime answered to questions about archives, kept by all that the answer depends on.

A library that could be loaded can be loaded again: by the same interpreter, on the same machine, from the same bytes.
Handlers are never answered for from here, and of what told of a fault nothing is kept, so that it is asked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from typing import TYPE_CHECKING

from harness.cache import sealed
from harness.cache.usage import used

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.engines.protocol import Start
    from harness.model import EngineInfo

_SCHEMA = 1
"""Part of every key: raised when questions are asked, or answered, in another way."""


class AnswerStore:
    """Answers below one folder, a file for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def find(self, key: str) -> str | None:
        """The answer of a key, if it is here."""
        path = self._folder / key
        found = sealed.load(path)
        used(path, hit=found is not None)
        return None if found is None else found.decode()

    def keep(self, key: str, answer: str) -> None:
        """Keep an answer, unless it tells of a fault.

        Raises:
            OSError: The store cannot be written.
        """
        if is_sound(answer):
            self._folder.mkdir(parents=True, exist_ok=True)
            sealed.save(self._folder / key, answer.encode())


def key_of(start: Start, engine: EngineInfo, trees: Sequence[str | None]) -> str:
    """What stands for all that an answer depends on.

    Args:
        start: The question.
        engine: What answers it.
        trees: What stands for the content of code and layers.
    """
    runtime = [engine.name, engine.sandbox, engine.image, engine.digest, engine.python]
    runtime += [platform.machine(), platform.release()]
    parts = [_SCHEMA, start.events, start.environment, start.memory, runtime, list(trees)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def is_sound(answer: str) -> bool:
    """Whether an answer tells of no fault: of a list each entry would, else ``error``."""
    with contextlib.suppress(ValueError, KeyError):
        said = json.loads(answer)
        return not (said["error"] if isinstance(said, dict) else said)
    return False
