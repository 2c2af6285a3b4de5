"""What the runtime's distributions hold, in the versions that are pinned."""

from __future__ import annotations

import pytest

from harness.policy import preinstalled, runtime_policy


def test_the_table_is_of_the_versions_that_are_pinned() -> None:
    pinned = dict(one.split("==") for one in runtime_policy("python3.12").runtime_requirements)

    versions = preinstalled.contents().versions

    assert versions == {name: pinned[name] for name in versions}


@pytest.mark.parametrize(
    ("module", "name", "there"),
    [
        ("botocore.vendored.requests", "get", False),
        ("botocore.vendored.requests", "exceptions", True),
        ("botocore.vendored.six", "moves", True),
        ("botocore.session", "_anything", True),
        ("boto3", "client", True),
        ("pip", "main", True),
    ],
)
def test_a_name_is_there_unless_the_text_of_its_module_shows_that_it_is_not(
    module: str,
    name: str,
    there: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert preinstalled.has_name(module, name) is there
