"""What our reader accepts reads the same in every other reader: names, kinds, modes and contents."""

from __future__ import annotations

import os
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.artifact.mutations import BASES, mutated
from tests.artifact.other_readers import (
    COMMANDS,
    QUIRKS,
    Seen,
    java,
    missing,
    of_library,
    ours,
    python,
    unexplained,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.artifact.other_readers import View

ARCHIVES = int(os.environ.get("LAMBDA_ARTIFACT_TEST_ARCHIVES", "300"))
"""How many mutated archives there are: 24,000 take some ten minutes."""

TOOLS = ("python", "java ZipFile", "java ZipInputStream", *COMMANDS)


class Accepted(NamedTuple):
    """An archive that our reader takes."""

    name: str
    path: Path
    seen: dict[str, Seen]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="module")
def accepted(folder: Path) -> Sequence[Accepted]:
    return list(_accepted(folder))


def _accepted(folder: Path) -> Iterator[Accepted]:
    for number in range(ARCHIVES):
        path = folder / f"{number}.zip"
        name, raw = mutated(number)
        path.write_bytes(raw)
        if (seen := ours(path)) is None:
            path.unlink()
        else:
            yield Accepted(f"{number}, from {name}", path, seen)


def views(tool: str, accepted: Sequence[Accepted], folder: Path) -> Iterator[View]:
    if tool.startswith("java"):
        both = java([one.path for one in accepted], folder)
        yield from both[0] if tool == "java ZipFile" else both[1]
    else:
        yield from map(python if tool == "python" else partial(unpacked, tool), (one.path for one in accepted))


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    "tool",
    [pytest.param(one, marks=pytest.mark.skipif(bool(missing(one)), reason=str(missing(one)))) for one in TOOLS],
)
def test_what_is_accepted_reads_the_same(tool: str, accepted: Sequence[Accepted], folder: Path) -> None:
    known, disagreements = Counter[str](), list[str]()
    for one, view in zip(accepted, views(tool, accepted, folder), strict=True):
        seen = one.seen if tool in COMMANDS else of_library(one.seen)
        found, quirks = unexplained(tool, one.path, seen, view)
        disagreements += [f"{one.name}: {tool} {said}" for said in found]
        known.update(quirk.reason for quirk in quirks)
    figures = [f"{tool}: {len(accepted):,} of {ARCHIVES:,} accepted; {len(disagreements):,} disagreements"]
    figures += [f"  {times:,} times it {reason}" for reason, times in known.most_common()]
    sys.stdout.write("\n".join(figures) + "\n")  # pytest -rP shows them
    assert disagreements == []


def test_a_share_of_them_is_accepted_and_every_base_is(accepted: Sequence[Accepted], folder: Path) -> None:
    assert ARCHIVES / 8 < len(accepted) < ARCHIVES / 2
    for name, recipe in BASES.items():
        (path := folder / "base.zip").write_bytes(recipe.bytes())
        assert ours(path) is not None, name


def test_a_quirk_is_one_of_tools_that_are_asked() -> None:
    assert {tool for quirk in QUIRKS for tool in quirk.tools} <= set(TOOLS)
    assert len({quirk.reason for quirk in QUIRKS}) == len(QUIRKS)
