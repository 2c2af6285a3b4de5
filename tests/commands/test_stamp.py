"""``stamp`` and ``key``, and what ``verify`` says of what they wrote."""

from __future__ import annotations

import json
import re
import zipfile
from typing import TYPE_CHECKING

import pytest

from fixtures.case import Case, lay_out
from harness.artifact.stamp import STAMP
from harness.cli import run

if TYPE_CHECKING:
    from pathlib import Path

STATIC = ["verify", "--engine", "none"]
CASE = Case(
    name="stamped",
    verdict="pass",
    files=(
        ("requirements.txt", "-r deps/base.txt\ntinyxml==1.2.0\n"),
        ("deps/base.txt", "parcelkit==0.4.1\n"),
        ("build.sh", "zip -r layer.zip python\n"),
    ),
    requirements=("requirements.txt",),
    manifest=('inputs = ["build.sh"]',),
)
KEY = r"python3\.12-x86_64-[0-9a-f]{32}"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of somebody who has built code.zip and layer.zip."""
    lay_out(CASE, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], environ: dict[str, str]) -> Said:
    return Said(capsys, environ)


class Said:
    """Runs the command, and has what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], environ: dict[str, str]) -> None:
        self._capsys = capsys
        self._environ = environ

    def __call__(self, *argv: str, code: int = 0) -> str:
        """Standard output of a success, standard error of a failure."""
        assert run(argv, self._environ) == code
        out, err = self._capsys.readouterr()
        return err if code == 2 else out


