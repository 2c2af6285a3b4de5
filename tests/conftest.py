"""What tests of several folders share: the sample's archives, and the engines that run handlers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.build import Sample, build_sample
from harness.engines.daemon import connect
from harness.engines.interpreters import find
from harness.engines.protocol import Unavailable

ROOT = Path(__file__).parents[1]
IMAGE = "LAMBDA_ARTIFACT_TEST_IMAGE"
REQUIRE_DOCKER = "LAMBDA_ARTIFACT_REQUIRE_DOCKER"


@pytest.fixture(scope="session")
def sample() -> Sample:
    """The archives where ``make`` leaves them: built once, and once for all workers."""
    return build_sample(ROOT / "build" / "sample" / "x86_64", "x86_64")


@pytest.fixture(scope="session")
def arm_sample() -> Sample:
    return build_sample(ROOT / "build" / "sample" / "arm64", "arm64")


@pytest.fixture(scope="session")
def python() -> Path:
    """CPython of the functions' version, wherever it is; a test whose user has another home names it."""
    interpreter, _ = find((3, 12), os.environ)
    if interpreter is None:
        if os.environ.get(REQUIRE_DOCKER) == "1":  # where everything is required, so is the other engine
            pytest.fail("no CPython 3.12 on this machine", pytrace=False)
        pytest.skip("no CPython 3.12 on this machine")
    return interpreter.executable


@pytest.fixture(scope="session")
def image() -> str:
    """The image that plays Lambda's, where a daemon answers."""
    name = os.environ.get(IMAGE, "")
    missing = "" if name else f"{IMAGE} names no image"
    try:
        if name:
            connect(os.environ).client.close()
    except Unavailable as reason:
        missing = str(reason)
    if missing and os.environ.get(REQUIRE_DOCKER) == "1":
        pytest.fail(f"{REQUIRE_DOCKER}=1, and {missing}", pytrace=False)
    if missing:
        pytest.skip(missing)
    return name


@pytest.fixture(
    params=[
        pytest.param("process", marks=pytest.mark.network),  # the runtime client is installed at the first use
        pytest.param("container", marks=pytest.mark.docker),
    ]
)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine that starts handlers, by its name on the command line."""
    name = str(request.param)
    request.getfixturevalue("image" if name == "container" else "python")
    return name
