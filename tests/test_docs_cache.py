"""What the page on keeping the cache shows is true: its pipelines are read, its commands understood."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from fixtures.case import lay_out
from fixtures.corpus import CASES
from harness.cache import usage
from harness.cache.folder import PARTS
from harness.cli import run
from tests.pages import PAGES, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = PAGES["docs/cache.md"]
PIPELINES = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WORTH = [name for name, worth in re.findall(r"^\| `(\w+)` \| [^|]* \| (yes|no)", PAGE, re.MULTILINE) if worth == "yes"]


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any YAML
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    if isinstance(value, str):
        yield value


def commands() -> list[str]:
    """The commands in the page's blocks, each once."""
    texts = [block.text for block in blocks("docs/cache.md")]
    lines = [re.sub(r"^[\s$-]*(?:command: )?", "", line) for text in texts for line in text.splitlines()]
    return list(dict.fromkeys(line for line in lines if line.startswith("lambda-artifact ")))


def test_each_part_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(PARTS)


@pytest.mark.parametrize(("service", "text"), PIPELINES, ids=[service for service, _ in PIPELINES])
def test_pipelines_keep_parts_that_are_worth_it(service: str, text: str) -> None:
    said = " ".join(texts(yaml.safe_load(text)))

    assert {part for part in PARTS if re.search(rf"artifact(?:-cache)?/{part}\b", said)} <= set(WORTH)
    assert "lambda-artifact cache prune --older-than 14d" in said
    assert service in {"Azure Pipelines", "CircleCI", "GitHub Actions", "GitLab CI"}


@pytest.mark.parametrize("command", commands())
def test_commands_are_understood(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(next(case for case in CASES if case.name == "sound"), tmp_path)
    monkeypatch.chdir(tmp_path)
    static = ["--engine", "none"] if " verify" in command else []

    assert run([*shlex.split(command)[1:], *static], {"LAMBDA_ARTIFACT_CACHE": str(tmp_path / "cache")}) == 0


@pytest.mark.parametrize("tool", ["tar", "zip"])
def test_what_comes_back_is_used(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    lay_out(next(case for case in CASES if case.name == "sound"), tmp_path)
    monkeypatch.chdir(tmp_path)
    verify = ["verify", "--engine", "none"]
    first, second = tmp_path / "first", tmp_path / "second"
    run(verify, {"LAMBDA_ARTIFACT_CACHE": str(first)})
    second.mkdir()
    packed = {"tar": ["tar", "--posix", "-cf", "../x", "facts"], "zip": ["zip", "-qr", "../x.zip", "facts"]}[tool]
    subprocess.run(packed, cwd=first, check=True)
    subprocess.run(
        ["tar", "-xf", "../x"] if tool == "tar" else ["python3", "-m", "zipfile", "-e", "../x.zip", "."],
        cwd=second,
        check=True,
    )

    run(verify, {"LAMBDA_ARTIFACT_CACHE": str(second)})

    assert (usage.uses(first).hits, usage.uses(first).misses["facts"]) == ({}, 2)
    assert (usage.uses(second).hits["facts"], usage.uses(second).misses.get("facts", 0)) == (2, 0)
