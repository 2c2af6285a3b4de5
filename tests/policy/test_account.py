"""What AWS has announced of its runtimes."""

from __future__ import annotations

import pytest

from harness.policy import KNOWN_RUNTIMES, runtime_policy
from harness.policy.account import announced, announced_runtimes, requests_per_second


@pytest.mark.parametrize("runtime", announced_runtimes())
def test_a_runtime_ends_step_by_step(runtime: str) -> None:
    known = announced(runtime)

    assert known is not None
    assert known.deprecation < known.block_create < known.block_update


@pytest.mark.parametrize("runtime", KNOWN_RUNTIMES)
def test_both_tables_name_one_day(runtime: str) -> None:
    known = announced(runtime)

    assert (known.deprecation if known else None) == runtime_policy(runtime).deprecation


def test_from_3_8_on_each_has_its_dates() -> None:
    assert announced_runtimes() == tuple(f"python3.{minor}" for minor in range(8, 15))
    assert announced("python3.15") is None
    assert announced("provided.al2023") is None


def test_the_quota_is_lambdas() -> None:
    assert requests_per_second() == 15
