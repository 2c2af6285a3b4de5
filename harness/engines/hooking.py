"""The runtime's bootstrap with the patch before it that reports how the import of the handler's module went."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from harness.artifact.sealed import replace_file
from harness.engines.programs import text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOOTSTRAP = "/var/runtime/bootstrap.py"


def hooked(bootstrap: str) -> str:
    """The text of a bootstrap that first applies the patch, and is then the given one: in its own ``__main__``.

    The patch's frames count as the bootstrap's own, which the runtime client leaves out of stack traces.
    """
    lines = [
        "# The runtime's bootstrap.py; before that, a patch that reports where the import of the handler fails.",
        f"exec(compile({text('bootstrap_patch')!r}, {BOOTSTRAP!r}, 'exec'), {{'__name__': 'bootstrap_patch'}})",
        f"exec(compile({bootstrap!r}, __file__, 'exec'))",
    ]
    return "\n".join([*lines, ""])


def hooked_file(folder: Path, image: str, read: Callable[[], str | None]) -> Path | None:
    """The bootstrap of an image with the patch, as a file below a folder; made once for each image.

    None where the folder cannot be written, or the image has no bootstrap to ``read``.
    """
    digest = hashlib.sha256(f"{image} {hooked('')}".encode()).hexdigest()
    path = folder / f"{digest}.py"
    if not path.exists():
        original = read()
        if original is None:
            return None
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, hooked(original).encode(), 0o444)
    return path if path.exists() else None
