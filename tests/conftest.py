"""What tests of several folders share: the sample's archives, and the engines that run handlers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest

from fixtures.build import Sample, build_sample
from harness.engines.daemon import connect
from harness.engines.interpreters import find
from harness.engines.protocol import Unavailable
from harness.engines.sandbox import Sandbox
from tests import aws
from tests.canaries import PLANTED, Overheard, canaries_in

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# A busy machine fails no test.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
IMAGE = "LAMBDA_ARTIFACT_TEST_IMAGE"
REQUIRE_DOCKER = "LAMBDA_ARTIFACT_REQUIRE_DOCKER"
SANDBOX = "LAMBDA_ARTIFACT_TEST_SANDBOX"
"""Names the one kind of sandbox that is used, and has to work; without it, the tests use what this machine has."""

STARTING = frozenset({"python", "image", "engine_name", "engines", "machine"})
"""A test that uses one of these fixtures, through others too, starts something; so does what is marked ``docker``."""

STARTING_MODULES = ("test_benchmarks.py", "emulator/test_endings.py", "engines/test_root_cache.py")
"""Tests that start something without them, by commands that a page shows for instance."""

CORPUS_MODULES = ("tests/test_verdicts.py", "fixtures/test_corpus.py")


@pytest.hookimpl(tryfirst=True)  # what -m selects is decided by these
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = STARTING.intersection(getattr(item, "fixturenames", ()))
        if fixtures or item.path.as_posix().endswith(STARTING_MODULES) or item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.starts)
        if item.path.as_posix().endswith(CORPUS_MODULES):
            item.add_marker(pytest.mark.corpus)
        if "moto" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of moto's server; what asks it takes a second each time."""
    yield from aws.started()


@pytest.fixture(autouse=True)
def _what_starts_is_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> NoReturn:
        raise AssertionError("this test starts a handler: give it a fixture of STARTING, or name its module there")

    if request.node.get_closest_marker("starts") is None:
        monkeypatch.setattr(Sandbox, "__init__", refused)


def not_wanted(kind: str) -> None:
    """Skip a test where another kind of sandbox is the only one to be used."""
    wanted = os.environ.get(SANDBOX, kind)
    if kind not in {wanted, "container"}:
        pytest.skip(f"{SANDBOX}={wanted}")


def missing(kind: str, reason: str) -> NoReturn:
    """Skip a test where a kind of sandbox does not work; fail it where that kind is required."""
    if os.environ.get(SANDBOX) == kind:
        pytest.fail(f"{SANDBOX}={kind}, and {reason}", pytrace=False)
    pytest.skip(reason)


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


@pytest.fixture(scope="session")
def environ(environ: dict[str, str]) -> dict[str, str]:
    """The environment of a user who has secrets, too."""
    return {**environ, **PLANTED}


@pytest.fixture(autouse=True)
def _no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    heard = Overheard()
    monkeypatch.setattr(subprocess.Popen, "communicate", heard.processes(subprocess.Popen.communicate))
    monkeypatch.setattr(pytest.CaptureFixture, "readouterr", heard.captured(pytest.CaptureFixture.readouterr))
    monkeypatch.setattr(Path, "write_text", heard.files(Path.write_text))
    yield
    assert heard.found == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    told = [(name, canary) for name, text in report.sections for canary in canaries_in(text)]
    if told and report.passed:
        report.outcome, report.longrepr = "failed", f"secrets were told: {told}"
    return report
