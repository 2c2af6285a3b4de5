"""The two engines, and what handlers and seeds of these tests are made with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.engines.choice import Choice, engine
from harness.manifest import seeds
from tests.engines.bench import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.engines.protocol import Engine
    from harness.manifest.seeds import Seed


@pytest.fixture
def an_engine(engine_name: str, cache: Path) -> Engine:
    """Each engine in turn."""
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if engine_name == "container" else None
    return engine(Choice(engine_name), os.environ, cache, image, None)


@pytest.fixture
def sown(tmp_path: Path) -> Callable[[str], Seed]:
    """From the text of a seed file to what it says."""

    def sown(text: str) -> Seed:
        path = tmp_path / "seed.toml"
        path.write_text(text, "utf-8")
        return seeds.read("seed.toml", path)

    return sown


@pytest.fixture
def task(cache: Path, tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """From files to the tree that stands at /var/task."""

    return lambda files: unpacked(cache, tmp_path / "code.zip", files)
