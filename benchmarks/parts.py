"""Parts of a verification, each beside what it cannot beat or what does the same, as pyperf measures them.

``python -m benchmarks.parts --layer layer.zip --code code.zip --scratch FOLDER``; pyperf's own options count as well.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyperf  # type: ignore[import-untyped]  # it ships no types
import ruff  # type: ignore[import-untyped]  # it ships no types
import yaml

from benchmarks.contenders import remove, static
from harness.artifact.entries import Role
from harness.artifact.store import Store
from harness.discovery.manifest import here
from harness.facts.store import FactStore
from harness.manifest import Options, load
from harness.policy import KNOWN_RUNTIMES
from harness.session.workspace import Workspace
from harness.sources.local import fetch

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from harness.artifact.entries import Archive
    from harness.manifest import Manifest

PYTHON = (3, 12)
LIMIT = 262_144_000


@dataclass(frozen=True, slots=True)
class Part:
    """A measurement of ``work``, without that of ``before``."""

    name: str
    work: Callable[[], object]
    before: Callable[[], object] = int

    def seconds(self, loops: int) -> float:
        """The time of so many."""
        total = 0.0
        for _ in range(loops):
            self.before()
            began = time.perf_counter()
            self.work()
            total += time.perf_counter() - began
        return total


@dataclass(frozen=True, slots=True)
class Pairing:
    """A part and what it is measured against, by their names."""

    ours: str
    theirs: str
    means: str


PAIRINGS = (
    Pairing("read", "SHA-256", "the archive read strictly and hashed; and its hash alone"),
    Pairing("facts, cold", "zipfile testzip", "everything inflated, checked and described; and inflated and checked"),
    Pairing("facts, cached", "SHA-256", "what was kept of an archive; and its hash"),
    Pairing("unpack", "zipfile extractall", "unpacked into the store; and by the standard library"),
    Pairing("graph, cold", "ruff analyze graph", "the imports that handlers reach; and of all files, without verdicts"),
    Pairing("graph, cached", "ruff analyze graph", "the same, with what was kept of the layer"),
)


def parts(manifest: Manifest, scratch: Path) -> tuple[Part, ...]:
    """All parts, in the order in which they are measured."""
    (layer,) = manifest.layers
    assert layer.path is not None  # noqa: S101 - our own manifest
    path, fresh, kept, unpacked = layer.path, scratch / "fresh", scratch / "kept", scratch / "unpacked"
    archive = fetch(layer, Role.LAYER)
    tree = Store(kept / "trees").tree(archive, LIMIT)
    empty = partial(remove, fresh)
    return (
        Part("SHA-256", partial(sha256, path)),
        Part("read", lambda: fetch(layer, Role.LAYER).sha256),
        Part("zipfile testzip", partial(testzip, path)),
        Part("facts, cold", partial(facts, archive, fresh), empty),
        Part("facts, cached", partial(facts, archive, kept)),
        Part("zipfile extractall", partial(extract, path, unpacked), partial(remove, unpacked)),
        Part("unpack", lambda: Store(fresh / "trees").tree(archive, LIMIT), empty),
        Part("ruff analyze graph", partial(analyse, tree / "python")),
        Part("graph, cold", partial(reach, manifest, fresh), empty),
        Part("graph, cached", partial(reach, manifest, kept)),
        Part("300 functions of a SAM build", partial(discovered, sam_build(scratch / "sam", 300))),
    )


def sam_build(folder: Path, count: int) -> Path:
    """A project in which ``sam build`` was run, with so many functions."""
    build = folder / ".aws-sam" / "build"
    names = [f"Function{number}" for number in range(count)]
    variables = {"TABLE": {"Ref": "Table"}, "TABLE_ARN": {"Fn::GetAtt": ["Table", "Arn"]}, "STAGE": {"Ref": "Stage"}}
    resources = {
        name: {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": name,
                "Handler": "app.handler",
                "Layers": [{"Ref": "Layer"}],
                "Environment": {"Variables": variables},
                "Events": {"Http": {"Type": "HttpApi", "Properties": {"Path": f"/{name}", "Method": "get"}}},
            },
        }
        for name in names
    }
    resources["Layer"] = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "Layer"}}
    resources["Table"] = {"Type": "AWS::Serverless::SimpleTable", "Properties": {}}
    template = {
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
        "Globals": {"Function": {"Runtime": "python3.12", "MemorySize": 256}},
        "Resources": resources,
    }
    for name in (*names, "Layer"):
        (build / name).mkdir(parents=True, exist_ok=True)
    (build / "template.yaml").write_text(yaml.safe_dump(template), "utf-8")
    return folder


def discovered(folder: Path) -> Manifest:
    """The functions of a project without a manifest."""
    return load(None, Options(folder=folder), runtimes=KNOWN_RUNTIMES, discover=here(folder))


def sha256(path: Path) -> bytes:
    """The digest by which Lambda and our keys identify an archive."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def testzip(path: Path) -> None:
    """The standard library's own test."""
    with zipfile.ZipFile(path) as archive:
        archive.testzip()


def extract(path: Path, destination: Path) -> None:
    """The standard library's own way to unpack."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(destination)


def facts(archive: Archive, cache: Path) -> None:
    """The facts of an archive."""
    FactStore(cache / "facts").facts(archive, PYTHON)


def reach(manifest: Manifest, cache: Path) -> None:
    """What the handlers import; with what that needs to be known of the archives."""
    workspace = Workspace(manifest, static(cache))
    for subject in workspace.subjects():
        _ = subject.program.graph.reached
    workspace.archives.save()


def analyse(site: Path) -> None:
    """The fastest scanner of imports that there is, over all files."""
    command = [ruff.find_ruff_bin(), "analyze", "graph", "--isolated", os.fspath(site)]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Measure, in worker processes of pyperf's."""
    runner = pyperf.Runner(program_args=("-m", "benchmarks.parts"), add_cmdline_args=_handed_on)
    for name in ("--layer", "--code", "--scratch"):
        runner.argparser.add_argument(name, type=Path, required=True)
    runner.argparser.add_argument("--handler", action="append", required=True)
    options = runner.parse_args()
    said = Options(
        folder=Path.cwd(), code=str(options.code), layers=(str(options.layer),), handlers=tuple(options.handler)
    )
    manifest = load(None, said, runtimes=KNOWN_RUNTIMES)
    if not options.worker:  # once for all workers
        reach(manifest, options.scratch / "kept")
    for part in parts(manifest, options.scratch):
        runner.bench_time_func(part.name, part.seconds)


def _handed_on(command: list[str], options: argparse.Namespace) -> None:
    for name in ("layer", "code", "scratch"):
        command += [f"--{name}", os.fspath(getattr(options, name))]
    for handler in options.handler:
        command += ["--handler", handler]


def command(layer: Path, code: Path, scratch: Path, handlers: Sequence[str], output: Path) -> list[str]:
    """One round of all parts, whose figures are added to a file."""
    whole = [sys.executable, "-m", "benchmarks.parts", "--layer", str(layer), "--code", str(code)]
    whole += ["--scratch", str(scratch), "--append", str(output), "--quiet"]
    whole += ["--inherit-environ", "PYTHONPATH"]
    whole += ["--processes", "1", "--values", "1", "--warmups", "0", "--loops", "1"]
    for handler in handlers:
        whole += ["--handler", handler]
    return whole


if __name__ == "__main__":
    main()
