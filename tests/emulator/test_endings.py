"""The services end with whoever asked for them, however that ends; and where they cannot be had, that is said."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from harness.emulator import REMEDY, SERVER, Unusable, emulator
from harness.engines.choice import Choice, engine
from harness.manifest import load
from harness.model import Skipped
from harness.plugin.fixtures import LambdaRuntime
from harness.session.settings import Settings
from harness.verify import Verification, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.manifest.seeds import Seed

RUNS = 8
TODAY = date(2026, 1, 1)
DESK = '[[buckets]]\nname = "desk"\nobjects = [{ key = "{number}", count = 2000 }]\n'
HANDLER = """
import boto3

def handler(event, context):
    return boto3.client("s3").list_objects_v2(Bucket="desk")["KeyCount"]
"""


def servers(mark: str) -> list[int]:
    """Processes of services that were started by one whose environment had our mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line, variables = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(SERVER) in line and mark.encode() in variables:
            found.append(int(folder.name))
    return found


def eventually(look: Callable[[], object]) -> object:
    """What ``look`` still finds after a while; mostly nothing at the first look."""
    deadline = time.monotonic() + 10
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    mini(tmp_path / "code.zip", {"app.py": HANDLER, "other.py": "def handler(event, context):\n    return 1\n"})
    (tmp_path / "seed.toml").write_text(DESK, "utf-8")
    (tmp_path / "event.json").write_text('{"event": {}, "expect": 1000}', "utf-8")
    path = tmp_path / "lambda-artifact.toml"
    path.write_text(
        'code = "code.zip"\n[functions.app]\nhandler = "app.handler"\naws-seed = "seed.toml"\nevents = ["event.json"]\n'
        '[functions.other]\nhandler = "other.handler"\n',
        "utf-8",
    )
    return path


@pytest.mark.timeout(300)
def test_kill_9_at_any_moment(engine_name: str, environ: Mapping[str, str], manifest: Path) -> None:
    mark = manifest.parent / "temporary"
    mark.mkdir()
    settings = {**environ, "TMPDIR": str(mark)}
    command = [sys.executable, "-m", "harness", "verify", "--manifest", str(manifest), "--engine", engine_name]
    if engine_name == "container":
        command += ["--image", environ["LAMBDA_ARTIFACT_TEST_IMAGE"]]
    whole = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stdout
    generator = random.Random(1)  # noqa: S311 - moments, not secrets
    met = 0
    for _ in range(RUNS):
        with subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None and not servers(str(mark)):
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 1.5))
            met += bool(servers(str(mark)))
            run.send_signal(signal.SIGKILL)
        assert not eventually(lambda: servers(str(mark)))
    assert met


def test_ctrl_c_while_it_is_seeded(environ: Mapping[str, str], manifest: Path) -> None:
    mark = manifest.parent / "temporary"
    mark.mkdir()
    (manifest.parent / "seed.toml").write_text(DESK.replace("2000", "100000"), "utf-8")
    command = ["env", "--default-signal=INT", sys.executable, "-m", "harness", "verify", "--manifest", str(manifest)]
    with subprocess.Popen(
        [*command, "--engine", "process"],
        env={**environ, "TMPDIR": str(mark)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        while run.poll() is None and not servers(str(mark)):
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=60)
    assert (run.returncode, output) == (130, b"")
    assert not eventually(lambda: servers(str(mark)))


def test_nothing_is_left_of_it(sown: Callable[[str], Seed]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with emulator({"one": sown(DESK)}, lambda _: None) as services:
            services.serve("one", "1", theirs)
        with pytest.raises(OSError, match=r"Bad file descriptor|has ended"):
            services.serve("one", "2", theirs)


def test_what_a_service_refuses_is_said(sown: Callable[[str], Seed]) -> None:
    seed = sown('[[queues]]\nname = "q"\nmessages = [{ file = "seed.toml" }]\n[[secrets]]\nname = "s"\ntext = "x"\n')
    seed.path.write_bytes(b"\xff\xfe")
    with (
        pytest.raises(Unusable, match=r"the emulated AWS does not take what seed\.toml says: 'utf-8' codec"),
        emulator({"one": seed}, lambda _: None),
    ):
        pass


def test_without_the_extra_the_function_is_skipped_and_no_other(
    monkeypatch: pytest.MonkeyPatch, cache: Path, manifest: Path
) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)  # as Python notes a module that may not be imported
    settings = Settings(
        engine(Choice.PROCESS, os.environ, cache, None, None), cache, lambda _: None, TODAY, ("handler-imports",)
    )
    report = verify(load(manifest, runtimes=["python3.12"]), settings)

    app, other = report.results
    assert isinstance(app.outcome, Skipped)
    assert app.outcome.reason == f"the emulated AWS that `aws-seed` asks for needs moto: {REMEDY}."
    assert not isinstance(other.outcome, Skipped)
    assert report.exit_code == 3


def test_a_seed_counts_for_a_projects_own_tests(cache: Path, manifest: Path) -> None:

    settings = Settings(engine(Choice.PROCESS, os.environ, cache, None, None), cache, lambda _: None, TODAY)
    runtime = LambdaRuntime(Verification(load(manifest, runtimes=["python3.12"]), settings), pytest.fail)

    assert runtime.invoke("app", json.loads("{}")) == 1000
