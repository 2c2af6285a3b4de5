"""The source files that handlers load when they start, kept by what was followed to find them.

They are what is worth compiling before: a guess, which costs a little time where it is wrong and never changes a
verdict. Where they are kept, handlers can start before anything is understood of their archives.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

import msgspec

from harness.artifact import sealed
from harness.kept import used

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.artifact.bundle import Bundle
    from harness.manifest import Function

FOLDER = "reached"
_SCHEMA = 1
"""Part of every key: raised when imports are followed in another way."""


class ReachStore:
    """Paths below one folder, a file for each set of handlers over the same archives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def find(self, key: str) -> tuple[str, ...] | None:
        """The paths of a key; None where they are not kept."""
        path = self._folder / key
        packed = sealed.load(path)
        used(path, hit=packed is not None)
        try:
            return msgspec.msgpack.decode(packed, type=tuple[str, ...]) if packed else None
        except msgspec.MsgspecError:
            return None

    def keep(self, key: str, paths: Sequence[str]) -> None:
        """Keep paths, unless they are kept already; a cache that cannot be written does without."""
        packed = msgspec.msgpack.encode(paths)
        with contextlib.suppress(OSError):
            if sealed.load(self._folder / key) != packed:
                self._folder.mkdir(parents=True, exist_ok=True)
                sealed.save(self._folder / key, packed)


def key_of(runtime: str, bundle: Bundle, functions: Sequence[Function]) -> str:
    """What stands for the handlers of functions that share archives."""
    handlers = [[function.handler, function.environment] for function in functions]
    parts = [_SCHEMA, runtime, [archive.sha256 for archive in bundle.archives], bundle.code is None, handlers]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
