"""The pages that users read: their blocks, run in folders like those that the pages speak of.

``python -m tests.pages`` runs every command that is shown, and replaces the outputs that are no longer right.

A ``console`` block is run unless the comment ``<!-- not run: why -->`` stands above it. Handlers are started by the
process engine wherever a block leaves the choice open, so that the output does not depend on Docker.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from fixtures import small_base
from fixtures.build import SAMPLE, build_sample
from fixtures.wheels import FOLDER as WHEELS
from fixtures.wheels import wheel

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {
    page.relative_to(ROOT).as_posix(): page.read_text("utf-8")
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
}
"""The text of each page that is written by hand, by its path."""

NOT_RUN: Final = "not run: "
_FENCED: Final = re.compile(
    r"""(?:^<!--\ (?P<comment>[^\n]*)\ -->\n)?
        ^```(?P<language>\w+)(?:\ title="(?P<title>[^"]+)")?\n
        (?P<text>.*?)
        ^```$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: The word behind the fence.
        title: The file that it is, where it has a title.
        text: What is between the fences.
        comment: The comment above it.
        start: Where the text begins in the page.
    """

    language: str
    title: str
    text: str
    comment: str
    start: int

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]

    @property
    def output(self) -> str:
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("$ "))


@cache
def blocks(page: str, language: str = "") -> tuple[Block, ...]:
    """The blocks of a page, of one language or of all."""
    found = (
        Block(match["language"], match["title"] or "", match["text"], match["comment"] or "", match.start("text"))
        for match in _FENCED.finditer(PAGES[page])
    )
    return tuple(block for block in found if language in {"", block.language})


def consoles(page: str) -> list[Block]:
    """The blocks of a page that are run."""
    return [block for block in blocks(page, "console") if not block.comment.startswith(NOT_RUN)]


RUN: Final = [page for page in PAGES if consoles(page)]


def clone(folder: Path, page: str) -> None:
    """Make a folder like a clone after ``make verify``, with the archives that the front page makes."""
    sample = build_sample(ROOT / "build" / "sample" / "x86_64", "x86_64")
    shutil.copytree(SAMPLE, folder / "fixtures" / "sample", ignore=shutil.ignore_patterns("backend"))
    (folder / "build" / "sample").mkdir(parents=True)
    (folder / "build" / "sample" / "x86_64").symlink_to(sample.code.parent)
    if page != "README.md":
        for command in (command for block in consoles("README.md") for command in block.commands):
            if command.startswith(("cp ", "zip ")):
                run(command, folder, os.environ)


def shop(folder: Path, page: str) -> None:
    """Make the repository that the page on cache keys is about, with its archives built."""
    (folder / ".git").mkdir()
    (folder / "build").mkdir()
    small_base.write_code(folder / "build" / "code.zip")
    small_base.write_layer(folder / "build" / "layer.zip")
    (manifest,) = blocks(page, "toml")
    files = {
        "lambda-artifact.toml": manifest.text,
        "requirements.txt": "-r deps/base.txt\ntinyxml==1.2.0\n",
        "deps/base.txt": "parcelkit==0.4.1\n",
        "build-layer.sh": "pip install --target python -r requirements.txt && zip -r build/layer.zip python\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def project(folder: Path, page: str) -> None:
    """Write the files that a page shows under their names."""
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text, "utf-8")
    (folder / "lambda-artifact.toml").rename(folder / "later.toml")  # the first steps are taken without it
    wheel("MarkupSafe==3.0.2")  # the one that pip installs


SCENES: Final[Mapping[str, Callable[[Path, str], None]]] = {"docs/cache-keys.md": shop, "docs/quickstart.md": project}
"""Who makes the folder in which a page's commands are run; ``clone`` for all others."""

Environ: TypeAlias = Mapping[str, str]


def run(command: str, folder: Path, environ: Environ) -> str:
    """Run a command as a reader would, and return what it prints: its output, or else its diagnostics.

    Raises:
        AssertionError: Its exit code is not that of what it prints.
    """
    if command == "make verify":
        command = "lambda-artifact verify --manifest fixtures/sample/lambda-artifact.toml"
    if command == "lambda-artifact verify" and (folder / "later.toml").exists():
        (folder / "later.toml").rename(folder / "lambda-artifact.toml")
    if re.match(r"lambda-artifact (?:verify|transition)\b", command) and "--engine" not in command:
        command += " --engine process"
    # argparse colours and wraps by these.
    settings = {"NO_COLOR": "1", "COLUMNS": "80"}
    if command.startswith("pip "):
        settings |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    shell = ["bash", "-c", command]
    done = subprocess.run(
        shell, cwd=folder, env={**environ, **settings, "PATH": path}, capture_output=True, text=True, check=False
    )
    failed = done.stdout.startswith("FAIL") or '"verdict": "fail"' in done.stdout
    refused = not done.stdout and done.stderr.startswith("lambda-artifact: ")
    assert done.returncode == (2 if refused else failed), f"{command}: {done.stdout}{done.stderr}"
    return done.stdout or (done.stderr if refused else "")


def outputs(page: str, folder: Path, environ: Environ) -> list[tuple[Block, str]]:
    """Run a page's commands, in its folder and in their order: each block with what it prints."""
    SCENES.get(page, clone)(folder, page)
    return [(block, "".join(run(command, folder, environ) for command in block.commands)) for block in consoles(page)]


def essence(output: str) -> str:
    """An output without what differs from run to run: numbers, digests, line breaks, the kind of sandbox."""
    lines = output.rstrip("\n") + "\n"
    fields = re.sub(r"^(?: {2}caveat|started|not vouched) .*\n(?: {10}.*\n)*", "", lines, flags=re.MULTILINE)
    same = re.sub(r"\b(?=\w*\d)[0-9a-f]{12,}\b", "0", fields)
    same = re.sub(
        r"(process\s+engine,\s+Python\s[\d.]+),\s+(?:in|behind|without)\s(?:a )?\w+(?: of its own| sandbox)?",
        r"\1",
        same,
    )
    return " ".join(re.sub(r"\d[\d.,]*", "0", same).split())


def shape(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON
    """A report without what differs from run to run."""
    if isinstance(value, dict):
        return {key: shape(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [] if key in {"caveats", "timings"} else [shape(inner, key) for inner in value]
    names = {"archives", "version", "python", "sandbox", "verified_at"}
    differs = key in names or key.endswith("sha256") or type(value) in (int, float)
    return type(value).__name__ if differs else value


def shown(page: str, block: Block, printed: str) -> tuple[Block, str, bool]:
    """The block that shows what a block's commands print, what it should have, and whether it has it in essence.

    A report as JSON has a block of its own, below that of the command.
    """
    report = next((other for other in blocks(page, "json") if other.start > block.start), None)
    if report and printed.startswith("{"):
        return report, printed, shape(json.loads(printed)) == shape(json.loads(report.text))
    commands = "".join(f"$ {command}\n" for command in block.commands)
    ends = "\n" if printed and not printed.endswith("\n") else ""
    return block, f"{commands}{printed}{ends}", essence(printed) == essence(block.output)


def _update(page: str) -> None:
    text = PAGES[page]
    with tempfile.TemporaryDirectory() as folder:
        results = [shown(page, *printed) for printed in outputs(page, Path(folder), os.environ)]
    if all(right for _, _, right in results):
        return
    for block, new, _ in reversed(results):  # all of them: digests agree within a page
        text = text[: block.start] + new + text[block.start + len(block.text) :]
    (ROOT / page).write_text(text, "utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or RUN:
        _update(name)
