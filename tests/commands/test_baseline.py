"""The baseline from the command: what writes it, what does not, and what later runs make of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fixtures.case import Case, lay_out
from harness.cli import run

if TYPE_CHECKING:
    from pathlib import Path

STATIC = ["verify", "--engine", "none"]
FILE = "lambda-artifact.baseline.json"
REQUIREMENTS = "tinyxml\nparcelkit>=0.4\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact whose requirements are not pinned, which is a warning."""
    monkeypatch.chdir(tmp_path)
    lay_out(
        Case(name="loose", files=(("requirements.txt", REQUIREMENTS),), requirements=("requirements.txt",)), tmp_path
    )
    return tmp_path


def test_what_was_there_passes_and_what_is_new_does_not(
    shop: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    wanting = [*STATIC, "--require", "one.txt", "--require"]
    assert run([*wanting, "two.txt"], environ) == 1
    assert run([*wanting, "two.txt", "--write-baseline"], environ) == 0
    assert f"{FILE} is written: " in capsys.readouterr().err
    manifest = shop / "lambda-artifact.toml"
    manifest.write_text(f'baseline = "{FILE}"\n{manifest.read_text("utf-8")}', "utf-8")
    assert run([*wanting, "two.txt"], environ) == 0
    assert f"of required-files (in the baseline {FILE})" in " ".join(capsys.readouterr().out.split())

    assert run([*wanting, "three.txt"], environ) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "three.txt" in said.partition("waived")[0]
    assert "one.txt" not in said.partition("waived")[0]
    assert "accepts what is no longer there; write it again: required-files:" in said
    assert "two.txt" in said.partition("write it again")[2]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--select", "unpinned", "--write-baseline"], 2, "leave out --select, --skip and --fix"),
        (["--skip", "unpinned", "--write-baseline"], 2, "leave out --select, --skip and --fix"),
        (["--layer", "s3://none/none", "--write-baseline"], 3, f"{FILE} is not written: not everything could be done"),
        (["--baseline-reason", "x"], 2, "--baseline-reason goes with --write-baseline"),
        (["--write-baseline", "none/x.json"], 2, "--write-baseline none/x.json: No such file or directory"),
    ],
)
def test_a_partial_run_writes_nothing(  # noqa: PLR0913 - fixtures, and a row of the table
    *,
    shop: Path,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    (shop / FILE).write_text(before := json.dumps({"schema": "lambda-artifact/baseline/v1", "findings": []}), "utf-8")
    assert run([*STATIC, *arguments], environ) == code
    assert said in capsys.readouterr().err
    assert (shop / FILE).read_text("utf-8") == before


@pytest.mark.usefixtures("shop")
def test_a_function_that_does_not_start_gets_in_with_a_reason_alone(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = [*STATIC, "--handler", "absent.handler", "--write-baseline"]
    assert run(broken, environ) == 1
    assert 'give --baseline-reason "WHY" to add it' in capsys.readouterr().err
    assert run([*broken, "--baseline-reason", "it is switched off"], environ) == 0
    assert run(broken, environ) == 0  # the reason stays


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            'unpined = "note"',
            ":{line}: `severity.unpined`: no check is named unpined: did you mean unpinned?",
        ),
        ('unpinned = "off"', '`severity.unpinned`: expected "error", "warning" or "note", found "off"'),
        ('handler-imports = "note"', "`severity.handler-imports`: a handler that does not start stays an error"),
    ],
)
def test_a_severity_that_is_none_is_a_wrong_request(
    shop: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str], table: str, said: str
) -> None:
    manifest = shop / "lambda-artifact.toml"
    text = manifest.read_text("utf-8")
    manifest.write_text(f"{text}\n[severity]\n{table}\n", "utf-8")
    assert run(STATIC, environ) == 2
    assert said.format(line=text.count("\n") + 3) in capsys.readouterr().err


def test_a_severity_of_the_manifest_counts(
    shop: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = shop / "lambda-artifact.toml"
    text = manifest.read_text("utf-8")
    for level, code in (("error", 1), ("warning", 0), ("note", 0)):
        manifest.write_text(f'{text}\n[severity]\nunpinned = "{level}"\n', "utf-8")
        assert run([*STATIC, "--format", "json"], environ) == code
        results = {one["check"]: one for one in json.loads(capsys.readouterr().out)["results"]}
        found = results["unpinned"]
        assert {one["severity"] for one in found["findings"]} == ({level} if level != "note" else set())
        assert bool(found["notes"]) == (level == "note")


@pytest.mark.parametrize("level", ["warning", "note"])
def test_no_manifest_makes_less_of_an_error_unseen(
    shop: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str], level: str
) -> None:
    manifest = shop / "lambda-artifact.toml"
    text = manifest.read_text("utf-8")
    manifest.write_text(f'{text}\n[severity]\nrequired-files = "{level}"\n', "utf-8")
    assert run([*STATIC, "--require", "absent.ini"], environ) == 0
    assert f"errors of required-files that [severity] makes {level}s: 1" in capsys.readouterr().out
