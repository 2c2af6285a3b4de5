"""An AWS account for each test of what reads from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import aws

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def account(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[aws.Account]:
    """An empty account, which the SDK's own variables lead to."""
    for made in aws.accounts(moto):
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield made
