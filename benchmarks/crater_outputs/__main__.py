"""Run ``python -m benchmarks.crater_outputs --folder DIR``: discovery on build outputs of public repositories.

``outputs.txt`` lists them: a repository, a commit, and a path. ``DIR`` has the repositories, as ``OWNER+NAME`` or
``OWNER/NAME``, bare or not. Where SAM's command is on the PATH, or in the folder that LAMBDA_ARTIFACT_TEST_TOOLS names,
what is read from a SAM template is compared with what AWS's own translator makes of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.discovery.find import discover
from harness.discovery.project import Project
from harness.discovery.text import described
from harness.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.discovery.values import Declared, Discovery

LIST = Path(__file__).with_name("outputs.txt")
ORACLE = Path(__file__).with_name("oracle.py")
TOOLS = "LAMBDA_ARTIFACT_TEST_TOOLS"
LARGEST = 8 * 1024 * 1024
KEPT = re.compile(r".*\.(?:json|ya?ml|toml)|(?:.*/)?requirements\.txt")
OTHERS = re.compile(r"(?:^|/)(?:node_modules|site-packages|asset\.[0-9a-f]+|\.git)/|\.aws-sam/build/[^/]+/.+/")
REGION = {"AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Output:
    """A build output: ``OWNER/NAME``, a commit, and a path."""

    repository: str
    commit: str
    path: str

    def __str__(self) -> str:
        return f"{self.repository} {self.path}"

    def git(self, folder: Path) -> Path | None:
        """The repository's git folder; None where it is not there."""
        for name in (self.repository, self.repository.replace("/", "+")):
            for inner in ("", ".git", "repo", "repo/.git"):
                if (folder / name / inner / "objects").is_dir():
                    return folder / name / inner
        return None


