"""What the README shows is true: commands are run, outputs compared, examples loaded.

A ``console`` block is run, line by line, in a folder that looks like a clone with the sample's archives built, unless
the comment ``<!-- not run: why -->`` stands above it. ``make verify`` is what the Makefile makes of it. The engine is a
process wherever a block leaves the choice open, so that the output does not depend on Docker.

Outputs are compared without what is different every time: numbers, digests, the breaks of wrapped lines, and the fields
``started``, ``caveat`` and ``not vouched``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from fixtures.build import SAMPLE, build_sample
from fixtures.corpus import Case, lay_out
from harness.catalogue import CATALOGUE
from harness.engines import interpreters
from harness.manifest import load
from harness.policy import known_runtimes

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(
    r"(?:^<!-- (?P<said>[^\n]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMAND = "lambda-artifact"
VERIFY = f"{COMMAND} verify"
STARTS = rf"{COMMAND} (?:verify|transition)\b"

pytestmark = pytest.mark.xdist_group("readme")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the comment above it."""

    language: str
    text: str
    said: str

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]

    @property
    def output(self) -> str:
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("$ "))


BLOCKS = [Block(found["language"], found["text"], found["said"] or "") for found in FENCED.finditer(README)]
CONSOLES = [block for block in BLOCKS if block.language == "console"]
RUN = [block for block in CONSOLES if not block.said.startswith("not run: ")]
COMPARED = [block for block in RUN if block.output]


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone after ``make verify``."""
    folder = tmp_path_factory.mktemp("clone")
    sample = build_sample(ROOT / "build" / "sample" / "x86_64", "x86_64")
    shutil.copytree(SAMPLE, folder / "fixtures" / "sample", ignore=shutil.ignore_patterns("backend"))
    (folder / "build" / "sample").mkdir(parents=True)
    (folder / "build" / "sample" / "x86_64").symlink_to(sample.code.parent)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return folder


def needs_an_engine() -> None:
    found, _ = interpreters.find((3, 12), os.environ)
    if found is None or found.machine != "x86_64":
        pytest.skip("no CPython 3.12 for x86_64 on this machine")


def said(command: str, folder: Path, environ: dict[str, str]) -> str:
    """What a command printed on standard output."""
    if command.startswith("zip ") and shutil.which("zip") is None:
        pytest.skip("zip is not installed")
    if command == "make verify":
        command = f"{VERIFY} --manifest fixtures/sample/lambda-artifact.toml"
    if re.search(STARTS, command) and not {"--engine", "--help"} & set(command.split()):
        needs_an_engine()
        command += " --engine process"
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    # argparse colours and wraps by these.
    settings = {**environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "80"}
    shell = ["bash", "-c", command]  # the reader's, wherever it is
    done = subprocess.run(shell, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    failed = done.stdout.startswith("FAIL") or '"verdict": "fail"' in done.stdout
    assert done.returncode == failed, done.stderr
    return done.stdout


def essence(output: str) -> str:
    """An output without what is different every time."""
    lines = output.rstrip("\n") + "\n"
    fields = re.sub(r"^(?: {2}caveat|started|not vouched) .*\n(?: {10}.*\n)*", "", lines, flags=re.MULTILINE)
    same = re.sub(r"(?<=sha256 )[0-9a-f]{12}|(?<=\.zip )[0-9a-f]{12}", "0", fields)
    same = re.sub(
        r"(process\s+engine,\s+Python\s[\d.]+),\s+(?:in|behind|without)\s(?:a )?\w+(?: of its own| sandbox)?",
        r"\1",
        same,
    )  # the kind of sandbox is the machine's
    return " ".join(re.sub(r"\d[\d.,]*", "0", same).split())


@pytest.mark.parametrize("block", COMPARED, ids=[block.commands[-1][:60] for block in COMPARED])
def test_commands_print_what_is_shown(block: Block, clone: Path, environ: dict[str, str]) -> None:
    for earlier in RUN[: RUN.index(block)]:  # a reader has made these; other workers run them elsewhere
        for command in earlier.commands:
            if command.startswith(("cp ", "zip ")):
                said(command, clone, environ)
    printed = "".join(said(command, clone, environ) for command in block.commands)

    assert essence(printed) == essence(block.output)


def test_what_is_not_run_says_why() -> None:
    assert all(block.said.startswith("not run: ") for block in CONSOLES if block not in RUN)
    assert len(COMPARED) >= 6


def test_make_verify_verifies_the_sample() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert "SAMPLE := fixtures/sample/lambda-artifact.toml" in makefile
    assert 'lambda-artifact verify --manifest "$(or $(MANIFEST),$(SAMPLE))"' in makefile
    for target in re.findall(r"`make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_manifest_is_one(tmp_path: Path) -> None:
    (block,) = of("toml")
    table = tomllib.loads(block.text)
    (event,) = [block for block in of("json") if '"event"' in block.text]
    named = [
        table["code"],
        *table["layers"],
        *table["requirements"],
        table["project"],
        *table["inputs"],
        *table["functions"]["api"]["events"],
        table["functions"]["cleanup"]["aws-seed"],
    ]
    for name in named:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(event.text if name.endswith(".json") else "", encoding="utf-8")
    (tmp_path / table["source"]).mkdir()
    (tmp_path / "lambda-artifact.toml").write_text(block.text, encoding="utf-8")

    manifest = load(tmp_path / "lambda-artifact.toml", runtimes=known_runtimes())

    api = manifest.functions[0]
    assert [function.name for function in manifest.functions] == ["api", "cleanup"]
    assert json.loads(api.events[0].expect or "") == json.loads(event.text)["expect"]
    assert {waiver.check for waiver in manifest.waivers} <= {check.id for check in CATALOGUE}


def shape(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON
    """A report without what is different every time."""
    if isinstance(value, dict):
        return {key: shape(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [] if key in {"caveats", "timings"} else [shape(inner) for inner in value]
    changes = key in {"sha256", "code_sha256", "version", "python"} or type(value) in (int, float)
    return type(value).__name__ if changes else value


def test_the_json_report_is_what_is_printed(clone: Path, environ: dict[str, str]) -> None:
    (block,) = [block for block in of("json") if '"schema"' in block.text]
    shown = json.loads(block.text)
    schema = json.loads((ROOT / "docs" / "report-v1.schema.json").read_text(encoding="utf-8"))
    (console,) = [block for block in RUN if not block.output]
    (broken,) = [block for block in COMPARED if "'python/defusedxml/*'" in block.text]
    printed = [said(command, clone, environ) for command in (*broken.commands[:-1], *console.commands)]

    Draft202012Validator(schema).validate(shown)
    assert shape(json.loads(printed[-1])) == shape(shown)


def test_the_fixtures_are_used_as_shown(tmp_path: Path, environ: dict[str, str]) -> None:
    needs_an_engine()
    (block,) = of("python")
    lay_out(Case(name="sound", verdict="pass"), tmp_path)
    (tmp_path / "test_archives.py").write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--artifact-engine", "process", "test_archives.py"]

    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("block", of("yaml"), ids=["github", "gitlab"])
def test_workflows_are_yaml(block: Block) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

    parsed = yaml.safe_load(block.text)

    jobs = parsed.get("jobs") or parsed
    assert "deploy" in jobs


def calls() -> Iterator[tuple[str, str]]:
    """Each call of the command in a block or in the text: what is called, and the rest of the line."""
    for found in re.finditer(r"(?<![\w/-])(?:\.venv/bin/)?lambda-artifact (\w+)\b([^\n`]*)", README):
        if found[1] in {
            "verify",
            "stamp",
            "key",
            "checks",
            "explain",
            "cache",
            "match",
            "policy",
            "preflight",
            "transition",
        }:
            yield found[1], found[2].partition("  ")[0]


def test_every_option_exists(environ: dict[str, str]) -> None:
    helps = {name: said(f"{COMMAND} {name} --help", ROOT, environ) for name in {name for name, _ in calls()}}
    helps["pytest"] = said("pytest --help", ROOT, environ)
    used = {(name, option) for name, rest in calls() for option in re.findall(r"(?<!\S)--[a-z-]+", rest)}
    used |= {("pytest", option) for option in re.findall(r"--artifact-[a-z-]+", README)}
    inline = set(re.findall(r"`(--[a-z-]+)", README)) - {option for _, option in used}

    assert used
    assert not [(name, option) for name, option in used if option not in helps[name]]
    assert not [option for option in inline if option not in "".join(helps.values())]


def test_every_check_is_in_the_table() -> None:
    rows = re.findall(r"^\| \[([a-z-]+)\]\(docs/checks/[a-z-]+\.md\) \| ([^|]+) \| ([^|]+) \|$", README, re.MULTILINE)

    assert rows == [(check.id, check.need, check.title) for check in CATALOGUE]


def test_every_runtime_is_in_the_matrix() -> None:
    (row,) = re.findall(r"^\| Functions \| ([^;]*), on x86_64 and arm64;", README, re.MULTILINE)

    assert tuple(row.split(", ")) == known_runtimes()
