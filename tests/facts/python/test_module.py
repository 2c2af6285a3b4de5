"""What one source file says, where no file can hold what it says."""

from __future__ import annotations

import msgspec
import pytest

from harness.facts.python.module import module


@pytest.mark.parametrize(
    "source",
    [
        b'import os\nopen("\\ud800")\n',
        b'import os\n__import__("\\uD800")\n',
        b'import os\nfrom importlib.metadata import version\nversion("\\udfff")\n',
        b'import os\nglobals()["\\U0000d800"] = 1\n',
    ],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_halves_of_characters_are_left_out_and_the_rest_is_kept(source: bytes, *, recorded: bool) -> None:
    found = module(source, (3, 12), recorded=recorded)

    assert [one.module for one in found.imports][:1] == ["os"]
    assert msgspec.msgpack.encode(found)
