"""What `verify` writes for other tools, from archives on disk."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from harness.cli import run

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.build import Sample

SBOM = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.4",
    "components": [
        {"type": "library", "name": "imaging", "version": "2.0", "purl": "pkg:pypi/imaging@2.0"},
        {"type": "library", "name": "imaging", "version": "2.0", "purl": "pkg:pypi/imaging@2.0?file_name=a.whl"},
        {"type": "library", "name": "imaging._png", "version": "2.0", "purl": "pkg:pypi/imaging@2.0#imaging/_png"},
        {"type": "library", "name": "libpng", "version": "1.6", "purl": "pkg:rpm/almalinux/libpng@1.6"},
        {"type": "library", "name": "vendored", "version": "0.1", "purl": "pkg:pypi/vendored@0.1"},
        {"name": ["not a name"], "purl": "pkg:generic/x"},
        {"name": "no purl", "purl": 3},
        "not a component",
    ],
}
LIBRARY = b"\x7fELF\x02\x01\x01" + bytes(57)


def zipped(path: Path, files: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def installed(name: str, version: str, *requires: str, **files: str | bytes) -> dict[str, str | bytes]:
    """The files of a distribution in a layer, which its RECORD lists."""
    info = f"python/{name.replace('-', '_')}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    named = {path.replace("__", "/"): content for path, content in files.items()}
    inside = {f"python/{path}": content for path, content in named.items() if not path.startswith("sboms/")}
    record = "".join(f"{path.removeprefix('python/')},,\n" for path in inside)
    return {
        **inside,
        **{f"{info}/{path}": content for path, content in named.items() if path.startswith("sboms/")},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/RECORD": record,
        f"{info}/WHEEL": "Wheel-Version: 1.0\n",
    }


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A function with a layer in a folder of a repository."""
    folder = tmp_path / "services" / "shop"
    folder.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(folder)
    zipped(folder / "code.zip", {"app.py": "import imaging\n\n\ndef handler(event, context):\n    return 1\n"})
    layer = {
        **installed("Imaging", "2.0", "tiny.kit>=1", "absent; extra == 'x'", **{"imaging__init.py": ""}),
        **installed("tiny.kit", "1.2", **{"tiny_kit.py": ""}),
        "python/imaging/__init__.py": "",
        "python/imaging.libs/libpng-1a2b.so.16": LIBRARY,
        "python/Imaging-2.0.dist-info/RECORD": "imaging/__init__.py,,\nimaging.libs/libpng-1a2b.so.16,,\n",
        "python/Imaging-2.0.dist-info/sboms/auditwheel.cdx.json": json.dumps(SBOM),
        "python/Imaging-2.0.dist-info/sboms/broken.json": "[" * 100_000,
    }
    zipped(folder / "layer.zip", layer)
    (folder / "lambda-artifact.toml").write_text(
        'code = "code.zip"\nlayers = ["layer.zip"]\n\n[functions.api]\nhandler = "app.handler"\n', "utf-8"
    )
    return folder


def bill(environ: dict[str, str], capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:  # noqa: ANN401 - JSON
    run(["verify", "--engine", "none", "--format", "cyclonedx", *arguments], environ)
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("shop")
def test_the_bill_has_what_is_in_the_archives(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    document = bill(environ, capsys)
    components = {one["bom-ref"]: one for one in document["components"]}
    library = "layer.zip!python/imaging.libs/libpng-1a2b.so.16"
    assert set(components) == {
        "pkg:pypi/imaging@2.0",
        "pkg:pypi/imaging@2.0#imaging/_png",
        "pkg:pypi/tiny-kit@1.2",
        "pkg:pypi/vendored@0.1",
        "pkg:rpm/almalinux/libpng@1.6",
        library,
    }
    assert components["pkg:pypi/imaging@2.0"]["evidence"]["occurrences"] == [
        {"location": "layer.zip!python/Imaging-2.0.dist-info"}
    ]
    assert components[library]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(LIBRARY).hexdigest()}]
    needs = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert needs["artifact"] == ["pkg:pypi/imaging@2.0"]
    assert sorted(needs["pkg:pypi/imaging@2.0"]) == sorted(set(components) - {"pkg:pypi/imaging@2.0"})
    artifact = document["metadata"]["component"]
    assert artifact["name"] == "shop"
    assert [one["name"] for one in artifact["components"]] == ["code.zip", "layer.zip"]


