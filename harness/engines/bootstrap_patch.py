"""The runtime's bootstrap with the patch before it that reports how the import of the handler's module went."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from harness.cache.sealed import replace_file
from harness.engines.probe_messages import text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOOTSTRAP = "/var/runtime/bootstrap.py"


def patched(bootstrap: str) -> str:
    """The text of a bootstrap that first applies the patch, and is then the given one: in its own ``__main__``.

    The patch's frames count as the bootstrap's own, which the runtime client leaves out of stack traces.
    """
    lines = [
        "# The runtime's bootstrap.py; before that, a patch that reports where the import of the handler fails.",
        f"exec(compile({text('bootstrap_patch')!r}, {BOOTSTRAP!r}, 'exec'), {{'__name__': 'bootstrap_patch'}})",
        f"exec(compile({bootstrap!r}, __file__, 'exec'))",
    ]
    return "\n".join([*lines, ""])


def patched_file(folder: Path, image: str, read: Callable[[], str | None]) -> Path | None:
    """The bootstrap of an image with the patch, as a file below a folder; made once for each image.

    None where the folder cannot be written, or the image has no bootstrap to ``read``.
    """
    key = hashlib.sha256(f"{image} {patched('')}".encode()).hexdigest()
    for path in folder.glob(f"{key}-*.py"):
        with contextlib.suppress(OSError):
            if path.name == _named(key, path.read_bytes()):
                return path
    original = read()
    if original is None:
        return None
    content = patched(original).encode()
    path = folder / _named(key, content)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, content, 0o444)
        return path
    return None


def _named(key: str, content: bytes) -> str:
    """The name of a file, which what is in it must match."""
    return f"{key}-{hashlib.sha256(content).hexdigest()}.py"
