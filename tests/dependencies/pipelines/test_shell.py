"""Scripts, read without being run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dependencies.pipelines.shell import Shell
from harness.dependencies.pipelines.shell_words import Commands, Expression, Variable, commands

PIECES = st.sampled_from(
    [
        *"$(){}<>|&;`\"'\\\n #=*",
        *("$(", "${", "${{", "<<E", "HASH=", "sha256sum a.txt", "cat", "for f in a b", "echo", "cp"),
    ]
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 'b $c' \"d\" e\\ f", [("a",), ("b $c",), ("d",), ("e f",)]),
        ("a # b", [("a",)]),
        ("a#b", [("a#b",)]),
        ("x-$A/${B}_${C:-d}.zip", [("x-", Variable("A"), "/", Variable("B"), "_", Variable("C", "d"), ".zip")]),
        ("a=$(b 'c)' $(d)) e", [("a=", Commands("b 'c)' $(d)", 1)), ("e",)]),
        ("`a b`", [(Commands("a b", 1),)]),
        ("${{ a.b }}-c", [(Expression(" a.b ", 1), "-c")]),
        ("a \\\n b", [("a",), ("b",)]),
        ("a $ b", [("a",), ("$",), ("b",)]),
    ],
)
def test_words(text: str, words: list[tuple[object, ...]]) -> None:
    assert [word for one in commands(text) for word in one.words] == words


def test_lines_and_pipes() -> None:
    text = "a |\n  b\ncat <<E > x\n$(no)\nE\nif c; then d & e || f; fi\nx=$(g\n)\nh > y 2>&1"

    found = [(one.line, one.words[0][0], one.piped) for one in commands(text)]

    assert found == [
        (1, "a", False),
        (2, "b", True),
        (3, "cat", False),
        (6, "if", False),
        (6, "then", False),
        (6, "e", False),
        (6, "f", False),
        (6, "fi", False),
        (7, "x=", False),
        (9, "h", False),
    ]


@given(text=st.lists(PIECES, max_size=60).map("".join))
def test_whatever_a_script_says_it_is_read(text: str) -> None:
    Shell("x.sh").read(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "A=xx\n" + "A=$A$A\n" * 500,
        "$(" * 5_000,
        "A=" + "$(echo " * 200 + ")" * 200,
        "$" * 100_000,
        "\\a" * 50_000,
        '"' + "a b " * 25_000,
        "a=" + "b" * 100_000,
        "\n".join(f"A{number}=$(md5sum f{number})" for number in range(2_000))
        + "\ncp "
        + " ".join(f"$A{n}" for n in range(2_000)),
    ],
    ids=["doubling", "open", "deep", "dollars", "escapes", "quoted", "long", "many"],
)
def test_no_script_takes_long(text: str) -> None:
    Shell("x.sh").read(text)