def stamp(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as file:
        found: dict[str, object] = json.loads(file.read(STAMP))
        return found


class TestKey:
    """``lambda-artifact key``."""

    def test_it_prints_a_key_and_nothing_else(self, shop: Path, said: Said) -> None:
        del shop

        assert re.fullmatch(rf"{KEY}\n", said("key"))
        assert re.fullmatch(rf"layer-{KEY}\n", said("key", "--prefix", "layer"))

    def test_nothing_has_to_be_built_for_it(self, shop: Path, said: Said) -> None:
        before = said("key")
        for name in ("code.zip", "layer.zip", "event.json"):
            (shop / name).unlink()

        assert said("key") == before

    def test_nor_need_it_be_named(self, shop: Path, said: Said) -> None:
        before = said("key")
        lines = (shop / "lambda-artifact.toml").read_text().splitlines()
        kept = [line for line in lines if line.startswith(("requirements", "inputs", "[functions", "handler"))]
        (shop / "lambda-artifact.toml").write_text("\n".join(kept))

        assert said("key") == before

    @pytest.mark.parametrize("name", ["requirements.txt", "deps/base.txt", "build.sh"])
    def test_it_changes_with_each_input(self, name: str, shop: Path, said: Said) -> None:
        before = said("key")
        (shop / name).write_text((shop / name).read_text() + "\n# changed\n")

        assert said("key") != before

    @pytest.mark.parametrize(
        "options",
        [
            ("--runtime", "python3.13"),
            ("--arch", "arm64"),
            ("--image", "public.ecr.aws/lambda/python@sha256:1"),
            ("--tool", "pip=25.3"),
            ("--input", "build.sh"),
        ],
    )
    def test_it_changes_with_each_option(self, options: tuple[str, str], shop: Path, said: Said) -> None:
        del shop

        assert said("key", *options) != said("key")

    def test_what_is_not_named_does_not_count(self, shop: Path, said: Said) -> None:
        before = said("key")
        (shop / "README.md").write_text("changed\n")
        (shop / "requirements.txt").touch()

        assert said("key") == before

    def test_it_is_the_same_wherever_it_is_asked_for(
        self, shop: Path, said: Said, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = said("key")
        monkeypatch.chdir(shop / "deps")

        assert said("key") == here
        assert said("key", "--manifest", "../lambda-artifact.toml") == here

    def test_the_order_of_options_does_not_count(self, shop: Path, said: Said) -> None:
        del shop
        pairs = (("--tool", "pip=25"), ("--tool", "uv=0.9"), ("--input", "build.sh"), ("--input", "requirements.txt"))

        assert said("key", *sum(pairs, ())) == said("key", *sum(reversed(pairs), ()))

    def test_without_a_manifest_inputs_are_named(
        self, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "requirements.txt").touch()

        assert re.fullmatch(rf"{KEY}\n", said("key", "--input", "requirements.txt"))


class TestStamp:
    """``lambda-artifact stamp``."""

    def test_it_has_the_key_and_the_inputs(self, shop: Path, said: Said) -> None:
        key = said("key").strip()

        told = said("stamp", "layer.zip", "code.zip")

        inputs = ["build.sh", "deps/base.txt", "requirements.txt"]
        assert told == f"layer.zip: stamped\ncode.zip: stamped\n{key}: {', '.join(inputs)}\n"
        assert stamp(shop / "layer.zip") == stamp(shop / "code.zip")
        assert stamp(shop / "layer.zip")["key"] == key
        assert sorted(stamp(shop / "layer.zip")["inputs"]) == inputs  # type: ignore[call-overload]  # a table

    def test_all_options_are_in_it(self, shop: Path, said: Said) -> None:
        options = ("--image", "x@sha256:1", "--tool", "pip=25.3", "--arch", "arm64", "--runtime", "python3.13")

        said("stamp", *options, "--input", "deps/base.txt", "layer.zip")

        found = stamp(shop / "layer.zip")
        assert (found["image"], found["tools"], found["architecture"]) == ("x@sha256:1", {"pip": "25.3"}, "arm64")
        assert (found["runtime"], found["complete"]) == ("python3.13", False)
        assert found["key"] == said("key", *options, "--input", "deps/base.txt").strip()

    def test_the_same_bytes_come_out_of_the_same_build(self, shop: Path, said: Said, tmp_path: Path) -> None:
        (tmp_path / "again").mkdir()
        lay_out(CASE, tmp_path / "again")

        said("stamp", "layer.zip")
        said("stamp", "--manifest", "again/lambda-artifact.toml", "again/layer.zip")

        assert (shop / "again" / "layer.zip").read_bytes() == (shop / "layer.zip").read_bytes()

    def test_once_more_it_does_nothing(self, shop: Path, said: Said) -> None:
        said("stamp", "layer.zip")
        before = (shop / "layer.zip").read_bytes()

        assert said("stamp", "layer.zip").startswith("layer.zip: has this stamp already\n")
        assert (shop / "layer.zip").read_bytes() == before

    def test_a_layer_out_of_a_cache_is_refused(self, shop: Path, said: Said) -> None:
        said("stamp", "layer.zip")
        (shop / "deps" / "base.txt").write_text("parcelkit==0.4.2\n")

        complaint = said("stamp", "layer.zip", code=2)

        assert complaint.startswith(
            "lambda-artifact: layer.zip is stamped already, as built from other inputs (deps/base.txt): it came out"
        )
        assert said("stamp", "--replace", "layer.zip").startswith("layer.zip: stamped\n")

    def test_a_folder_is_stamped(self, shop: Path, said: Said) -> None:
        (shop / "out" / "python").mkdir(parents=True)

        said("stamp", "out")

        assert json.loads((shop / "out" / STAMP).read_text())["complete"] is True


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["stamp"], "the following arguments are required: ARCHIVE"),
        (["stamp", "gone.zip"], "gone.zip does not exist: build it first"),
        (["stamp", "requirements.txt"], "requirements.txt is no sound archive: "),
        (["stamp", "layer.zip", "--input", "gone.txt"], "--input: {here}/gone.txt does not exist"),
        (["key", "--input", "gone.txt"], "--input: {here}/gone.txt does not exist"),
        (["key", "--input", "deps"], "--input: {here}/deps is not a file"),
        (["key", "--runtime", "python3.7"], '--runtime: unknown runtime "python3.7"; known are '),
        (["key", "--arch", "i386"], '--arch: expected "x86_64" or "arm64", found "i386"'),
        (["key", "--tool", "pip"], "--tool pip: write it as NAME=VERSION"),
        (["key", "--tool", "=1"], "--tool =1: write it as NAME=VERSION"),
        (["key", "--tool", "pip=1", "--tool", "pip=2"], "--tool: pip is given twice"),
        (["key", "--prefix", "a b"], "--prefix 'a b': caches take no keys with spaces, commas or bars"),
        (["key", "--prefix", "a\nb"], "--prefix 'a\\nb': caches take no keys"),
        (["key", "--image", ""], "--image: expected the image that the archives are built in, found nothing"),
        (["key", "--image", "a", "--image", "b"], "argument --image: given twice"),
        (["key", "--manifest", "gone.toml"], "gone.toml: cannot be read: No such file or directory"),
        (["key", "layer.zip"], "unrecognized arguments: layer.zip"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(argv: list[str], sentence: str, shop: Path, said: Said) -> None:
    before = (shop / "layer.zip").read_bytes()

    complaint = said(*argv, code=2)

    assert sentence.format(here=shop) in complaint
    assert "Traceback" not in complaint
    assert (shop / "layer.zip").read_bytes() == before


def test_an_input_that_is_included_and_missing(shop: Path, said: Said) -> None:
    (shop / "deps" / "base.txt").unlink()

    assert "requirements.txt:1" in said("key", code=2)


def test_without_anything_to_go_by(tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert said("key", code=2) == (
        "lambda-artifact: nothing says what the archives are built from: name it in the manifest as requirements, "
        "project or inputs, or with --input\n"
    )


class TestVerify:
    """What a verification says of a stamp."""

    def test_a_fresh_archive_passes(self, shop: Path, said: Said) -> None:
        del shop
        said("stamp", "layer.zip", "code.zip")

        report = json.loads(said(*STATIC, "--format", "json"))

        assert report["verdict"] == "pass"
        assert [one["outcome"] for one in report["results"] if one["check"] == "layer-fresh"] == ["completed"]

    def test_an_older_one_fails(self, shop: Path, said: Said) -> None:
        said("stamp", "layer.zip")
        (shop / "build.sh").write_text("zip -r layer.zip python -x '*.pyc'\n")

        told = said(*STATIC, "--select", "layer-fresh", code=1)

        assert "layer.zip was built from something else than there is now: build.sh has changed" in told
        assert f"layer.zip!{STAMP}" in told

    def test_what_was_kept_in_the_cache_is_not_believed(self, shop: Path, said: Said) -> None:
        said("stamp", "layer.zip")
        said(*STATIC, "--select", "layer-fresh")
        (shop / "build.sh").write_text("changed\n")

        said(*STATIC, "--select", "layer-fresh", code=1)
