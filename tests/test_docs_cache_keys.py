"""What the page on cache keys shows is true: its commands are run, its pipelines read, its outputs compared."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from fixtures import small_base
from harness.dependencies.comparison.cache_keys import unkeyed
from harness.dependencies.inputs import inputs_of
from harness.dependencies.project_reader import gather
from harness.manifest import load
from harness.policy import KNOWN_RUNTIMES
from tests.test_readme import FENCED, Block

if TYPE_CHECKING:
    from harness.dependencies.comparison.cache_keys import Unkeyed

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[1] / "docs" / "cache-keys.md").read_text(encoding="utf-8")
BLOCKS = [Block(found["language"], found["text"], found["said"] or "") for found in FENCED.finditer(PAGE)]
CONSOLES = [block for block in BLOCKS if block.language == "console"]
PIPELINES = [block for block in BLOCKS if block.language == "yaml"]
FILES = {
    "requirements.txt": "-r deps/base.txt\ntinyxml==1.2.0\n",
    "deps/base.txt": "parcelkit==0.4.1\n",
    "build-layer.sh": "pip install --target python --requirement requirements.txt && zip -r build/layer.zip python\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The repository that the page is about, with its archives built."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "build").mkdir()
    small_base.write_code(tmp_path / "build" / "code.zip")
    small_base.write_layer(tmp_path / "build" / "layer.zip")
    (manifest,) = [block.text for block in BLOCKS if block.language == "toml"]
    for name, text in {**FILES, "lambda-artifact.toml": manifest}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def printed(command: str, folder: Path, environ: dict[str, str]) -> str:
    """What a reader sees: both streams, in the order in which they are written."""
    path = f"{Path(sys.executable).parent}:{environ['PATH']}"
    settings = {**environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "80"}
    shell = ["/bin/sh", "-c", f"{command} 2>&1"]
    return subprocess.run(shell, cwd=folder, env=settings, capture_output=True, text=True, check=False).stdout


def essence(output: str) -> str:
    """An output without what may change: durations, the archives' sizes and digests, where lines are wrapped."""
    same = re.sub(r"\d[\d.,]* (?=s;|s\b|KB|files)|(?<=\.zip )[0-9a-f]{12}", "0 ", output)
    return " ".join(same.split())


def test_commands_print_what_is_shown(shop: Path, environ: dict[str, str]) -> None:
    for block in CONSOLES:
        told = "".join(printed(command, shop, environ) for command in block.commands)

        assert essence(told) == essence(block.output), block.commands


def told_of(block: Block, shop: Path) -> tuple[Unkeyed, ...]:
    """What is found wrong with a pipeline of the page."""
    name = ".github/workflows/deploy.yml" if "jobs:" in block.text else ".gitlab-ci.yml"
    (shop / name).parent.mkdir(parents=True, exist_ok=True)
    (shop / name).write_text(block.text, encoding="utf-8")
    (shop / "poetry.lock").touch()
    manifest = load(shop / "lambda-artifact.toml", runtimes=KNOWN_RUNTIMES)
    return unkeyed(manifest, inputs_of(manifest, gather(manifest)))


def test_the_wrong_key_is_found_as_it_is_shown(shop: Path, environ: dict[str, str]) -> None:
    (wrong,) = [block for block in PIPELINES if block.said == "wrong"]
    (sentence,) = [block.text.strip() for block in BLOCKS if block.said == "said of it"]
    assert told_of(wrong, shop)

    told = printed("lambda-artifact verify -v --engine none --select layer-fresh", shop, environ)

    assert essence(sentence) in essence(told)


@pytest.mark.parametrize("block", [block for block in PIPELINES if not block.said], ids=["github", "gitlab"])
def test_the_others_are_right(block: Block, shop: Path) -> None:
    assert told_of(block, shop) == ()
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
        printed(f"({script}\n)", shop, environ)
        assert (shop / "log").read_text().count("built") == count
        assert "PASS" in printed("lambda-artifact verify -v --engine none --select layer-fresh", shop, environ)


def test_every_option_exists(environ: dict[str, str], tmp_path: Path) -> None:
    calls = re.findall(r"lambda-artifact (\w+)([^\n`]*)", PAGE)
    used = {(name, option) for name, rest in calls for option in re.findall(r"--[a-z-]+", rest)}
    helps = {name: printed(f"lambda-artifact {name} --help", tmp_path, environ) for name in ("key", "stamp", "verify")}
    inline = set(re.findall(r"`(--[a-z-]+)", PAGE))

    assert [(name, option) for name, option in used if option not in helps[name]] == []
    assert [option for option in inline if option not in helps["key"] + helps["stamp"]] == []
