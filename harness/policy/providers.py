"""Which distributions provide a module."""

from __future__ import annotations


def providers(module: str) -> tuple[str, ...]:
    """The distributions that provide a module."""
    del module
    return ()


def modules(distribution: str) -> tuple[str, ...]:
    """The modules that a distribution provides."""
    del distribution
    return ()
