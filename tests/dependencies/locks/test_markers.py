from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from harness.dependencies.locks.markers import UnreadableMarkerError, by_list, lists, narrow
from harness.dependencies.project import MAIN, Group, Kind
from tests.dependencies.locks.lock_texts import needed

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

POSTGRES, GPU, DEV = Group(Kind.EXTRA, "postgres"), Group(Kind.EXTRA, "gpu"), Group(Kind.GROUP, "dev")
WINDOWS = "sys_platform == 'win32'"


@pytest.mark.parametrize(
    ("marker", "default", "expected"),
    [
        (None, (), {MAIN: None}),
        (WINDOWS, (), {MAIN: WINDOWS}),
        ('extra == "postgres"', (), {POSTGRES: None}),
        ('"postgres" == extra', (), {POSTGRES: None}),
        ('extra == "Post_Gres"', (), {Group(Kind.EXTRA, "post-gres"): None}),
        (f'{WINDOWS} and extra == "postgres"', (), {POSTGRES: WINDOWS}),
        (f'{WINDOWS} or extra == "postgres"', (), {MAIN: WINDOWS, POSTGRES: None}),
        ('extra == "postgres" or extra == "gpu"', (), {POSTGRES: None, GPU: None}),
        (f'{WINDOWS} and (extra == "postgres" or extra == "gpu")', (), {POSTGRES: WINDOWS, GPU: WINDOWS}),
        ('extra != "gpu"', (), {MAIN: None}),
        ('"postgres" in extras', (), {POSTGRES: None}),
        ('"dev" in dependency_groups', (), {DEV: None}),
        ('"dev" not in dependency_groups', (), {MAIN: None}),
        ('"dev" not  in dependency_groups', (), {MAIN: None}),
        ('"default" in dependency_groups or "dev" in dependency_groups', ("default",), {MAIN: None, DEV: None}),
        ('"default" in dependency_groups', ("default",), {MAIN: None}),
        (f'{WINDOWS} and "default" in dependency_groups', ("default",), {MAIN: WINDOWS}),
        ('"gpu" in extras and "postgres" in extras', (), {}),
        (
            f"{WINDOWS} and (os_name == 'nt' or 'dev' in dependency_groups)",
            (),
            {MAIN: f"{WINDOWS} and os_name == 'nt'", DEV: WINDOWS},
        ),
        (f"({WINDOWS} or os_name == 'nt') and extra == 'gpu'", (), {GPU: f"({WINDOWS} or os_name == 'nt')"}),
    ],
)
def test_the_lists_of_a_condition(marker: str | None, default: tuple[str, ...], expected: dict[Group, str]) -> None:
    assert by_list(marker, default) == expected


@pytest.mark.parametrize(
    "marker",
    [
        *("extra", "extra ==", "(extra == 'x'", "extra == 'x')", "extra == 'x' and", "extra == x y", "extra é"),
        "(" * 200 + "extra == 'x'" + ")" * 200,
    ],
)
def test_what_is_no_condition_is_not_guessed_at(marker: str) -> None:
    with pytest.raises(UnreadableMarkerError):
        by_list(marker)


def test_a_condition_that_lists_share_is_said_once() -> None:
    shared, apart = lists({MAIN: WINDOWS, DEV: WINDOWS}), lists({MAIN: WINDOWS, DEV: None})

    assert (shared.groups, shared.marker, dict(shared.by_group)) == (needed(MAIN, DEV), WINDOWS, {})
    assert (apart.groups, apart.marker, dict(apart.by_group)) == (needed(MAIN, DEV), None, {MAIN: WINDOWS})


ATOMS = st.sampled_from(
    ["'a' in extras", "'b' not in extras", "'a' in dependency_groups", "'g' in dependency_groups",
     "sys_platform == 'win32'", "os_name != 'nt'", "python_version >= '3.12'"]
)  # fmt: skip
MARKERS = st.recursive(
    ATOMS,
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda one: f"({' '.join(one)})"),
    max_leaves=8,
)
SYSTEMS = [{"sys_platform": s, "os_name": o} for s, o in itertools.product(["win32", "linux"], ["nt", "posix"])]


@given(MARKERS, st.sets(st.sampled_from("ab")), st.sets(st.sampled_from("ag")))
def test_what_is_left_is_true_where_the_whole_is(marker: str, extras: set[str], groups: set[str]) -> None:
    left = narrow(marker, extras=frozenset(extras), groups=frozenset(groups))

    for system in SYSTEMS:
        asked: dict[str, str | AbstractSet[str]] = {
            **system,
            "extras": frozenset(extras),
            "dependency_groups": frozenset(groups),
        }
        expected = Marker(marker).evaluate(asked, context="lock_file")
        assert (left if isinstance(left, bool) else Marker(left).evaluate(system)) is expected
