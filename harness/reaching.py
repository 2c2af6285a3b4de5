"""What handlers reach by their imports, kept by all that was followed to find it.

What is the same as before need not be followed again; and since it says what handlers load when they start, they can
start before anything is understood of their archives.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

import msgspec

from harness import __version__
from harness.artifact import sealed
from harness.facts import SCHEMA
from harness.kept import used

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.artifact.bundle import Bundle
    from harness.facts.graph import Row
    from harness.manifest import Architecture, Function

FOLDER = "reached"
_SCHEMA = 2
"""Part of every key: raised when imports are followed in another way."""
_LATER = 2
_Row = tuple[str, str, int, int, int, bool]
"""As ``harness.facts.graph`` says it, which takes long to import."""


class ReachStore:
    """Rows of graphs below one folder, a file for each set of handlers over the same archives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def find(self, key: str) -> tuple[Row, ...]:
        """The rows of a key; none where they are not kept."""
        path = self._folder / key
        packed = sealed.load(path)
        used(path, hit=packed is not None)
        try:
            return (
                msgspec.msgpack.decode(packed, type=tuple[tuple[str, str, int, int, int, bool], ...]) if packed else ()
            )
        except msgspec.MsgspecError:
            return ()

    def keep(self, key: str, rows: Sequence[Row]) -> None:
        """Keep rows, unless they are kept already; a cache that cannot be written does without."""
        packed = msgspec.msgpack.encode(rows)
        with contextlib.suppress(OSError):
            if sealed.load(self._folder / key) != packed:
                self._folder.mkdir(parents=True, exist_ok=True)
                sealed.save(self._folder / key, packed)


def at_start(rows: Sequence[Row]) -> tuple[str, ...]:
    """The files that are loaded when the handlers start, as far as that is known."""
    return tuple(path for _, path, when, *_ in rows if when != _LATER)


def key_of(runtime: str, architecture: Architecture, bundle: Bundle, functions: Sequence[Function]) -> str:
    """What stands for the handlers of functions that share archives."""
    handlers = [[function.handler, function.environment] for function in functions]
    archives = [[archive.role, archive.sha256] for archive in bundle.archives]
    parts = [__version__, SCHEMA, _SCHEMA, runtime, str(architecture), archives, handlers]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
