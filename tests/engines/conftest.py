"""A folder of handlers, and the two engines to start them with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.artifact.store import Store
from harness.engines.choice import Choice, engine
from harness.engines.environment import Environment, prepare
from harness.engines.interpreters import Interpreter, ask
from harness.policy import runtime_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.engines.protocol import Engine


@pytest.fixture(scope="session")
def unpack(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """From files to the tree that stands at /var/task, as a verification makes it."""

    def unpack(files: Mapping[str, str | bytes], modes: Mapping[str, int] | None = None) -> Path:
        path = mini(tmp_path_factory.mktemp("code") / "code.zip", dict(files), modes=dict(modes or {}))
        archive = read(path, "code.zip", Role.CODE)
        assert not archive.refusals
        store = Store(cache / "trees")
        return store.masked(store.tree(archive, 262_144_000))

    return unpack


@pytest.fixture(scope="session")
def interpreter(python: Path) -> Interpreter:
    """CPython of the functions' version."""
    found = ask(python, (3, 12))
    assert isinstance(found, Interpreter)
    return found


@pytest.fixture(scope="session")
def made(interpreter: Interpreter, cache: Path) -> Environment:
    """The environment of most tests, made by the first that asks for it."""
    return prepare(runtime_policy("python3.12"), interpreter, cache, lambda _: None)


@pytest.fixture
def an_engine(engine_name: str, cache: Path) -> Engine:
    """Each engine in turn."""
    image = os.environ.get("LAMBDA_ARTIFACT_TEST_IMAGE") if engine_name == "container" else None
    return engine(Choice(engine_name), os.environ, cache, image, None)
