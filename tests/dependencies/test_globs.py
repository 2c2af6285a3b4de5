"""Patterns, as GitHub's ``hashFiles`` and ``actions/cache`` understand them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dependencies.globs import covers, matches, selects

FILES = (
    *("requirements.txt", "requirements-dev.txt", "backend/requirements.txt", "backend/poetry.lock"),
    *("backend/deps/base.txt", ".github/x.yml"),
)


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("requirements.txt", ["requirements.txt"]),
        ("./requirements.txt", ["requirements.txt"]),
        ("requirements*.txt", ["requirements.txt", "requirements-dev.txt"]),
        ("**/requirements.txt", ["requirements.txt", "backend/requirements.txt"]),
        ("**/requirements*.txt", ["requirements.txt", "requirements-dev.txt", "backend/requirements.txt"]),
        # Two stars are more than one only between slashes.
        ("**requirements.txt", ["requirements.txt"]),
        ("backend/**", ["backend/requirements.txt", "backend/poetry.lock", "backend/deps/base.txt"]),
        ("backend/**/base.txt", ["backend/deps/base.txt"]),
        ("backend/**/poetry.lock", ["backend/poetry.lock"]),
        # A folder stands for everything below it.
        ("backend", ["backend/requirements.txt", "backend/poetry.lock", "backend/deps/base.txt"]),
        ("backend/", ["backend/requirements.txt", "backend/poetry.lock", "backend/deps/base.txt"]),
        ("backend/*", ["backend/requirements.txt", "backend/poetry.lock", "backend/deps/base.txt"]),
        ("*.txt", ["requirements.txt", "requirements-dev.txt"]),
        ("*", [*FILES]),
        ("**", [*FILES]),
        (".", [*FILES]),
        ("**/*.lock", ["backend/poetry.lock"]),
        ("**/*.{txt,lock}", []),
        ("poetry.lock", []),
        ("requirement?.txt", ["requirements.txt"]),
        ("requirements.tx?", ["requirements.txt"]),
        ("requirements.[st]xt", ["requirements.txt"]),
        ("requirements.[!a-s]xt", ["requirements.txt"]),
        ("requirements.[^t]xt", []),
        ("requirements.[z-a]xt", []),
        ("requirements\\.txt", ["requirements.txt"]),
        ("Requirements.txt", []),
        (".github/**", [".github/x.yml"]),
        ("/requirements.txt", []),
        ("../requirements.txt", []),
        ("~/requirements.txt", []),
        ("", []),
        ("# requirements.txt", []),
        ("!requirements.txt", []),
    ],
)
def test_a_pattern_selects(pattern: str, selected: list[str]) -> None:
    assert [name for name in FILES if selects([pattern], name)] == selected


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        (["*.txt", "!requirements-dev.txt"], ["requirements.txt"]),
        (["!requirements-dev.txt", "*.txt"], ["requirements.txt", "requirements-dev.txt"]),
        (["**/*.txt", "!backend"], ["requirements.txt", "requirements-dev.txt"]),
        (["**/*.txt", "!**/*.txt", "requirements.txt"], ["requirements.txt"]),
        (["requirements.txt", "backend/poetry.lock"], ["requirements.txt", "backend/poetry.lock"]),
        (["!!requirements.txt"], ["requirements.txt"]),
    ],
)
def test_later_patterns_win(patterns: list[str], selected: list[str]) -> None:
    assert [name for name in FILES if selects(patterns, name)] == selected


@pytest.mark.parametrize(
    ("pattern", "file", "itself"),
    [
        ("build/layer.zip", "build/layer.zip", True),
        ("build", "build/layer.zip", False),
        ("build/", "build/layer.zip", False),
        ("build/*.zip", "build/layer.zip", True),
        ("**/layer.zip", "build/layer.zip", True),
        (".", "build/layer.zip", False),
    ],
)
def test_a_folder_covers_a_file_and_does_not_match_it(pattern: str, file: str, *, itself: bool) -> None:
    assert covers(pattern, file)
    assert matches(pattern, file) is itself


@given(st.text(alphabet="ab/.*?[]!^-\\&~|{}()$+ ", max_size=20))
def test_no_pattern_is_too_odd(pattern: str) -> None:
    selects([pattern], "a/b.txt")
    matches(pattern, "a/b.txt")
