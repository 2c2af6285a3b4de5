"""The sample's cleanup, on emulated AWS: what it is shown, and that a wrong one is told apart from a right one.

A cleanup that compared keys in another form than its rows had once found every file of a bucket an orphan.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.build import SAMPLE, Sample
from harness.emulator import CAVEAT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HANDLER = "lambdas/cleanup/handler.py"
COMMAND = [sys.executable, "-m", "harness", "verify", "--format", "json"]
SELECT = ["--select", "handler-imports", "--select", "handler-responds"]


@pytest.fixture
def verified(
    engine_name: str, environ: Mapping[str, str], sample: Sample, tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """The report on the rehearsal, with a code archive in which something is replaced."""

    def verified(*edits: tuple[str, str]) -> dict[str, Any]:
        shutil.copytree(SAMPLE / "rehearsal", tmp_path / "rehearsal")
        shutil.copy(SAMPLE / "rehearsal.toml", tmp_path)
        code = tmp_path / "code.zip"
        with zipfile.ZipFile(sample.code) as old, zipfile.ZipFile(code, "w") as new:
            for info in old.infolist():
                text = old.read(info)
                for there, instead in edits if info.filename == HANDLER else ():
                    assert text.count(there.encode()) == 1
                    text = text.replace(there.encode(), instead.encode())
                new.writestr(info, text)
        command = [*COMMAND, *SELECT, "--manifest", str(tmp_path / "rehearsal.toml"), "--engine", engine_name]
        command += ["--code", str(code), "--layer", str(sample.layer)]
        if engine_name == "container":
            command += ["--image", environ["LAMBDA_ARTIFACT_TEST_IMAGE"]]
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return verified


def said(report: dict[str, Any]) -> list[str]:
    findings = [finding for result in report["results"] for finding in result.get("findings", ())]
    return [finding["message"] for finding in findings if finding["severity"] == "error"]


def test_it_finds_no_orphan_where_there_is_none(verified: Callable[..., dict[str, Any]]) -> None:
    report = verified()

    assert (report["verdict"], said(report)) == ("pass", [])
    assert CAVEAT in report["engine"]["caveats"]


def test_keys_compared_without_their_prefix(verified: Callable[..., dict[str, Any]]) -> None:
    report = verified(("_label(key) not in known", 'key.removeprefix("labels/") not in set(referenced)'))

    first, second, third, fourth = said(report)
    assert report["verdict"] == "fail"
    assert first.startswith("the answer['orphans'] has 500 elements, expected 0: [\"labels/000001.pdf\"")
    assert second.startswith("the answer['orphans'] has 1150 elements, expected 0")
    assert third.startswith("the answer['orphans'] has 500 elements, expected 0: [\"003301.pdf\"")
    assert fourth.startswith("the answer['orphans'] has 3 elements, expected 2")


def test_rows_taken_as_they_stand(verified: Callable[..., dict[str, Any]]) -> None:
    report = verified(("{_label(key) for key in referenced}", "set(referenced)"))

    assert report["verdict"] == "fail"


def test_the_first_page_alone(verified: Callable[..., dict[str, Any]]) -> None:
    """Of one full page it is not seen, of more it is."""
    report = verified(
        (
            '    for page in _s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):\n',
            "    for page in [_s3.list_objects_v2(Bucket=bucket, Prefix=prefix)]:\n",
        )
    )

    assert said(report) == ["the answer['objects'] is 1000, expected 2300"]


def test_a_dry_run_that_deletes(verified: Callable[..., dict[str, Any]]) -> None:
    report = verified(("if not request.dry_run:", "if request.dry_run:"), ("0 if request.dry_run else ", ""))

    assert said(report) == ["the answer['deleted'] is 2, expected 0"]
