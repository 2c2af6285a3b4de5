"""The runtime's bootstrap, with the lender of bytecode before it."""

from __future__ import annotations

import contextlib
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from harness.engines.bytecode import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def hooked(bootstrap: str) -> str:
    """The text of a bootstrap that first lets bytecode be lent, and is then the given one: in its own ``__main__``.

    The lender's frames count as the import system's own, which tracebacks and warnings leave out.
    """
    lender = files("harness.probe").joinpath("lender.py").read_text("utf-8")
    lines = [
        "# Plays the runtime's bootstrap.py; before that, the lender of bytecode, which does nothing without a loan.",
        f"exec(compile({lender!r}, '<frozen importlib._bootstrap_external>', 'exec'), {{'__name__': 'lender'}})",
        f"exec(compile({bootstrap!r}, __file__, 'exec'))",
    ]
    return "\n".join([*lines, ""])


def hooked_file(folder: Path | None, image: str, read: Callable[[], str | None]) -> Path | None:
    """The bootstrap of an image with the lender, as a file below a folder; made once for each image.

    None where no folder is given, or can be written, or the image has no bootstrap to ``read``.
    """
    if folder is None:
        return None
    digest = hashlib.sha256(f"{image} {hooked('')}".encode()).hexdigest()
    path = folder / f"{digest}.py"
    if not path.exists():
        text = read()
        if text is None:
            return None
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, [memoryview(hooked(text).encode())], mode=0o444)
    return path if path.exists() else None
