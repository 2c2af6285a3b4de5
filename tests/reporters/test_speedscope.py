from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from harness.model import FunctionInfo, Import, InitProfile
from harness.reporters import FORMATS
from tests.conftest import ROOT
from tests.reporters.reports import ENEMY, PASSED

PACKAGE, DIGEST = "speedscope-1.25.0.tgz", "2831f1e0d26df914b477e522d78b8485511495a6af81a0b88158f8b48f9e0d03"

SECONDS = st.floats(0, 1e6)
IMPORTS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c.d", ENEMY]), st.integers(-1, 9), SECONDS, SECONDS), max_size=10
)


def opened(profile: dict[str, Any]) -> list[tuple[int, int]]:
    """Each frame that a profile opens, with how many are open by then; what speedscope refuses is an error."""
    found, under_way, now = list[tuple[int, int]](), list[int](), profile["startValue"]
    for event in profile["events"]:
        assert now <= event["at"] <= profile["endValue"]
        now = event["at"]
        if event["type"] == "O":
            found.append((event["frame"], len(under_way)))
            under_way.append(event["frame"])
        else:
            assert (event["type"], under_way.pop()) == ("C", event["frame"])
    assert under_way == []
    return found


def rendered(*functions: FunctionInfo) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(FORMATS["speedscope"](replace(PASSED, functions=functions)))
    assert made["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert all(one["type"] == "evented" and one["unit"] == "seconds" for one in made["profiles"])
    return made


def test_imports_are_frames_within_frames() -> None:
    imports = (
        Import("(Python starts)", None, 0.0, 0.1),
        Import("app", None, 0.1, 0.8),
        Import("json", 1, 0.2, 0.1),
        Import("app.main", 1, 0.4, 0.4),
        Import("json", 3, 0.5, 0.1),
    )
    made = rendered(
        FunctionInfo("api", "app.main.handler", profile=InitProfile(1.0, 0.0, imports)), PASSED.functions[0]
    )

    names = [frame["name"] for frame in made["shared"]["frames"]]
    (profile,) = made["profiles"]
    assert profile["name"] == "api"
    assert profile["endValue"] == 1.0
    assert [(names[frame], depth) for frame, depth in opened(profile)] == [
        ("(Python starts)", 0),
        ("app", 0),
        ("json", 1),
        ("app.main", 1),
        ("json", 2),
    ]


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    """The schema that speedscope publishes: npm downloads the package once, into ``build/npm``."""
    folder = ROOT / "build" / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not (package := folder / PACKAGE).is_file():
            npm = shutil.which("npm")
            if npm is None:
                pytest.skip("npm is not installed")
            name = PACKAGE.removesuffix(".tgz").replace("-", "@")
            subprocess.run([npm, "pack", "--silent", f"--pack-destination={folder}", name], check=True)
    assert hashlib.sha256(package.read_bytes()).hexdigest() == DIGEST
    with tarfile.open(package) as archive:
        member = archive.extractfile("package/dist/release/file-format-schema.json")
        assert member is not None
        return jsonschema.Draft7Validator(json.load(member))


@pytest.mark.network
@pytest.mark.parametrize("profiled", [0, 1, 2])
def test_the_file_is_of_the_published_schema(profiled: int, schema: jsonschema.Draft7Validator) -> None:
    imports = (Import(ENEMY, None, 0.0, 0.5), Import("json", 0, 0.1, 0.2))
    functions = tuple(FunctionInfo(f"f{n}", "a.b", profile=InitProfile(1.0, 0.0, imports)) for n in range(profiled))

    schema.validate(made := rendered(*functions, PASSED.functions[0]))
    assert len(made["profiles"]) == profiled


@given(IMPORTS, SECONDS)
def test_whatever_was_reported_is_a_profile(reported: list[tuple[str, int, float, float]], seconds: float) -> None:
    imports = tuple(
        Import(name, of if 0 <= of < number else None, began, took)
        for number, (name, of, began, took) in enumerate(reported)
    )
    (profile,) = rendered(FunctionInfo("api", "a.b", profile=InitProfile(seconds, 0.0, imports)))["profiles"]

    assert len(opened(profile)) == len(imports)
