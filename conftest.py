"""What all tests share: a cache of the suite's own, kept between runs and apart from the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def cache() -> Path:
    """The suite's cache folder."""
    return Path(__file__).parent / "build" / "test-cache"


@pytest.fixture(scope="session")
def environ(cache: Path) -> dict[str, str]:
    """The environment of a user whose cache is the suite's."""
    return {**os.environ, "LAMBDA_ARTIFACT_CACHE": str(cache)}


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDA_ARTIFACT_CACHE", str(cache))
