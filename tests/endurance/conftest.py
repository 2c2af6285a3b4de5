"""The scenes: one for each kind of sandbox that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from harness.engines.interpreters import Interpreter, ask
from harness.engines.root import prepare
from harness.policy import runtime_policy
from tests.endurance.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def hides() -> bool:
    """Whether bubblewrap can be hidden from a command, or is not there."""
    return (
        not shutil.which("bwrap") or not subprocess.run(["/usr/bin/unshare", "--mount", "true"], check=False).returncode
    )


@pytest.fixture(
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.network),  # the runtime client is installed at the first use
        pytest.param("namespaces", marks=pytest.mark.network),
        pytest.param("container", marks=pytest.mark.docker),
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of sandbox."""
    name = str(request.param)
    request.getfixturevalue("image" if name == "container" else "python")
    if name == "bubblewrap" and not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    if name == "namespaces" and (os.geteuid() != 0 or not hides()):
        pytest.skip("only root may hide bubblewrap here")
    return name


@pytest.fixture
def scene(kind: str, runtime: Path, environ: Mapping[str, str], tmp_path: Path) -> Scene:
    """An artifact with a cache of its own."""
    return Scene(kind, tmp_path, runtime, environ)


@pytest.fixture
def a_scene(runtime: Path, environ: Mapping[str, str], tmp_path: Path) -> Scene:
    """The same where the kind of sandbox has no part in it."""
    return Scene("bubblewrap" if shutil.which("bwrap") else "namespaces", tmp_path, runtime, environ)


@pytest.fixture(scope="session")
def runtime(python: Path, cache: Path) -> Path:
    """The suite's cache, with a runtime in it."""
    interpreter = ask(python, (3, 12))
    assert isinstance(interpreter, Interpreter)
    prepare(runtime_policy("python3.12"), interpreter, cache, lambda _: None)
    return cache
