"""What an archive was built from: the value, its text, and how it gets into archives."""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.broken import mini
from harness.artifact.archive import read
from harness.artifact.entries import Role
from harness.artifact.stamp import STAMP, stamp_in
from harness.dependencies.inputs import Input, Inputs, digest, inputs_of, named_inputs
from harness.dependencies.project import BuildInput, Lock, MalformedFileError, Project, UnknownLock
from harness.dependencies.stamps import Stamp, parse_stamp, put, stamp_of
from harness.model import UsageError
from tests.build import manifest

if TYPE_CHECKING:
    from pathlib import Path

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
STAMPED = Stamp("python3.12", "x86_64", (("requirements.txt", A),))


class TestInputs:
    """What archives are built from."""

    @pytest.mark.parametrize(
        ("requirements", "included", "lock", "project", "more", "expected"),
        [
            (["r.txt"], [], None, None, [], ["r.txt"]),
            (["r.txt"], ["r.txt", "deps/base.txt"], None, None, [], ["r.txt", "deps/base.txt"]),
            (["r.txt"], ["r.txt"], "uv.lock", "pyproject.toml", [], ["r.txt", "uv.lock?"]),
            ([], [], "uv.lock", "pyproject.toml", [], ["uv.lock"]),
            (["uv.lock"], [], "uv.lock", "pyproject.toml", [], ["uv.lock"]),
            ([], [], None, "pyproject.toml", [], ["pyproject.toml"]),
            (["r.txt"], ["r.txt"], None, "pyproject.toml", [], ["r.txt"]),
            ([], [], None, None, ["build.sh", "build.sh"], ["build.sh"]),
            (["r.txt"], [], None, None, ["../Dockerfile", "r.txt"], ["r.txt", "../Dockerfile"]),
            ([], [], None, None, [], []),
        ],
    )
    def test_of_a_manifest(  # noqa: PLR0913, PLR0917 - a table
        self,
        requirements: list[str],
        included: list[str],
        lock: str | None,
        project: str | None,
        more: list[str],
        expected: list[str],
        tmp_path: Path,
    ) -> None:
        declared = replace(
            manifest(),
            path=tmp_path / "lambda-artifact.toml",
            requirements=tuple(tmp_path / name for name in requirements),
            project=tmp_path / project if project else None,
            inputs=tuple(tmp_path / name for name in more),
        )
        read = Project(
            lock=Lock(tmp_path / lock, lock, "uv", "1") if lock else None,
            build=BuildInput(tuple(tmp_path / name for name in included)) if included else None,
        )

        found = inputs_of(declared, read)

        assert [f"{one.name}{'' if one.decisive else '?'}" for one in found.files] == expected

    def test_a_lock_that_cannot_be_read_is_one_all_the_same(self, tmp_path: Path) -> None:
        declared = replace(manifest(), path=tmp_path / "lambda-artifact.toml")
        lock = UnknownLock(tmp_path / "uv.lock", "uv.lock", "of a later format")

        assert [one.name for one in inputs_of(declared, Project(lock=lock)).files] == ["uv.lock"]

    def test_named_one_by_one(self, tmp_path: Path) -> None:
        declared = replace(
            manifest(),
            path=tmp_path / "lambda-artifact.toml",
            requirements=(tmp_path / "r.txt",),
            inputs=(tmp_path / "sub" / "b.txt",),
        )

        assert [one.name for one in named_inputs(declared).files] == ["sub/b.txt"]

    def test_without_a_manifest_names_are_relative_to_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)

        assert [one.name for one in named_inputs(replace(manifest(), inputs=(tmp_path / "r.txt",))).files] == ["r.txt"]

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"r\.txt: cannot be read: No such file or directory"):
            digest(tmp_path / "r.txt")


