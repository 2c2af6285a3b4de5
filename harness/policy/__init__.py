"""Lambda's promises for a runtime: data, each figure with its source, in ``runtimes.toml`` and ``stdlib.toml``."""

from __future__ import annotations

from harness.policy.runtimes import known_runtimes, limits, runtime_policy, unverifiable
from harness.policy.values import (
    Limits,
    Removed,
    RuntimePolicy,
    SymbolCeiling,
    UnknownRuntime,
    environment_size,
    service_environment,
)

__all__ = [
    "KNOWN_RUNTIMES",
    "Limits",
    "Removed",
    "RuntimePolicy",
    "SymbolCeiling",
    "UnknownRuntime",
    "environment_size",
    "known_runtimes",
    "limits",
    "runtime_policy",
    "service_environment",
    "unverifiable",
]

KNOWN_RUNTIMES: tuple[str, ...]  # the same as known_runtimes(), and read from the data only when asked for


def __getattr__(name: str) -> tuple[str, ...]:
    if name == "KNOWN_RUNTIMES":
        return known_runtimes()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
