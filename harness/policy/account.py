"""AWS's dates for runtimes, and its limit on requests: data, in ``account.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from harness.policy.documents import read_toml

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class Announced:
    """The end of a runtime, as AWS has announced it.

    Attributes:
        deprecation: From then on it gets no patches.
        block_create: From then on no function can be created with it.
        block_update: From then on no function with it can be updated.
        as_of: When the announcement was read; AWS puts the last two off at times.
    """

    deprecation: date
    block_create: date
    block_update: date
    as_of: date


@cache
def announced(runtime: str) -> Announced | None:
    """AWS's dates for the end of a runtime; None for a runtime without dates."""
    document = read_toml("account.toml")
    dates = document["runtimes"].get(runtime)
    if dates is None:
        return None
    return Announced(dates["deprecation"], dates["block-create"], dates["block-update"], document["as-of"])


def explaining_check(code: str) -> str | None:
    """The check that finds what one of Lambda's codes for a failed state or update means; None where none does."""
    found: str | None = read_toml("account.toml")["reasons"]["values"].get(code)
    return found


def requests_per_second() -> int:
    """AWS's limit on requests about an account's functions and layers, for all clients together."""
    return int(read_toml("account.toml")["control-plane"]["requests-per-second"])
