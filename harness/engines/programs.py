"""The texts of the probe's programs, for interpreters that do not see this machine's files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(module: str) -> str:
    """The source of a module of the probe."""
    return files("harness.probe").joinpath(f"{module}.py").read_text("utf-8")
