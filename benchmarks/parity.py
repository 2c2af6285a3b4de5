"""The cost of parity and diagnosis: a repository with a lock of 300 packages, and an artifact of 130 MB that lacks one.

``python -m benchmarks.parity`` prints the seconds of each step, the median of several runs in one process, and its
share of a whole static verification with facts kept. The first attempt of the outage is what is verified: its
finding has every cause there is.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import static
from fixtures.build import build_sample
from fixtures.outage import MANIFEST, Step, lay_out
from harness.catalogue import CATALOGUE
from harness.check import Blocked, Inapplicable, Need
from harness.engines.protocol import Unavailable
from harness.manifest import load
from harness.policy import KNOWN_RUNTIMES
from harness.session.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.check import Check, Subject
    from harness.engines.protocol import Observation
    from harness.manifest import Function, Manifest

ROOT = Path(__file__).parents[1]
PACKAGES = 300
PARITY = (
    "declared-dependencies",
    "built-dependencies",
    "unpinned",
    "layer-fresh",
    "python-version",
    "version-stamp",
    "source-parity",
)
DIAGNOSIS = "imports-resolve"
PACKAGE = """
[[package]]
name = "filler-{number}"
version = "1.{number}"
description = "One of many."
optional = false
python-versions = ">=3.8"
groups = ["dev"]
files = [
    {{file = "filler_{number}-1.{number}-py3-none-any.whl", hash = "sha256:{digest}"}},
]

[package.dependencies]
filler-{following} = ">=1,<2"
"""


class Nothing:
    """The engines of static checks."""

    def observe(self, function: Function) -> Observation:
        """Refuse."""
        raise Unavailable(f"{function.name} is not started")

    def ask(self, subject: Subject, questions: Sequence[str]) -> tuple[str, ...]:
        """Refuse."""
        raise Unavailable(f"{len(questions)} questions about {subject.manifest.runtime} are not asked")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        manifest = repository(folder / "repository")
        whole(manifest, folder / "cache")  # keeps the facts
        rounds = [measured(manifest, folder / "cache") for _ in range(runs)]
    medians = {step: statistics.median(one[step] for one in rounds) for step in rounds[0]}
    added = [step for step in medians if step in {*PARITY, DIAGNOSIS, "reading the repository"}]
    total = sum(medians.values())
    together = {"parity and diagnosis together": sum(medians[step] for step in added)}
    for step, seconds in (medians | together).items():
        sys.stdout.write(f"{seconds:8.3f} s  {seconds / total:6.1%}  {step}\n")


def repository(folder: Path) -> Manifest:
    """The repository and the archives."""
    sample = build_sample(ROOT / "build" / "sample" / "x86_64", "x86_64")
    lay_out(Step.NOTHING, folder, sample)
    lock = folder / "poetry.lock"
    text = lock.read_text(encoding="utf-8")
    have = text.count("[[package]]")
    numbers = range(have, PACKAGES)
    filler = "".join(
        PACKAGE.format(number=number, digest=f"{number:064x}", following=min(number + 1, PACKAGES - 1))
        for number in numbers
    )
    lock.write_text(text.replace("\n[metadata]\n", f"{filler}\n[metadata]\n"), encoding="utf-8")
    return load(folder / MANIFEST, runtimes=KNOWN_RUNTIMES)


def whole(manifest: Manifest, cache: Path) -> None:
    """One static verification, for what it leaves in the cache."""
    workspace = Workspace(manifest, static(cache))
    subject = next(workspace.subjects())
    for check in CATALOGUE:
        if check.need is not Need.RUNTIME:
            judged(check, subject)
    workspace.archives.save()


def measured(manifest: Manifest, cache: Path) -> dict[str, float]:
    """The seconds of each step of one static verification with facts kept."""
    workspace = Workspace(manifest, static(cache))
    seconds = {"reading the repository": timed(lambda: workspace.project)}
    subjects: list[Subject] = []
    seconds["reading the archives"] = timed(lambda: subjects.append(next(workspace.subjects())))
    (subject,) = subjects
    seconds["the graph of imports"] = timed(lambda: subject.program.graph.reached)
    for check in CATALOGUE:
        if check.need is not Need.RUNTIME:
            seconds[check.id] = timed(partial(judged, check, subject))
    return seconds


def judged(check: Check, subject: Subject) -> None:
    """All findings of a check."""
    with contextlib.suppress(Blocked, Inapplicable, Unavailable):
        list(check.body(subject, Nothing()))


def timed(work: Callable[[], object]) -> float:
    """The seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
