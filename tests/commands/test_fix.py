"""What `--fix` changes and `--diff` shows, on archives that are broken in ways which can be mended at once."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.outage import Step, lay_out
from harness.cli import run

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.build import Sample

STATIC = ["verify", "--engine", "none", "--skip", "source-parity"]
SOURCE = b"def handler(event, context):\n    return 1\n"
MAGIC = {"3.12": (3531).to_bytes(2, "little") + b"\r\n"}


@dataclass(frozen=True)
class Fault:
    """A way to break an archive: entries with their modes, the check that sees it, whether its fix is safe."""

    check: str
    entries: tuple[tuple[str, bytes, int], ...]
    safe: bool = True


STALE = MAGIC["3.12"] + struct.pack("<III", 0, 1, 1) + b"N"
FAULTS = {
    "mode": Fault("file-permissions", (("secret.py", b"x = 1\n", 0o600), ("run.sh", b"#!/bin/sh\n", 0o700))),
    "stale": Fault("stale-bytecode", (("__pycache__/app.cpython-312.pyc", STALE, 0o644),)),
    "cache": Fault("unwanted-files", ((".pytest_cache/README.md", b"cache", 0o644), ("lib/.DS_Store", b"x", 0o644))),
    "history": Fault("unwanted-files", ((".git/HEAD", b"ref: refs/heads/main\n", 0o644),), safe=False),
}


def laid_out(folder: Path, names: tuple[str, ...], *, lacking: bool = False) -> Path:
    """A repository whose archive has these faults, and with `lacking` not the file that the manifest requires."""
    (folder / "backend").mkdir()
    (folder / "backend" / "app.py").write_bytes(SOURCE)
    (folder / "backend" / "settings.ini").write_text("[settings]\n", "utf-8")
    entries = [("app.py", SOURCE, 0o644), *(entry for name in names for entry in FAULTS[name].entries)]
    entries += [] if lacking else [("settings.ini", b"[settings]\n", 0o644)]
    with zipfile.ZipFile(folder / "code.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, content)
    (folder / "lambda-artifact.toml").write_text(
        'code = "code.zip"\nsource = "backend"\nrequired-files = ["settings.ini"]\n\n'
        '[functions.api]\nhandler = "app.handler"\n',
        "utf-8",
    )
    return folder


def report(environ: dict[str, str], folder: Path, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    out, manifest = folder / "report.json", str(folder / "lambda-artifact.toml")
    code = run([*STATIC, "--manifest", manifest, "--output", f"json={out}", *arguments], environ)
    return {**json.loads(out.read_bytes()), "code": code}


def found(document: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - JSON
    """What counts, by check and by message without the archive's name."""
    return {
        (result["check"], finding["message"].replace("code.fixed.zip", "code.zip"))
        for result in document["results"]
        for finding in result["findings"]
        if finding["waived"] is None
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(sorted(FAULTS)), unique=True), lacking=st.booleans(), unsafe=st.booleans())
def test_a_fix_removes_its_finding_and_makes_no_other(
    environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory, names: list[str], *, lacking: bool, unsafe: bool
) -> None:
    folder = laid_out(tmp_path_factory.mktemp("shop"), tuple(names), lacking=lacking)
    original = (folder / "code.zip").read_bytes()
    earlier = report(environ, folder)
    before = found(earlier)
    mended = [name for name in names if unsafe or FAULTS[name].safe]
    gone = {FAULTS[name].check for name in mended} | ({"required-files"} if lacking else set())
    left = {FAULTS[name].check for name in names if name not in mended}

    document = report(environ, folder, "--fix", *(["--unsafe-fixes"] if unsafe else []))

    assert {check for check, _ in before} == gone | left
    assert {check for check, _ in found(document)} == left
    assert found(document) <= before
    assert document["code"] == earlier["code"]  # what the manifest names is as it was
    assert (folder / "code.zip").read_bytes() == original
    fixed = folder / "code.fixed.zip"
    assert fixed.exists() == bool(mended or lacking)
    notes = [note for note in document["notes"] if note.startswith("fixed: ")]
    assert len(notes) == fixed.exists()
    for data in (original, fixed.read_bytes()) if fixed.exists() else ():
        assert hashlib.sha256(data).hexdigest() in notes[0]
    if fixed.exists():  # once more, on what it has written: there is nothing left to do
        manifest = folder / "lambda-artifact.toml"
        manifest.write_text(manifest.read_text("utf-8").replace("code.zip", "code.fixed.zip"), "utf-8")
        assert found(report(environ, folder, "--fix", *(["--unsafe-fixes"] if unsafe else []))) == found(document)
        assert not (folder / "code.fixed.fixed.zip").exists()


def test_diff_shows_what_fix_would_change_and_changes_nothing(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = laid_out(tmp_path, ("mode", "stale", "history"), lacking=True)
    before = sorted(path.name for path in folder.iterdir())
    assert run([*STATIC, "--manifest", str(folder / "lambda-artifact.toml"), "--diff"], environ) == 1
    said = capsys.readouterr()
    assert said.out == (
        "--- code.zip\n+++ code.fixed.zip\n-__pycache__/app.cpython-312.pyc\n!run.sh (mode 0755)\n"
        "!secret.py (mode 0644)\n+settings.ini (from backend/settings.ini)\n"
    )
    assert "--unsafe-fixes would change 1 more" in said.err
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.slow
def test_a_pin_is_inserted_into_the_requirements(
    environ: dict[str, str], tmp_path: Path, sample: Sample, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = lay_out(Step.DECLARED, tmp_path, sample)
    requirements = tmp_path / "requirements.txt"
    before = requirements.read_text("utf-8")
    assert "defusedxml" not in before

    run([*STATIC, "--manifest", str(manifest), "--diff"], environ)
    assert "\n+defusedxml==0.7.1\n" in capsys.readouterr().out
    sarif = tmp_path / "r.sarif"
    run([*STATIC, "--manifest", str(manifest), "--output", f"sarif={sarif}"], environ)
    (fix,) = json.loads(sarif.read_bytes())["runs"][0]["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "requirements.txt"
    assert change["replacements"][0]["insertedContent"]["text"] == "defusedxml==0.7.1\n"
    run([*STATIC, "--manifest", str(manifest), "--fix"], environ)
    once = requirements.read_text("utf-8")
    assert sorted(once.splitlines()) == sorted([*before.splitlines(), "defusedxml==0.7.1"])
    run([*STATIC, "--manifest", str(manifest), "--fix"], environ)
    assert requirements.read_text("utf-8") == once


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fix", "--diff"], "--fix and --diff: choose one"),
        (["--unsafe-fixes"], "--unsafe-fixes goes with --fix or --diff"),
        (["--fix", "--write-baseline"], "leave out --select, --skip and --fix"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    folder = laid_out(tmp_path, ())
    assert run([*STATIC, "--manifest", str(folder / "lambda-artifact.toml"), *arguments], environ) == 2
    assert said in capsys.readouterr().err
