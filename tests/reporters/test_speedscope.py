from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.model import FunctionInfo, Import, InitProfile
from harness.reporters import FORMATS
from tests.reporters.reports import ENEMY, PASSED

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


@given(IMPORTS, SECONDS)
def test_whatever_was_reported_is_a_profile(reported: list[tuple[str, int, float, float]], seconds: float) -> None:
    imports = tuple(
        Import(name, of if 0 <= of < number else None, began, took)
        for number, (name, of, began, took) in enumerate(reported)
    )
    (profile,) = rendered(FunctionInfo("api", "a.b", profile=InitProfile(seconds, 0.0, imports)))["profiles"]

    assert len(opened(profile)) == len(imports)