@dataclass
class Crater:
    """What was read, and what is not as it should be."""

    counts: Counter[str] = field(default_factory=Counter)
    found: list[tuple[Output, Path, Discovery]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def read(self, output: Output, root: Path) -> None:
        """Read an output; a refusal in a sentence is fine, a crash is not."""
        path = root / output.path
        project = Project(root, path.parent)
        try:
            found = discover(project, path)
            if found is None:
                return
            described(project, found)
        except UsageError as error:
            self.counts["refused"] += 1
            _say(f"refused {output}: {str(error).replace(f'{root}/', '')}")
            return
        except Exception as error:  # noqa: BLE001 - a crash is what is looked for
            self.problems.append(f"{output}: {type(error).__name__}: {error}")
            return
        self.found.append((output, path, found))
        self.counts["read"] += 1
        self.counts[f"of {found.tool}"] += 1
        self.counts["functions to verify"] += len(found.functions)
        for one in found.uncovered:
            self.counts["functions left undone" if one.undone else "functions not covered"] += 1

    def compare(self, python: Path) -> None:
        """Compare what SAM templates were read as with what the translator makes of them."""
        read = [one for one in self.found if one[2].tool == "SAM"]
        done = subprocess.run(
            [python, ORACLE],
            input="".join(f"{path}\n" for _, path, _ in read),
            capture_output=True,
            env={**os.environ, **REGION},
            text=True,
            check=True,
        )
        for (output, _, found), line in zip(read, done.stdout.splitlines(), strict=True):
            if (theirs := json.loads(line)) is None:
                self.counts["templates that the translator refuses"] += 1
            else:
                self.counts["templates compared"] += 1
                self.problems += (f"{output}: {difference}" for difference in self.differences(found, theirs))

    def differences(self, found: Discovery, theirs: dict[str, dict[str, Any]]) -> Iterator[str]:
        """Where the translator makes something else of a template; what it leaves as a call is not compared."""
        ours = {one.name: one for one in found.functions}
        own = {
            name for name in {*ours, *(one.name for one in found.uncovered)} if "/" not in name
        }  # not nested stacks'
        certain = {name for name, properties in theirs.items() if not properties["Conditional"]}
        if missing := (own - set(theirs)) | (certain - own):
            yield f"functions {sorted(missing)}"
        for name in sorted(own & set(theirs) & set(ours)):
            self.counts["functions compared"] += 1
            for key, (mine, other) in _rows(ours[name], theirs[name]).items():
                if not isinstance(other, dict) and _text(mine) != _text(other):
                    yield f"{name}.{key}: {mine!r}, and for the translator {other!r}"


def main() -> int:
    """Read every output, and print what is not as it should be; 1 where something is not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crater_outputs", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="the folder that has the repositories")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N functions, drawn by lot, to read")
    options = parser.parse_args()
    crater = Crater()
    outputs = [Output(*line.split(" ", 2)) for line in LIST.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as scratch:
        for (name, commit), group in groupby(outputs, key=lambda one: (one.repository, one.commit)):
            root = Path(scratch).resolve() / name.replace("/", "+")
            for output in group:
                git = output.git(options.folder)
                if git is None:
                    crater.counts["not there"] += 1
                    continue
                if not root.exists():
                    extract(git, commit, root)
                crater.read(output, root)
        if (python := oracle()) is not None:
            crater.compare(python)
    for kind, count in sorted(crater.counts.items()):
        _say(f"{count:6} {kind}")
    for problem in crater.problems:
        _say(problem)
    functions = [(output, one) for output, _, found in crater.found for one in found.functions]
    for output, one in random.Random(16).sample(functions, min(options.show, len(functions))):  # noqa: S311 - the same ones every time
        _say(f"\n== {output}\n{one}")
    return 1 if crater.problems else 0


def oracle() -> Path | None:
    """The Python of SAM's command, which has AWS's translator; None where there is no such command."""
    sam = shutil.which("sam", path=os.pathsep.join([os.environ.get(TOOLS, ""), os.environ["PATH"]]))
    return Path(sam).resolve().with_name("python") if sam else None


def extract(git: Path, commit: str, root: Path) -> None:
    """Put the files that declare something into a folder, as they are in the commit."""
    wanted = {}
    for entry in _git(git, "ls-tree", "-rlz", commit).decode("utf-8", "replace").split("\0"):
        facts, _, name = entry.partition("\t")
        if facts and KEPT.fullmatch(name) and not OTHERS.search(name):
            mode, _, digest, size = facts.split()
            if mode.startswith("100") and int(size) <= LARGEST:
                wanted[name] = digest
    asked = "".join(f"{digest}\n" for digest in wanted.values()).encode()
    answer = _git(git, "cat-file", "--batch", said=asked)
    root.mkdir()
    at = 0
    for name in wanted:
        end = answer.index(b"\n", at)
        length = int(answer[at:end].split()[2])
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(answer[end + 1 : end + 1 + length])
        at = end + 2 + length


def _git(folder: Path, *arguments: str, said: bytes = b"") -> bytes:
    command = [shutil.which("git") or "git", "--git-dir", str(folder), *arguments]
    return subprocess.run(command, input=said, capture_output=True, check=True).stdout


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _rows(one: Declared, properties: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """Of each property: what was read, and what the translator has."""
    variables = properties.get("Environment", {}).get("Variables", {})
    return {
        "Handler": (one.handler, properties.get("Handler")),
        "Runtime": (one.runtime, properties.get("Runtime")),
        "Architectures": (one.architecture or "x86_64", (properties.get("Architectures") or ["x86_64"])[0]),
        "MemorySize": (one.memory, properties.get("MemorySize")),
        "Timeout": (one.timeout, properties.get("Timeout")),
        "EphemeralStorage": (one.tmp, properties.get("EphemeralStorage", {}).get("Size")),
        "Layers": (len(one.layers), len(properties.get("Layers") or [])),
        "variables": (sorted(one.environment), sorted(variables)),
        **{f"variable {key}": (one.environment.get(key), value) for key, value in variables.items()},
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    sys.exit(main())
