"""However a run ends, it leaves nothing half-made and nothing running; and it never needs much memory."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini
from fixtures.small import ENVIRONMENT, write_code, write_layer
from harness.artifact import trees

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS = 50
MB = 1024 * 1024
COMMAND = [sys.executable, "-m", "harness", "verify", "--handler", "app.main.handler", "--format", "json"]
SLOW = "import time\ntime.sleep(0.5)\n"


def descendants_of_ours(mark: str) -> list[str]:
    """Command lines of living processes that were started with our mark in their environment or arguments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark in line and state != "Z":
            found.append(line[:200])
    return found


def eventually_none(look: object, seconds: float = 10.0) -> object:
    """What ``look`` still finds after a while; mostly nothing at the first look."""
    deadline = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.1)
    return found


@pytest.mark.timeout(600)
def test_kill_9_at_any_moment(engine_name: str, environ: Mapping[str, str], cache: Path, tmp_path: Path) -> None:
    """Fifty runs killed at random: the cache stays sound, and what was started ends with the one who started it."""
    code, layer = write_code(tmp_path / "code.zip"), write_layer(tmp_path / "layer.zip")
    own = tmp_path / "cache"
    own.mkdir()
    if (cache / "runtimes").is_dir():  # what is installed once; the kills are to meet the unpacking and the runs
        (own / "runtimes").symlink_to(cache / "runtimes")
    variables = [word for name, value in ENVIRONMENT.items() for word in ("--env", f"{name}={value}")]
    command = [*COMMAND, "--code", str(code), "--layer", str(layer), "--engine", engine_name, *variables]
    if engine_name == "container":
        command += ["--image", environ["LAMBDA_ARTIFACT_TEST_IMAGE"]]
    settings = {**environ, "LAMBDA_ARTIFACT_CACHE": str(own)}
    generator = random.Random(1)  # noqa: S311 - moments, not secrets
    for number in range(RUNS):
        if number % 10 == 0:
            trees.remove(own / "trees")
        with subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            time.sleep(generator.uniform(0.05, 1.2))
            run.send_signal(signal.SIGKILL)
    last = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stdout
    assert not eventually_none(lambda: descendants_of_ours(str(own)))
    assert not list((own / "trees").glob("*.draft-*"))
    if engine_name == "container":
        assert not eventually_none(lambda: ours_on_the_daemon(environ))


def ours_on_the_daemon(environ: Mapping[str, str]) -> list[str]:
    """Containers of ours whose process is no more; those of tests beside this one have theirs."""
    asked = ["docker", "ps", "--all", "--filter", "label=lambda-artifact-harness", "--format"]
    said = subprocess.run(
        [*asked, '{{.Label "lambda-artifact-harness.pid"}}'],
        env=dict(environ),
        capture_output=True,
        text=True,
        check=True,
    )
    return [pid for pid in said.stdout.split() if not Path("/proc", pid).exists()]


def test_ctrl_c(engine_name: str, environ: Mapping[str, str], tmp_path: Path) -> None:
    hanging = "import time\ndef handler(event, context):\n    pass\ntime.sleep(600)\n"
    code = mini(tmp_path / "code.zip", {"app/main.py": hanging})
    command = [*COMMAND, "--code", str(code), "--engine", engine_name]
    if engine_name == "container":
        command += ["--image", environ["LAMBDA_ARTIFACT_TEST_IMAGE"]]
    command = ["env", "--default-signal=INT", *command]  # a job in the background is born deaf to it
    with subprocess.Popen(command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        time.sleep(3)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=60)
    assert (run.returncode, output) == (130, b"")
    if engine_name == "container":
        assert not eventually_none(lambda: ours_on_the_daemon(environ))


@pytest.mark.network
@pytest.mark.usefixtures("python")
def test_peak_memory(environ: Mapping[str, str], tmp_path: Path) -> None:
    """A layer just under Lambda's limit, verified from nothing: the harness itself stays under 200 MB."""
    layer, chunk = tmp_path / "layer.zip", os.urandom(MB)
    with zipfile.ZipFile(layer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(2000):
            info = zipfile.ZipInfo(f"python/many/m{number}.py")
            info.external_attr = 0o644 << 16
            archive.writestr(info, f"x = {number}\n" * 500)
        info = zipfile.ZipInfo("python/large.bin")
        info.external_attr = 0o644 << 16
        with archive.open(info, "w") as large:
            for _ in range(236):
                large.write(chunk)
    code = mini(tmp_path / "code.zip", {"app/main.py": "import many.m7\ndef handler(event, context):\n    return 1\n"})
    arguments = [*COMMAND[3:], "--code", str(code), "--layer", str(layer), "--engine", "process"]
    script = (
        "import os, pathlib, re, sys\nfrom harness.cli import run\n"
        f"code = run({arguments!r}, os.environ)\n"
        # Not getrusage: it counts what the process that started this one had.
        "peak = re.search(r'VmHWM:\\s*([0-9]+)', pathlib.Path('/proc/self/status').read_text())[1]\n"
        "print(code, peak, file=sys.stderr)\n"
    )
    settings = {**environ, "LAMBDA_ARTIFACT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", script], env=settings, capture_output=True, text=True, check=True)
    status, kilobytes = re.findall(r"\d+", done.stderr.splitlines()[-1])
    assert status == "0", done.stdout
    assert int(kilobytes) * 1024 < 200 * MB
