"""Advice, the result of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.model import Edit, Fault


@dataclass(frozen=True, slots=True)
class Advice:
    """A remedy, and its cause where the archives, the repository or the manifest show it.

    Attributes:
        edits: The remedy step by step, where each step has its place.
        faults: What is at the bottom of it.
        functions: The functions that it stops when they start.
        spared: Those that it leaves alone.
    """

    remedy: str
    cause: str | None = None
    edits: tuple[Edit, ...] = ()
    faults: tuple[Fault, ...] = ()
    functions: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()


def numbered(edits: Sequence[Edit]) -> str:
    """Edits as a text: several are numbered, one on a line."""
    if len(edits) == 1:
        return str(edits[0])
    return "\n".join(f"{number}. {edit}" for number, edit in enumerate(edits, 1))
