from __future__ import annotations

from dataclasses import replace

from harness.model import Completed, FunctionInfo, Timing
from harness.reporters import FORMATS
from harness.reporters.timings import Row, rows, timed
from tests.reporters.reports import HOSTILE, PASSED, TIMED, report, result

TERMINAL = """
TIME 3.21 s
      0.42 s  reading
      0.40 s    build/layer.zip
      0.02 s    build/code.zip
      0.31 s  starting the runtime
  What is done side by side is counted each time, and a check is charged with what it is the first
  to ask for: the parts can add up to more than the whole.
"""

MARKDOWN = """
### Time

| part | seconds |
|---|---|
| reading | 0.42 |
| ↳ build/layer.zip | 0.40 |
| ↳ build/code.zip | 0.02 |
| starting the runtime | 0.31 |
| the whole | 3.21 |

What is done side by side is counted each time, and a check is charged with what it is the first to ask for: the parts \
can add up to more than the whole.
"""


def test_a_terminal_is_shown_them_last() -> None:
    assert FORMATS["terminal"](TIMED) == FORMATS["terminal"](PASSED) + TERMINAL


def test_markdown_has_a_table_of_them() -> None:
    assert FORMATS["markdown"](TIMED) == FORMATS["markdown"](PASSED) + MARKDOWN


def test_starts_and_checks_are_parts_too() -> None:
    names = [(one.name, one.parent) for one in timed(TIMED).timings if one not in TIMED.timings]

    assert names == [
        ("starts of handlers", None),
        ("api", "starts of handlers"),
        ("worker", "starts of handlers"),
        ("checks", None),
        ("archive-integrity", "checks"),
        ("required-files", "checks"),
        ("handler-imports[api]", "checks"),
        ("handler-imports[worker]", "checks"),
    ]


def test_what_is_measured_already_is_not_told_twice() -> None:
    measured = replace(PASSED, timings=(Timing("checks", 1.0), Timing("starts of handlers", 2.0)))

    assert timed(measured) == measured


def test_a_handler_that_did_not_start_took_no_time() -> None:
    stopped = replace(PASSED, functions=(FunctionInfo("api", "app.main.handler"),), results=())

    assert timed(stopped).timings == ()


def test_the_longest_come_first_and_many_short_ones_are_one_line() -> None:
    several = [result(f"check-{number:02}", Completed(), seconds=number) for number in range(15)]

    shown = list(rows(timed(replace(report(*several), functions=()))))

    assert shown[:3] == [
        Row("checks", 105, is_part=False),
        Row("check-14", 14, is_part=True),
        Row("check-13", 13, is_part=True),
    ]
    assert shown[-1] == Row("5 more", 10, is_part=True)
    assert len(shown) == 12


def test_parts_that_took_no_time_are_left_out() -> None:
    quick = [result(f"check-{number}", Completed(), seconds=0.001) for number in range(3)]

    assert [row.name for row in rows(timed(replace(report(*quick), functions=())))] == ["checks"]


def test_what_was_done_several_times_is_one_row() -> None:
    twice = replace(PASSED, timings=(Timing("a", 1.0), Timing("b", 1.0), Timing("a", 2.0)))

    assert list(rows(twice)) == [Row("a", 3.0, is_part=False), Row("b", 1.0, is_part=False)]


def test_a_figure_that_is_none_is_nothing() -> None:
    assert next(rows(HOSTILE)).seconds == 0.0
    assert "nan" not in FORMATS["terminal"](timed(HOSTILE))
