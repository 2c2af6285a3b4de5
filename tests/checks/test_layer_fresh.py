from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.artifact.stamp import STAMP
from harness.check import Blocked, Inapplicable
from harness.checks import code_layout, layer_layout, unwanted_files
from harness.checks.layer_fresh import check
from harness.dependencies.inputs import Input, Inputs
from harness.dependencies.project import Lock, Project
from harness.dependencies.stamps import stamp_of
from harness.model import Edit, Finding, Note, Place, Severity, UsageError
from tests.build import findings, manifest, program_of, said

if TYPE_CHECKING:
    from pathlib import Path

FRESH = ("requirements.txt",)
CODE = {"main.py": "def handler(event, context): ...\n"}
WORKFLOW = """\
jobs:
  build:
    steps:
      - uses: actions/checkout@v4
      - uses: actions/cache@v4
        with:
          path: {path}
          key: layer-${{{{ hashFiles('{files}') }}}}
"""


def stamp(folder: Path, *names: str, runtime: str = "python3.12", complete: bool = True) -> str:
    files = tuple(Input(name, folder / name) for name in names)
    return stamp_of(Inputs(folder, files, runtime, "x86_64"), complete=complete).text


def layer(text: str | None) -> dict[str, str | bytes]:
    return {"python/six.py": "", **({} if text is None else {STAMP: text})}


