"""The front page: short, its commands and examples work, and what it promises is there."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import yaml

from fixtures.case import lay_out
from fixtures.corpus import CASES
from harness.catalogue import CATALOGUE
from harness.manifest import load
from harness.policy import known_runtimes
from tests.pages import PAGES, ROOT, blocks

if TYPE_CHECKING:
    from pathlib import Path

README = PAGES["README.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 200
    assert len(README.encode()) <= 12_000


def test_links_work_on_the_package_index() -> None:
    """That they lead somewhere, the site's build finds out."""
    links = re.findall(r"\]\(([^)\s]+)\)", README)

    assert links
    assert [link for link in links if not link.startswith(PROJECT["urls"]["Documentation"])] == []


def test_what_it_counts_and_names_is_there() -> None:
    first, *_, last = known_runtimes()

    assert f"[{len(CATALOGUE)} checks]" in README
    assert f"Functions may use {first} to {last}," in README


def test_make_does_what_is_said() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")

    assert "SAMPLE := fixtures/sample/lambda-artifact.toml" in makefile
    assert 'lambda-artifact verify --manifest "$(or $(MANIFEST),$(SAMPLE))"' in makefile
    assert {"verify", "test", "docs"} <= set(re.findall(r"`make (\w+)", README))
    for text in PAGES.values():
        for target in re.findall(r"(?:`|^\$ |^)make ([a-z-]+)", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_manifest_is_one(tmp_path: Path) -> None:
    lay_out(CASES[0], tmp_path)
    (manifest,) = blocks("README.md", "toml")
    table = tomllib.loads(manifest.text)
    inputs = [*table["requirements"], table["project"]]
    named = [table["code"], *table["layers"], *inputs, *table["functions"]["api"]["events"]]
    for name in named:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({}) if name.endswith(".json") else "", "utf-8")
    (tmp_path / "lambda-artifact.toml").write_text(manifest.text, "utf-8")

    loaded = load(tmp_path / "lambda-artifact.toml", runtimes=known_runtimes())

    assert [function.name for function in loaded.functions] == ["api", "worker"]


def test_pipelines_verify_between_build_and_deploy() -> None:
    github, gitlab = (yaml.safe_load(block.text) for block in blocks("README.md", "yaml"))
    steps = [step.get("run", "") for step in github["jobs"]["deploy"]["steps"]]

    assert ["build.sh" in steps[2], "verify" in steps[3], "deploy.sh" in steps[4]] == [True] * 3
    assert gitlab["stages"] == ["build", "verify", "deploy"]
