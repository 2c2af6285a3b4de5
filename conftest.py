"""What all tests share: which engines there are, and a cache of the suite's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

REQUIRE_DOCKER = "LAMBDA_ARTIFACT_REQUIRE_DOCKER"
TEST_IMAGE = "LAMBDA_ARTIFACT_TEST_IMAGE"

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def cache() -> Path:
    """The suite's cache folder: kept between runs, and apart from the user's."""
    return Path(__file__).parent / "build" / "test-cache"


@pytest.fixture(scope="session")
def environ(cache: Path) -> dict[str, str]:
    """The environment of a user whose cache is the suite's."""
    return {**os.environ, "LAMBDA_ARTIFACT_CACHE": str(cache)}


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LAMBDA_ARTIFACT_CACHE", str(cache))
    yield
