"""Names: those that nobody minds are told at a glance, and the glance agrees with the rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.artifact.names import LONGEST_PATH, fault


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "app/main.py",
        "..data/...",
        ".hidden/.a",
        "a..b/c.",
        "with space/[a]{b}(c)~!@#$%^&+=,;'`",
        "lib/libgcc_s-2d945d6c.so.1",
        "3:4",
        "größe.py",
        "a" * 255,
        "/".join(["folder"] * 583),
    ],
)
def test_good(name: str) -> None:
    assert fault(name) is None


def is_broken(name: str) -> bool:
    """The rules once more, one after another."""
    components = name.split("/")
    return (
        any(component in ("", ".", "..") for component in components)
        or any(len(component.encode()) > 255 for component in components)
        or len(name.encode()) > LONGEST_PATH
        or any(not c.isprintable() and c.isascii() for c in name)
        or "\\" in name
        or (name[:1].isascii() and name[:1].isalpha() and name[1:2] == ":")
    )


pieces = st.sampled_from(["a", "Z", "0", ".", "..", "/", "/", ":", "\\", "\0", "\n", "\x7f", "~", " ", "ü", "x" * 254])


@given(st.lists(pieces, max_size=25).map("".join))
@settings(max_examples=1500)
def test_the_rules(name: str) -> None:
    assert (fault(name) is not None) == is_broken(name)