def told(
    folder: Path,
    *layers: str | None,
    requirements: tuple[str, ...] = FRESH,
    lock: str | None = None,
    code: str | None = None,
) -> list[Finding | Note]:
    """Everything that is said of layers with these stamps."""
    declared = replace(
        manifest(layers=("layer.zip",) * len(layers)),
        path=folder / "lambda-artifact.toml",
        requirements=tuple(folder / name for name in requirements),
    )
    project = Project(lock=Lock(folder / lock, lock, "uv", "1") if lock else None)
    files: dict[str, str | bytes] = {**CODE, **({STAMP: code} if code else {})}
    return said(check, program_of(files, *map(layer, layers), declared=declared, project=project))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with what a layer is built from."""
    (tmp_path / ".git").mkdir()
    for name in ("requirements.txt", "base.txt", "uv.lock"):
        (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


def test_a_layer_of_what_is_there_now_is_fresh(folder: Path) -> None:
    assert told(folder, stamp(folder, "requirements.txt")) == []


AGAIN = (
    "build layer.zip again, and stamp it in that step (`lambda-artifact stamp`); a cache of it must be keyed on all "
    "that it is built from: `lambda-artifact key` prints a key for that"
)


def test_an_older_one_is_an_error(folder: Path) -> None:
    text = stamp(folder, "requirements.txt", "base.txt", runtime="python3.11")
    (folder / "requirements.txt").write_text("six==1.17\n")
    (folder / "base.txt").unlink()

    assert told(folder, text, requirements=("requirements.txt", "uv.lock")) == [
        Finding(
            "layer.zip was built from something else than there is now: base.txt is gone, requirements.txt has "
            "changed, uv.lock is new, it was built for python3.11, and python3.12 is declared",
            f"layer.zip!{STAMP}",
            Severity.ERROR,
            AGAIN,
            edits=(Edit(AGAIN),),
        )
    ]


def test_a_lock_that_changed_alone_is_a_warning(folder: Path) -> None:
    text = stamp(folder, "requirements.txt", "uv.lock")
    (folder / "uv.lock").write_text("other\n")

    (finding,) = told(folder, text, lock="uv.lock")

    assert isinstance(finding, Finding)
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "layer.zip was built from something else than there is now: uv.lock has changed; the requirements that it is "
        "installed from are the same"
    )


def test_unless_the_layer_is_built_from_the_lock(folder: Path) -> None:
    text = stamp(folder, "uv.lock")
    (folder / "uv.lock").write_text("other\n")

    (finding,) = told(folder, text, lock="uv.lock", requirements=())

    assert isinstance(finding, Finding)
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", f"layer.zip!{STAMP}:1: expected JSON"),
        ('{"schema": "lambda-artifact/stamp/v9"}', "expected the format lambda-artifact/stamp/v1, found"),
        ("{}", "object missing required field `schema`"),
    ],
)
def test_a_stamp_that_cannot_be_read_is_an_error(text: str, sentence: str, folder: Path) -> None:
    (finding,) = told(folder, text)

    assert isinstance(finding, Finding)
    assert sentence in finding.message
    assert (finding.severity, finding.where) == (Severity.ERROR, f"layer.zip!{STAMP}")
    assert finding.remedy == "build layer.zip again, and stamp it then"


def test_without_any_stamp_a_note_says_what_that_means(folder: Path) -> None:
    (note,) = told(folder, None)

    assert isinstance(note, Note)
    assert note.text.startswith("no archive is stamped: whether they are fresh is judged by versions alone")


def test_layers_of_others_are_noted(folder: Path) -> None:
    assert told(folder, stamp(folder, "requirements.txt"), None) == [
        Note("not stamped, so that nothing says whether they are fresh: layer.zip", limit=True)
    ]


def test_the_code_is_judged_where_it_has_a_stamp(folder: Path) -> None:
    text = stamp(folder, "requirements.txt")
    (folder / "requirements.txt").write_text("six==1.17\n")

    found = told(folder, code=text)

    assert [one.where for one in found if isinstance(one, Finding)] == [f"code.zip!{STAMP}"]


@pytest.mark.parametrize(
    ("first", "second", "missing"),
    [
        (["requirements.txt"], ["base.txt"], []),
        (["requirements.txt"], ["requirements.txt"], ["base.txt is new", "base.txt is new"]),
    ],
)
def test_each_of_several_layers_can_have_inputs_of_its_own(
    first: list[str], second: list[str], missing: list[str], folder: Path
) -> None:
    texts = (stamp(folder, *names, complete=False) for names in (first, second))

    found = told(folder, *texts, requirements=("requirements.txt", "base.txt"))

    assert [one.message.rpartition(": ")[2] for one in found if isinstance(one, Finding)] == missing


def test_with_nothing_to_compare_it_is_not_applicable(folder: Path) -> None:
    with pytest.raises(Inapplicable, match="does not say what the archives are built from"):
        told(folder, stamp(folder, "requirements.txt"), requirements=())


def test_an_input_that_cannot_be_read_is_no_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = stamp(folder, "requirements.txt")

    def locked(path: Path) -> str:
        raise UsageError(f"{path.name}: cannot be read: Permission denied")

    monkeypatch.setattr("harness.dependencies.comparison.freshness.digest", locked)
    with pytest.raises(Blocked, match=r"an input cannot be compared: requirements\.txt: cannot be read: Permission"):
        told(folder, text)


class TestKeys:
    """Caches of pipelines."""

    def keyed(self, folder: Path, files: str, path: str = "layer.zip") -> list[Finding]:
        workflow = folder / ".github" / "workflows" / "deploy.yml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text(WORKFLOW.format(path=path, files=files))
        declared = replace(
            manifest(layers=("layer.zip",)),
            path=folder / "lambda-artifact.toml",
            requirements=(folder / "requirements.txt",),
            layers=tuple(replace(one, path=folder / "layer.zip") for one in manifest(layers=("layer.zip",)).layers),
        )
        return findings(check, program_of(CODE, layer(None), declared=declared))

    def test_the_wrong_file_is_a_warning(self, folder: Path) -> None:
        edit = Edit(
            "put requirements.txt into the key of the cached layer.zip (`lambda-artifact key` prints one over all that "
            "it is built from)",
            Place(".github/workflows/deploy.yml", 8),
        )
        assert self.keyed(folder, "uv.lock") == [
            Finding(
                "the cached layer layer.zip is keyed on uv.lock, and is built from requirements.txt: when that "
                "changes, the old layer is used",
                ".github/workflows/deploy.yml:8",
                Severity.WARNING,
                f".github/workflows/deploy.yml:8: {edit.do}",
                edits=(edit,),
            )
        ]

    def test_a_pattern_that_matches_nothing_is_named(self, folder: Path) -> None:
        (finding,) = self.keyed(folder, "requirement.txt")

        assert "is keyed on requirement.txt (requirement.txt: no such file), and" in finding.message

    def test_of_what_only_may_be_the_layer_the_path_is_named(self, folder: Path) -> None:
        (finding,) = self.keyed(folder, "uv.lock", "~/layers")

        assert finding.severity is Severity.WARNING
        assert finding.message.startswith("the cached path ~/layers is keyed on uv.lock")

    def test_a_key_with_all_inputs_is_right(self, folder: Path) -> None:
        assert self.keyed(folder, "**/requirements*.txt") == []


@pytest.mark.parametrize("other", [layer_layout.check, code_layout.check, unwanted_files.check])
def test_other_checks_have_nothing_against_the_stamp(other: object, folder: Path) -> None:
    text = stamp(folder, "requirements.txt")

    assert said(other, program_of({**CODE, STAMP: text}, layer(text))) == []  # type: ignore[arg-type]  # a check


def test_a_layer_of_a_stamp_alone_is_empty(folder: Path) -> None:
    (finding,) = findings(layer_layout.check, program_of(CODE, {STAMP: stamp(folder, "requirements.txt")}))

    assert finding.message == "the layer is empty"
