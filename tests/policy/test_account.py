"""What AWS has announced of its runtimes."""

from __future__ import annotations

import botocore.session
import pytest

from harness.catalogue import CATALOGUE
from harness.policy import KNOWN_RUNTIMES, runtime_policy
from harness.policy.account import announced, explaining_check, requests_per_second
from harness.policy.documents import read_toml


@pytest.mark.parametrize("runtime", read_toml("account.toml")["runtimes"])
def test_a_runtime_ends_step_by_step(runtime: str) -> None:
    known = announced(runtime)

    assert known is not None
    assert known.deprecation < known.block_create < known.block_update


@pytest.mark.parametrize("runtime", KNOWN_RUNTIMES)
def test_both_tables_name_one_day(runtime: str) -> None:
    known = announced(runtime)

    assert (known.deprecation if known else None) == runtime_policy(runtime).deprecation


def test_from_3_8_on_each_has_its_dates() -> None:
    assert tuple(read_toml("account.toml")["runtimes"]) == tuple(f"python3.{minor}" for minor in range(8, 15))
    assert announced("python3.15") is None
    assert announced("provided.al2023") is None


def test_reasons_are_lambdas_words_and_lead_to_checks() -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    reasons = read_toml("account.toml")["reasons"]["values"]
    for shape in ("StateReasonCode", "LastUpdateStatusReasonCode"):
        assert reasons.keys() <= set(model.shape_for(shape).metadata["enum"])
    assert {explaining_check(code) for code in reasons} <= {check.id for check in CATALOGUE}
    assert explaining_check("Creating") is None


def test_the_quota_is_lambdas() -> None:
    assert requests_per_second() == 15
