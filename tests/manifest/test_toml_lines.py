from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.manifest.toml_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TEXT = '''\
title = "x" # [not.a.table]
[project]
dependencies = [
    "a", # "b"
    "b]",
    """
c " """, "a",
]
"quoted.key" = { list = [1.5, [2]], at.depth = { day = 1979-05-27 07:32:00 } }
[[tool.item]]
n = 1
[[tool.item]]
n = \'\'\'
[project]
\'\'\'
[tool.item.sub]
'literal' = "\\u0061 \\" ="
["a b".'c']
[[tool.item]]
[last]
'''


@pytest.mark.parametrize(
    ("way", "line"),
    [
        (("title",), 1),
        (("project",), 2),
        (("project", "dependencies"), 3),
        (("project", "dependencies", 0), 4),
        (("project", "dependencies", 1), 5),
        (("project", "dependencies", 2), 6),
        (("project", "dependencies", 3), 7),
        (("project", "quoted.key", "list", 1, 0), 9),
        (("project", "quoted.key", "at", "depth", "day"), 9),
        (("tool", "item", 0, "n"), 11),
        (("tool", "item", 1), 12),
        (("tool", "item", 1, "n"), 13),
        (("tool", "item", 1, "sub"), 16),
        (("tool", "item", 1, "sub", "literal"), 17),
        (("a b", "c"), 18),
        (("tool", "item", 2), 19),
        (("last",), 20),
        (("last", "nothing", "there"), 20),
        (("nothing",), None),
    ],
)
def test_each_key_and_item_has_its_line(way: tuple[str | int, ...], line: int | None) -> None:
    assert Lines(TEXT).of(*way) == line


DOCUMENTS = (
    TEXT,
    (ROOT / "pyproject.toml").read_text(),
    (ROOT / "fixtures" / "sample" / "pyproject.toml").read_text(),
    (ROOT / "fixtures" / "sample" / "poetry.lock").read_text()[:4000].rpartition("[[package]]")[0],
)
SCRAPS = (
    *('"', "'", '"""', "'''", "[", "]", "[[", "]]", "{", "}", ",", "\n", " = ", "#", ".", "\\", "a", "1", "[a]\n"),
    "é",
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Texts that are nearly what real ones are."""
    text = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from(SCRAPS)) + text[start + draw(st.integers(0, 6)) :]
    return text


def ways(value: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if way:
        yield way
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in parts:
        yield from ways(one, (*way, key))


@given(documents())
@settings(max_examples=300)
def test_whatever_is_toml_has_its_lines(text: str) -> None:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(text)

    for way in ways(content):
        assert lines.of(*way, "below") == lines.of(*way) is not None
        assert way in lines
