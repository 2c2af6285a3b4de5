"""The harness itself never needs much memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from fixtures.broken import mini

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MB = 1024 * 1024
COMMAND = [sys.executable, "-m", "harness", "verify", "--handler", "app.main.handler", "--format", "json"]


@pytest.mark.network
@pytest.mark.usefixtures("python")
def test_peak_memory(environ: Mapping[str, str], tmp_path: Path) -> None:
    """A layer just under Lambda's limit, verified from nothing: the harness itself stays under 200 MB."""
    layer, chunk = tmp_path / "layer.zip", os.urandom(MB)
    with zipfile.ZipFile(layer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(2000):
            info = zipfile.ZipInfo(f"python/many/m{number}.py")
            info.external_attr = 0o644 << 16
            archive.writestr(info, f"x = {number}\n" * (20_000 if number == 7 else 50))
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
