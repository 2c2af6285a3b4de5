"""What a diagnosis says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What to change, and why it is so where the archives, the repository or the manifest show it."""

    remedy: str
    cause: str | None = None
