"""Requirements, of which none is taken that is nested deeper than whatever reads it later can go."""

from __future__ import annotations

import re
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

_DEEPEST: Final = 100  # parentheses within one another


def requirement(text: str) -> Requirement:
    """A requirement (PEP 508).

    Raises:
        InvalidRequirement: It is none, or its condition is nested beyond reason.
    """
    if is_deep(text):
        raise InvalidRequirement(text)
    return Requirement(text)


def is_deep(text: str) -> bool:
    """Whether parentheses are nested beyond reason."""
    depth = 0
    for mark in re.findall(r"[()]", text):
        depth += 1 if mark == "(" else -1
        if depth > _DEEPEST:
            return True
    return False
