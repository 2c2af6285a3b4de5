"""A secret that comes out is noticed, whichever way it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries import PLANTED, VARIABLE, Overheard

TELL = "import os, pathlib, sys; {}(os.environ['PAYMENT_TOKEN'])"


@pytest.mark.parametrize(
    ("program", "arguments", "where"),
    [
        ("print", [], "the output of"),
        ("sys.stderr.write", [], "the output of"),
        ("pathlib.Path('report').write_text", ["--output", "json=report"], "the report report"),
        ("pathlib.Path('report').write_text", ["--output=markdown=report"], "the report report"),
        ("len", [], None),
    ],
)
def test_what_a_process_tells(
    program: str, arguments: list[str], where: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Overheard()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess.Popen, "communicate", heard.processes(subprocess.Popen.communicate.__wrapped__))  # type: ignore[attr-defined]

    command = [sys.executable, "-c", TELL.format(program), *arguments]
    subprocess.run(command, check=True, capture_output=True, env=PLANTED)

    assert [(place.startswith(where or "-"), canary) for place, canary in heard.found] == [(True, VARIABLE)] * bool(
        where
    )


@pytest.mark.parametrize(("module", "found"), [("harness.reporters", 1), ("tests.build", 0)])
def test_what_a_module_writes(module: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Overheard()
    monkeypatch.setattr(Path, "write_text", heard.files(Path.write_text.__wrapped__))  # type: ignore[attr-defined]

    exec("path.write_text(text)", {"__name__": module, "path": tmp_path / "x", "text": VARIABLE})  # noqa: S102 - ours

    assert len(heard.found) == found


def test_what_is_printed_here(capsys: pytest.CaptureFixture[str]) -> None:
    heard = Overheard()
    sys.stdout.write(VARIABLE)

    heard.captured(pytest.CaptureFixture.readouterr.__wrapped__)(capsys)  # type: ignore[attr-defined]

    assert heard.found == [("what was printed", VARIABLE)]
