"""The runtime's answers to questions about archives, stored by all that an answer depends on.

A library that loaded once loads again with the same interpreter, on the same machine, from the same bytes. Starts of
handlers are never stored, and neither are answers that report a fault, so that they are asked again.
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
        """The stored answer of a key, if any."""
        path = self._folder / key
        answer = sealed.load(path)
        used(path, hit=answer is not None)
        return None if answer is None else answer.decode()

    def save(self, key: str, answer: str) -> None:
        """Store an answer, unless it reports a fault.

        Raises:
            OSError: The store cannot be written.
        """
        if is_sound(answer):
            self._folder.mkdir(parents=True, exist_ok=True)
            sealed.save(self._folder / key, answer.encode())


def key_of(start: Start, engine: EngineInfo, trees: Sequence[str | None]) -> str:
    """A digest of all that an answer depends on.

    Args:
        start: The question.
        engine: The engine that answers it.
        trees: The content keys of code and layers.
    """
    runtime = [engine.name, engine.sandbox, engine.image, engine.digest, engine.python]
    runtime += [platform.machine(), platform.release()]
    parts = [_SCHEMA, start.events, start.environment, start.memory, runtime, list(trees)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def is_sound(answer: str) -> bool:
    """Whether an answer reports no fault: as an entry of a list, else as ``error``."""
    with contextlib.suppress(ValueError, KeyError):
        value = json.loads(answer)
        return not (value["error"] if isinstance(value, dict) else value)
    return False