class TestStamp:
    """The value and its text."""

    def test_the_text_is_the_same_wherever_it_is_made(self, tmp_path: Path) -> None:
        texts = []
        for folder in (tmp_path / "a", tmp_path / "b"):
            folder.mkdir()
            (folder / "r.txt").write_text("six==1.16\n")
            (folder / "x.sh").write_text("")
            files = tuple(Input(name, folder / name) for name in ("x.sh", "r.txt"))
            texts.append(
                stamp_of(Inputs(folder, files, "python3.12", "arm64"), "image@sha256:1", (("pip", "25"),)).text
            )

        assert texts[0] == texts[1]
        assert json.loads(texts[0]) == {
            "architecture": "arm64",
            "complete": True,
            "image": "image@sha256:1",
            "inputs": {
                "r.txt": "sha256:cdd9fa3c6a138bc8dd911b07f5d02a544cc1c5da69464e220cf5fc4da4318324",
                "x.sh": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            },
            "key": parse_stamp(texts[0], "x").key,
            "runtime": "python3.12",
            "schema": "lambda-artifact/stamp/v1",
            "tools": {"pip": "25"},
        }

    def test_the_key_never_changes_by_itself(self) -> None:
        # Caches all over the world have it; another one for the same inputs would empty them.
        assert STAMPED.key == "python3.12-x86_64-db3b17ef9aba2ce61b64e50c58522d60"

    @pytest.mark.parametrize(
        "other",
        [
            replace(STAMPED, runtime="python3.13"),
            replace(STAMPED, architecture="arm64"),
            replace(STAMPED, image="x"),
            replace(STAMPED, tools=(("pip", "25"),)),
            replace(STAMPED, inputs=(("requirements.txt", B),)),
            replace(STAMPED, inputs=(("requirement.txt", A),)),
            replace(STAMPED, inputs=(("build.sh", B), ("requirements.txt", A))),
        ],
    )
    def test_the_key_changes_with_everything(self, other: Stamp) -> None:
        assert other.key != STAMPED.key
        assert other.key.startswith(f"{other.runtime}-{other.architecture}-")

    def test_how_the_inputs_were_named_is_not_in_the_key(self) -> None:
        assert replace(STAMPED, complete=False).key == STAMPED.key

    @pytest.mark.parametrize(
        "stamp", [STAMPED, replace(STAMPED, image="x@sha256:1", tools=(("pip", "25"), ("uv", "0.9")), complete=False)]
    )
    def test_a_text_says_what_was_written(self, stamp: Stamp) -> None:
        assert parse_stamp(stamp.text, "x") == stamp

    def test_what_a_later_release_adds_is_ignored(self) -> None:
        assert parse_stamp(json.dumps({**json.loads(STAMPED.text), "more": 1}), "x") == STAMPED

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"schema": "lambda-artifact/stamp/v2"}, 'expected the format lambda-artifact/stamp/v1, found "lambda-art'),
            ({"schema": 1}, "stamp: expected `str`, got `int` at schema"),
            ({"inputs": []}, "expected `object`, got `array` at inputs"),
            ({"inputs": {"r.txt": "md5:1"}}, "expected relative paths with digests, found {"),
            ({"inputs": {"/etc/passwd": A}}, "expected relative paths with digests, found {"),
            ({"inputs": {"": A}}, "expected relative paths with digests, found {"),
            ({"inputs": {"a\nb": A}}, "expected relative paths with digests, found {"),
            ({"inputs": {"\udcff": A}}, "expected relative paths with digests, found {"),
            ({"runtime": "python3.12\x1b[0m"}, 'expected a runtime and an architecture, found "python3.12\\u001b'),
            ({"tools": {"pip": 25}}, "expected `str`, got `int` at tools"),
            ({"inputs": {"r.txt": B}}, "its key is not that of its inputs: it was changed after it was written"),
            ({"key": "x"}, "its key is not that of its inputs"),
        ],
    )
    def test_what_does_not_fit_is_named(self, change: dict[str, object], sentence: str) -> None:
        with pytest.raises(MalformedFileError) as caught:
            parse_stamp(json.dumps({**json.loads(STAMPED.text), **change}, indent=2, sort_keys=True), "stamp")

        assert sentence in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "stamp:1: expected JSON"),
            ("{", "stamp:1: expected JSON"),
            ("[" * 100_000, "stamp: expected JSON that is not nested beyond reason"),
            ("[]", "expected `object`, got `array`"),
            ("{}", "object missing required field `schema`"),
        ],
    )
    def test_no_stamp_at_all(self, text: str, sentence: str) -> None:
        with pytest.raises(MalformedFileError) as caught:
            parse_stamp(text, "stamp")

        assert sentence in str(caught.value)

    @given(st.integers(0, 400), st.integers(0, 20), st.text(max_size=8))
    def test_no_change_of_a_stamp_breaks_its_reading(self, at: int, gone: int, put: str) -> None:
        text = STAMPED.text[:at] + put + STAMPED.text[at + gone :]
        with suppress(MalformedFileError):
            parse_stamp(text, "stamp")


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    return mini(tmp_path / "layer.zip", {"python/six.py": "x = 1\n"})


