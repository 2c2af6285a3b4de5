"""What is other than when an archive was built."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.artifact.stamp import LARGEST, STAMP
from harness.dependencies.comparison.freshness import Change, How, stale, stamped
from harness.dependencies.inputs import Input, Inputs
from harness.dependencies.project import MalformedFileError
from harness.dependencies.stamps import Stamp, stamp_of
from harness.facts.archive import ArchiveFacts
from tests.build import archive, entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.artifact.entries import Entry

FILES = {"requirements.txt": "six==1.16\n", "deps/base.txt": "x\n", "poetry.lock": "y\n"}


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    files = tuple(Input(name, tmp_path / name, decisive=name != "poetry.lock") for name in FILES)
    return Inputs(tmp_path, files, "python3.12", "x86_64")


def without(inputs: Inputs, name: str) -> Inputs:
    return replace(inputs, files=tuple(one for one in inputs.files if one.name != name))


CHANGES: dict[str, tuple[Callable[[Path], object], list[Change]]] = {
    "nothing": (lambda _: None, []),
    "a file written again": (lambda folder: (folder / "requirements.txt").write_text("six==1.16\n"), []),
    "a requirement": (
        lambda folder: (folder / "requirements.txt").write_text("six==1.17\n"),
        [Change(How.CHANGED, "requirements.txt")],
    ),
    "what it includes": (
        lambda folder: (folder / "deps" / "base.txt").write_text("z\n"),
        [Change(How.CHANGED, "deps/base.txt")],
    ),
    "the lock alone": (
        lambda folder: (folder / "poetry.lock").write_text("z\n"),
        [Change(How.CHANGED, "poetry.lock", decisive=False)],
    ),
    "a file that was removed": (
        lambda folder: (folder / "requirements.txt").unlink(),
        [Change(How.GONE, "requirements.txt")],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_became_of_the_inputs(case: str, inputs: Inputs) -> None:
    change, expected = CHANGES[case]
    stamp = stamp_of(inputs)

    change(inputs.folder)

    assert list(stale(stamp, inputs)) == expected


def test_an_input_that_the_manifest_names_since_then(inputs: Inputs) -> None:
    stamp = stamp_of(without(inputs, "deps/base.txt"))

    assert stale(stamp, inputs) == (Change(How.NEW, "deps/base.txt"),)


def test_one_that_it_names_no_more_counts_all_the_same(inputs: Inputs) -> None:
    stamp, now = stamp_of(inputs), without(inputs, "deps/base.txt")

    assert stale(stamp, now) == ()
    (inputs.folder / "deps" / "base.txt").write_text("z\n")
    assert stale(stamp, now) == (Change(How.CHANGED, "deps/base.txt"),)


def test_an_archive_of_some_inputs_may_leave_out_what_others_are_built_from(inputs: Inputs) -> None:
    stamp = stamp_of(without(inputs, "deps/base.txt"), complete=False)

    assert stale(stamp, inputs, {"deps/base.txt"}) == ()
    assert stale(stamp, inputs) == (Change(How.NEW, "deps/base.txt"),)
    assert stale(replace(stamp, complete=True), inputs, {"deps/base.txt"}) == (Change(How.NEW, "deps/base.txt"),)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (Change(How.CHANGED, "requirements.txt"), "requirements.txt has changed"),
        (Change(How.GONE, "requirements.txt"), "requirements.txt is gone"),
        (Change(How.NEW, "build.sh"), "build.sh is new"),
        (Change(How.RUNTIME, "python3.11", "python3.12"), "it was built for python3.11, and python3.12 is declared"),
    ],
)
def test_a_change_is_a_clause(change: Change, sentence: str) -> None:
    assert str(change) == sentence


def test_another_runtime_or_architecture(inputs: Inputs) -> None:
    stamp: Stamp = replace(stamp_of(inputs), runtime="python3.11", architecture="arm64")

    assert stale(stamp, inputs) == (
        Change(How.RUNTIME, "python3.11", "python3.12"),
        Change(How.ARCHITECTURE, "arm64", "x86_64"),
    )


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (entry(STAMP, size=LARGEST + 1), "1,048,577 bytes"),
        (entry(f"{STAMP}/"), "a directory"),
        (entry(f"{STAMP} -> x"), "a symlink"),
    ],
)
def test_what_only_has_a_stamps_name_is_not_passed_over(one: Entry, found: str) -> None:
    with pytest.raises(MalformedFileError, match=rf"layer\.zip!{STAMP}: expected a stamp .*, found {found}"):
        stamped(archive(one), ArchiveFacts())


def test_one_further_down_is_none() -> None:
    facts = ArchiveFacts(texts={f"python/{STAMP}": "{}"})

    assert stamped(archive(f"python/{STAMP}"), facts) is None