def test_the_bill_differs_from_the_lock_where_the_archive_does(
    shop: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "requirements.txt").write_text("imaging==3.0\n", "utf-8")
    listed = bill(environ, capsys, "--requirements", "requirements.txt")["components"]
    assert [one["version"] for one in listed if one["name"] == "Imaging"] == ["2.0"]


def test_every_distribution_of_the_sample_is_in_the_bill(
    sample: Sample, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(sample.layer) as layer:
        names = [name for name in layer.namelist() if name.endswith(".dist-info/METADATA")]
        stated = [layer.read(name).decode().splitlines() for name in names]
    expected = {
        tuple(
            next(line for line in lines if line.startswith(key)).partition(": ")[2] for key in ("Name: ", "Version: ")
        )
        for lines in stated
    }
    document = bill(environ, capsys, "--code", str(sample.code), "--layer", str(sample.layer))
    listed = {(one["name"], one["version"]) for one in document["components"] if "version" in one}
    assert len(expected) > 30
    assert expected <= listed


@pytest.mark.usefixtures("shop")
def test_without_the_library_the_request_is_refused_before_the_work(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx.output", None)
    assert run(["verify", "--engine", "none", "--format", "cyclonedx"], environ) == 2
    assert "pip install 'lambda-artifact-harness[sbom]'" in capsys.readouterr().err


@pytest.mark.usefixtures("shop")
def test_paths_are_from_the_root_of_the_repository(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    run(
        ["verify", "--engine", "none", "--handler", "absent.handler", "--code", "code.zip", "--format", "gitlab"],
        environ,
    )
    found = json.loads(capsys.readouterr().out)
    assert {entry["location"]["path"] for entry in found} == {"services/shop/lambda-artifact.toml"}
    assert "blocker" in {entry["severity"] for entry in found}


BROKEN = ["verify", "--engine", "none", "--handler", "absent.handler"]
IN_GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
SUMMARY = {"summary.md": "before\n## Lambda"}


@pytest.mark.parametrize(
    ("service", "arguments", "lines", "files"),
    [
        ({}, [], [], {}),
        (
            IN_GITHUB,
            [],
            ["::error file=", "are annotations", "summary of the step"],
            SUMMARY,
        ),
        ({"GITHUB_ACTIONS": "true"}, [], ["::error file=", "are annotations"], {}),
        (
            IN_GITHUB,
            ["--output", "github=a.txt"],
            ["summary of the step"],
            SUMMARY | {"a.txt": "::"},
        ),
        (IN_GITHUB, ["--output", "markdown=r.md"], ["::error file="], {"r.md": "## Lambda", "summary.md": "before\n"}),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "none/x"},
            [],
            ["was not written: none/x: No such file"],
            {},
        ),
        ({"GITLAB_CI": "true"}, [], ["codequality.json is written"], {"lambda-artifact-codequality.json": "["}),
        ({"GITLAB_CI": "true"}, ["--output", "gitlab=q.json"], [], {"q.json": "["}),
    ],
    ids=["none", "github", "no summary", "own annotations", "own summary", "no folder", "gitlab", "own quality report"],
)
def test_a_ci_service_shows_the_report_unasked(  # noqa: PLR0913 - fixtures
    *,
    shop: Path,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    service: dict[str, str],
    arguments: list[str],
    lines: list[str],
    files: dict[str, str],
) -> None:
    (shop / "summary.md").write_text("before\n", "utf-8")
    plain = {key: value for key, value in environ.items() if not key.startswith(("GITHUB_", "GITLAB_"))}
    assert run([*BROKEN, *arguments], plain | service) == 1
    said = capsys.readouterr()
    assert said.out.startswith("FAIL")
    assert [line for line in lines if line not in said.err] == []
    assert lines or said.err == ""
    for name, text in files.items():
        assert (shop / name).read_text("utf-8").startswith(text)
    assert (shop / "lambda-artifact-codequality.json").exists() == ("lambda-artifact-codequality.json" in files)
