"""What the command makes of a repository's files that are malformed, or of a format that nobody knows yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.case import Case, lay_out
from harness.cli import run

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "parcel-desk"\nversion = "1"\ndependencies = ["tinyxml", "parcelkit"]\n'
REQUIREMENTS = "tinyxml==1.2.0\nparcelkit==0.4.1\n"
UV = 'version = 1\n\n[[package]]\nname = "parcel-desk"\nversion = "1"\nsource = { virtual = "." }\n'

# The files beside those that are sound; what is said on standard error.
MALFORMED: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a project that is no TOML": ({"pyproject.toml": "[project]\nname = \n"}, ("pyproject.toml:2: expected TOML",)),
    "a project whose list is none": (
        {"pyproject.toml": '[project]\nname = "x"\ndependencies = "tinyxml"\n'},
        ("pyproject.toml:3: expected",),
    ),
    "a requirement that is none": (
        {"pyproject.toml": '[project]\nname = "x"\ndependencies = [\n  "tinyxml",\n  "parcelkit >> 2",\n]\n'},
        ("pyproject.toml:5: expected a requirement", "parcelkit >> 2"),
    ),
    "lines that are no requirements": (
        {"requirements.txt": "tinyxml==1.2.0\n=> 3\nparcelkit=0.4.1\n"},
        ("requirements.txt:2: expected a requirement", "requirements.txt:3: expected a requirement"),
    ),
    "an included file that is not there": (
        {"requirements.txt": "-r base.txt\n"},
        ("requirements.txt:1", "base.txt"),
    ),
    "a lock that is no TOML": ({"uv.lock": "version = 1\n[[package]\n"}, ("uv.lock:2: expected TOML",)),
    "a lock whose entry has no name": (
        {"uv.lock": f'{UV}\n[[package]]\nversion = "1.2.0"\n'},
        ("uv.lock:8", "`name`"),
    ),
    "a lock that is no JSON": ({"Pipfile.lock": '{"_meta": {}\n'}, ("Pipfile.lock:2: expected JSON",)),
}


def laid_out(folder: Path, files: dict[str, str]) -> str:
    merged = {"pyproject.toml": PROJECT, "requirements.txt": REQUIREMENTS, **files}
    case = Case(name="files", files=tuple(merged.items()), requirements=("requirements.txt",), project="pyproject.toml")
    return str(lay_out(case, folder))


@pytest.mark.parametrize(("files", "says"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_file_is_a_wrong_request(
    files: dict[str, str],
    says: tuple[str, ...],
    tmp_path: Path,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["verify", "--engine", "none", "--manifest", laid_out(tmp_path, files)], environ) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert [part for part in says if part not in told.err] == []
    assert "Traceback" not in told.err


# A lock of a later format; what the report says of it.
UNKNOWN: dict[str, tuple[str, str]] = {
    "poetry.lock": ('[metadata]\nlock-version = "9.0"\n', "9.0"),
    "uv.lock": ("version = 9\n", "9"),
    "pdm.lock": ('[metadata]\nlock_version = "9.0"\n', "9.0"),
    "pylock.toml": ('lock-version = "9.0"\ncreated-by = "tomorrow"\npackages = []\n', "9.0"),
    "Pipfile.lock": ('{"_meta": {"pipfile-spec": 9}, "default": {}, "develop": {}}', "9"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_lock_of_an_unknown_format_is_skipped_and_said(
    name: str, tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    text, version = UNKNOWN[name]

    assert run(["verify", "--engine", "none", "--manifest", laid_out(tmp_path, {name: text})], environ) == 3

    told = capsys.readouterr().out
    assert told.startswith("INCOMPLETE")
    assert "NOT DONE declared-dependencies; built-dependencies; unpinned" in told
    assert f"{name}: " in told
    assert version in told
