"""What the page on cache keys shows is true: its commands are run, its pipelines read, its outputs compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from harness.dependencies.comparison.cache_keys import unkeyed
from harness.dependencies.inputs import inputs_of
from harness.dependencies.project_reader import read_project
from harness.manifest import load
from harness.policy import KNOWN_RUNTIMES
from tests.pages import blocks, essence, run
from tests.pages import shop as scene

if TYPE_CHECKING:
    from pathlib import Path

    from harness.dependencies.comparison.cache_keys import Unkeyed
    from tests.pages import Block

pytestmark = pytest.mark.slow

PAGE = "docs/cache-keys.md"
PIPELINES = blocks(PAGE, "yaml")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    scene(tmp_path, PAGE)
    return tmp_path


def missing_from(block: Block, shop: Path) -> tuple[Unkeyed, ...]:
    """What is found wrong with a pipeline of the page."""
    name = ".github/workflows/deploy.yml" if "jobs:" in block.text else ".gitlab-ci.yml"
    (shop / name).parent.mkdir(parents=True, exist_ok=True)
    (shop / name).write_text(block.text, encoding="utf-8")
    (shop / "poetry.lock").touch()
    manifest = load(shop / "lambda-artifact.toml", runtimes=KNOWN_RUNTIMES)
    return unkeyed(manifest, inputs_of(manifest, read_project(manifest)))


def test_the_wrong_key_is_found_as_it_is_shown(shop: Path, environ: dict[str, str]) -> None:
    (wrong,) = [block for block in PIPELINES if block.comment == "wrong"]
    (sentence,) = [block.text.strip() for block in blocks(PAGE) if block.comment == "said of it"]
    assert missing_from(wrong, shop)

    printed = run("lambda-artifact verify -v --engine none --select layer-fresh", shop, environ)

    assert essence(sentence) in essence(printed)


@pytest.mark.parametrize("block", [block for block in PIPELINES if not block.comment], ids=["github", "gitlab"])
def test_the_others_are_right(block: Block, shop: Path) -> None:
    assert missing_from(block, shop) == ()
    assert yaml.safe_load(block.text)


def test_what_gitlab_is_told_builds_once(shop: Path, environ: dict[str, str]) -> None:
    (block,) = [block for block in PIPELINES if "stages:" in block.text]
    commands = [command for command in yaml.safe_load(block.text)["build"]["script"] if "pip install" not in command]
    built = "#!/bin/sh\necho built >> log\ncp build/built.zip build/layer.zip\n"
    (shop / "build" / "layer.zip").rename(shop / "build" / "built.zip")
    for name, text in {"build-layer.sh": built, "build-code.sh": "#!/bin/sh\n"}.items():
        (shop / name).write_text(text, encoding="utf-8")
        (shop / name).chmod(0o755)
    script = "set -e\n" + "\n".join(commands)

    for count, requirement in (1, "0.4.1"), (1, "0.4.1"), (2, "0.4.2"), (2, "0.4.2"):
        (shop / "deps" / "base.txt").write_text(f"parcelkit=={requirement}\n", encoding="utf-8")
        run(f"({script}\n)", shop, environ)
        assert (shop / "log").read_text().count("built") == count
        assert "PASS" in run("lambda-artifact verify -v --engine none --select layer-fresh", shop, environ)
