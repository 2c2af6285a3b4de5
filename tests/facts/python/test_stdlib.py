"""What the standard library's modules hold."""

from __future__ import annotations

import pytest

from harness.facts.python.stdlib import has_name, has_submodule


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logging.config", True),
        ("email.mime.text", True),
        ("xml.etree", True),
        ("os.path", True),
        ("importlib.metadata", True),
        ("concurrent.futures.thread", True),
        ("logging.setup", False),
        ("email.mime.parcel", False),
        ("code.tools", False),
        ("time.zone", False),
        ("os.tools", False),
        ("json.my-models", False),
        ("module_of_another_python.x", True),
    ],
)
def test_a_module_has_the_submodules_that_there_are_files_for(name: str, *, expected: bool) -> None:
    assert has_submodule(name) is expected


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [("types", "FunctionType", True), ("types", "Parcel", False), ("module_that_is_not_loaded", "x", True)],
)
def test_a_loaded_module_has_the_names_that_it_has(module: str, name: str, *, expected: bool) -> None:
    assert has_name(module, name) is expected
