"""Which lists are for developers, by their names."""

from __future__ import annotations

import pytest

from harness.dependencies.comparison.agreement import is_development
from harness.dependencies.project import MAIN, Group, Kind


@pytest.mark.parametrize(
    "name", ["dev", "test", "tests-unit", "dev-dependencies", "lint", "docs", "typing", "ci", "pre-commit", "dev_tools"]
)
@pytest.mark.parametrize("kind", [Kind.GROUP, Kind.EXTRA])
def test_developers(name: str, kind: Kind) -> None:
    assert is_development(Group(kind, name))


@pytest.mark.parametrize(
    "name", ["lambda", "worker", "tools", "data-quality", "docs-api", "release", "postgres", "all", "contest", "local"]
)
def test_production(name: str) -> None:
    assert not is_development(Group(Kind.GROUP, name))


def test_the_main_list_is_never_theirs() -> None:
    assert not is_development(MAIN)