def found(path: Path) -> Stamp:
    text = stamp_in(read(path, "layer", Role.LAYER))
    assert text is not None
    return parse_stamp(text, "layer")


OTHER = replace(STAMPED, inputs=(("build.sh", A), ("requirements.txt", B)), runtime="python3.13")


class TestPut:
    """What is stamped, and what is not."""

    def test_zips_and_folders_are_written(self, layer: Path, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "x.py").touch()

        assert put(STAMPED, [layer, folder]) == (layer, folder)

        assert found(layer) == found(folder) == STAMPED
        assert zipfile.ZipFile(layer).namelist() == ["python/six.py", STAMP]

    def test_the_same_stamp_is_not_written_again(self, layer: Path) -> None:
        put(STAMPED, [layer])
        before = layer.stat()

        assert put(STAMPED, [layer]) == ()

        assert layer.stat() == before

    def test_an_archive_with_another_is_refused(self, layer: Path) -> None:
        put(OTHER, [layer])

        with pytest.raises(UsageError) as caught:
            put(STAMPED, [layer])

        assert str(caught.value) == (
            f"{layer} is stamped already, as built from other inputs (build.sh, requirements.txt, python3.13 instead "
            "of python3.12): it came out of a cache or is left from an earlier build; build it again and stamp it in "
            "that step (--replace stamps it as it is)"
        )
        assert found(layer) == OTHER

    def test_unless_that_is_asked_for(self, layer: Path) -> None:
        put(OTHER, [layer])

        assert put(STAMPED, [layer], replace=True) == (layer,)

        assert found(layer) == STAMPED

    def test_one_that_is_refused_keeps_all_from_being_written(self, layer: Path, tmp_path: Path) -> None:
        other = mini(tmp_path / "other.zip", {"python/x.py": ""})
        put(OTHER, [other])
        before = layer.read_bytes()

        with pytest.raises(UsageError, match=r"other\.zip is stamped already"):
            put(STAMPED, [layer, other])

        assert layer.read_bytes() == before

    def test_everything_that_is_wrong_is_said_at_once(self, layer: Path, tmp_path: Path) -> None:
        (tmp_path / "page.zip").write_text("<!DOCTYPE html>")
        mini(tmp_path / "odd.zip", {STAMP: "{}"})
        names = ("gone.zip", "page.zip", "odd.zip")

        with pytest.raises(UsageError) as caught:
            put(STAMPED, [layer, *(tmp_path / name for name in names)])

        lines = str(caught.value).splitlines()
        assert lines[0] == f"{tmp_path}/gone.zip does not exist: build it first"
        assert lines[1].startswith(f"{tmp_path}/page.zip is no sound archive: ")
        assert lines[2].startswith(f"{tmp_path}/odd.zip has a stamp that cannot be read (its stamp: object missing")
        assert len(lines) == 3

    def test_one_that_cannot_be_read_can_be_replaced(self, tmp_path: Path) -> None:
        odd = mini(tmp_path / "odd.zip", {STAMP: "{}", "x.py": ""})

        put(STAMPED, [odd], replace=True)

        assert found(odd) == STAMPED

    @pytest.mark.parametrize("replace", [False, True])
    @pytest.mark.parametrize("names", [(f"{STAMP}/x",), (f"{STAMP}/", f"{STAMP}/x")])
    def test_a_folder_of_its_name_leaves_no_place_for_it(
        self, names: tuple[str, ...], *, replace: bool, tmp_path: Path
    ) -> None:
        path = tmp_path / "odd.zip"
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, "")
        before = path.read_bytes()

        with pytest.raises(UsageError, match=rf"odd\.zip has a folder named {STAMP}, .*: give the folder another name"):
            put(STAMPED, [path], replace=replace)

        assert path.read_bytes() == before
