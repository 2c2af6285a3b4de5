"""What all tests share: a cache of the suite's own, kept between runs and apart from the user's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.cache.folder import using

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]


CACHE = Path(__file__).parent / "build" / "test-cache"


@pytest.fixture(scope="session")
def cache() -> Path:
    """The suite's cache folder."""
    return CACHE


@pytest.fixture(scope="session", autouse=True)
def _cache_in_use() -> Iterator[None]:
    """Hold the cache as commands do: else one that another worker runs removes what a test is about to read."""
    with using(CACHE):  # not the fixture of that name, which a test's own parameter may hide
        yield


@pytest.fixture(scope="session")
def environ(cache: Path) -> dict[str, str]:
    """The environment of a user whose cache is the suite's."""
    return {**os.environ, "LAMBDA_ARTIFACT_CACHE": str(cache)}


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDA_ARTIFACT_CACHE", str(cache))
