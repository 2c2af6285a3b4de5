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


@pytest.mark.parametrize("source", [b"x = " + b"-" * 2000 + b"1", b"import os\nx = " + b"-" * 5000 + b"os.path"])
@pytest.mark.parametrize("recorded", [False, True])
def test_what_is_nested_too_deep_is_not_analysed(source: bytes, *, recorded: bool) -> None:
    assert module(source, (3, 12), recorded=recorded).parsed is recorded  # for its imports alone


@pytest.mark.parametrize("source", [b"x = [" + b"'a'," * 400_000 + b"]", b"import a" + b".a" * 100_000])
@pytest.mark.parametrize("recorded", [False, True])
def test_what_would_take_gigabytes_is_not_analysed(source: bytes, *, recorded: bool) -> None:
    assert not module(source, (3, 12), recorded=recorded).parsed
