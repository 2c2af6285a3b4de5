from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.model import Completed, Finding, Note, Report
from harness.reporters import FORMATS, terminal
from tests.reporters.reports import ALL, EMPTY, HOSTILE, MISSING, MIXED, PASSED, UNAVAILABLE, report, result

ARCHIVES = """\
  code    build/code.zip: 0.2 MB zipped, 0.8 MB unpacked, 131 files, sha256 1f2e3d4c5b6a
  layer   build/layer.zip: 49.6 MB zipped, 143.1 MB unpacked, 4,210 files, sha256 1f2e3d4c5b6a
"""

PASSED_TEXT = f"""\
PASS: 3 passed in 3.2 s
{ARCHIVES}\
  on      python3.12, x86_64, container engine, public.ecr.aws/lambda/python:3.12@sha256:0123456789ab, Python 3.12.11
  passed  archive-integrity, handler-imports (2)
  started api in 1.42 s, 118 MB; worker in 0.32 s, 90 MB
  no need required-files
"""

MIXED_TEXT = f"""\
FAIL and incomplete: 2 errors, 1 warning, 1 crashed, 2 skipped, 3 passed in 3.2 s; strict: warnings fail
{ARCHIVES}\
  on      python3.12, x86_64, container engine, public.ecr.aws/lambda/python:3.12@sha256:0123456789ab, Python 3.12.11

ERROR handler-imports, 2 functions: api, worker
  Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'defusedxml'
  where   /var/task/app/services/carriers/usps.py:7
  chain   app.main → app.api.v1.tracking → app.services.carriers → app.services.carriers.usps
  cause   defusedxml is in requirements.txt, and in none of the layers
  fix     Build the layer from requirements.txt again:
              pip install --target python -r requirements.txt

WARNING file-permissions
  3 files cannot be read by the function's user
  where   build/code.zip!app/main.py
  fix     Give them mode 644.

CRASHED upload-size
  KeyError: 'x'
    Traceback:
      File "checks.py", line 1
    KeyError: 'x'

SKIPPED handler-responds, 2 functions: api, worker
  the init of the function failed

  passed  archive-integrity, shared-libraries, handler-imports (1 of 3)
  started api in 1.42 s, 118 MB; worker in 0.32 s, 90 MB
  waived  1 finding of shared-libraries (the GUI is never imported)
  no need layer-count
  caveat  No network was to be had.
  note    1 waiver matched nothing.
"""

UNAVAILABLE_TEXT = f"""\
INCOMPLETE: 1 skipped, 1 passed in 3.2 s
{ARCHIVES}\
  on      python3.12, x86_64, no engine

SKIPPED handler-imports[api]
  no Docker daemon answers

  passed  archive-integrity
  started api in 1.42 s, 118 MB; worker in 0.32 s, 90 MB
"""

EMPTY_TEXT = """\
INCOMPLETE: nothing was checked in 3.2 s; static checks only: no handler was started
  layer   unpacked: folder, 40.0 KB unpacked, 12 files, sha256 abababababab
  on      python3.12, x86_64, no engine
"""

GOLDEN = {
    "passed": (PASSED, PASSED_TEXT),
    "mixed": (MIXED, MIXED_TEXT),
    "unavailable": (UNAVAILABLE, UNAVAILABLE_TEXT),
    "empty": (EMPTY, EMPTY_TEXT),
}


@pytest.mark.parametrize(("given", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_golden(given: Report, expected: str) -> None:
    assert terminal.render(given) == FORMATS["terminal"](given) == expected


@pytest.mark.parametrize("given", ALL.values(), ids=ALL)
def test_lines_are_clean(given: Report) -> None:
    text = terminal.render(given)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert all(line == line.rstrip() for line in text.split("\n"))
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode("utf-8")


def test_colour_changes_nothing_but_colour() -> None:
    coloured = terminal.render(MIXED, colour=True)
    assert coloured.startswith("\x1b[1;31mFAIL and incomplete\x1b[0m: 2 errors")
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == MIXED_TEXT


def test_an_artifact_cannot_speak_for_the_report() -> None:
    lines = terminal.render(HOSTILE).split("\n")
    ours = {"FAIL", "ERROR", "CRASHED", "SKIPPED", "TIME", ""}
    assert {line.split(" ")[0] for line in lines if not line.startswith(" ")} == ours
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert not [line for line in lines if "##[" in line or "##vso[" in line]


def test_a_long_message_is_bounded_and_keeps_both_ends() -> None:
    finding = replace(MISSING, message="start " + "x" * 1_000_000 + " end")
    text = terminal.render(report(result("a", Completed((finding,)))))
    assert len(text) < 10_000
    assert "  start xxx" in text
    assert "xxx end\n" in text
    assert "996,010 more characters" in text


def test_a_message_is_never_wrapped_and_an_explanation_is() -> None:
    words = "word " * 50 + "end"
    finding = replace(MISSING, message=words, cause=words)
    text = terminal.render(report(result("a", Completed((finding,)))), width=60)
    assert f"\n  {words}\n" in text
    assert f"  cause   {'word ' * 9}word\n          word word" in text


def test_a_long_chain_keeps_both_ends() -> None:
    finding = replace(MISSING, chain=tuple(f"m{number}" for number in range(40)))
    text = terminal.render(report(result("a", Completed((finding,)))))
    assert "  chain   m0 → m1 → m2 → m3 → (28 more) → m32 → m33 → m34 → m35 → m36 → m37 → m38 → m39\n" in text


def test_many_functions_are_counted_and_not_all_named() -> None:
    results = [result("a", Completed((MISSING,)), f"f{number}") for number in range(40)]
    text = terminal.render(report(*results))
    assert "\nERROR a, 40 functions: f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, …\n" in text


def test_findings_that_differ_in_anything_stay_apart() -> None:
    other = replace(MISSING, remedy="another")
    text = terminal.render(
        report(result("a", Completed((MISSING,)), "api"), result("a", Completed((other,)), "worker")),
    )
    assert [line for line in text.split("\n") if line.startswith("ERROR")] == ["ERROR a[api]", "ERROR a[worker]"]


@pytest.mark.parametrize(
    ("number", "functions", "said"),
    [
        (2, ("",), "c0, c1"),
        (10, ("",), "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9"),
        (30, ("",), "30 checks"),
        (30, ("api",), "31 checks"),
        (30, ("api", "job"), "31 checks, among them handler-imports (2)"),
    ],
)
def test_many_that_passed_are_counted_and_those_named_that_ran_more_than_once(
    number: int, functions: tuple[str, ...], said: str
) -> None:
    results = [result(f"c{each}", Completed()) for each in range(number)]
    results += [result("handler-imports", Completed(), name) for name in functions if name]
    assert f"\n  passed  {said}\n" in terminal.render(report(*results))


def test_a_check_that_passed_for_some_functions_only_is_always_named() -> None:
    results = [result(f"c{each}", Completed()) for each in range(30)]
    results += [result("a", Completed((MISSING,)), "api"), result("a", Completed(), "job")]
    assert "\n  passed  31 checks, among them a (1 of 2)\n" in terminal.render(report(*results))


def test_a_static_pass_says_that_it_is_one() -> None:
    text = terminal.render(report(result("a", Completed()), static=True))
    assert text.startswith("PASS: 1 passed in 3.2 s; static checks only: no handler was started\n")


def test_what_a_check_could_not_judge_is_said_and_measures_are_not() -> None:
    unstamped = Note("no archive is stamped", limit=True)
    notes = (unstamped, Note("12 patterns match"), unstamped)
    results = (result("layer-fresh", Completed(notes=notes)), result("file-permissions", Completed(notes=notes[1:2])))

    shown = terminal.render(report(*results))

    assert shown.count("note    layer-fresh: no archive is stamped") == 1
    assert "patterns match" not in shown


def test_a_long_explanation_is_said_once_and_referred_to() -> None:
    cause = "\n".join(["provided by: defusedxml", "declared: " + "pyproject.toml " * 8, "built: " + "layer.zip " * 8])
    first = Finding("No module named 'defusedxml'", "a.py:1", cause=f"first of all\n{cause}", remedy="add it")
    second = Finding("Unable to import module 'a'", "a.py:1", cause=f"{cause}\nraised here", remedy="add it")
    results = (result("imports-resolve", Completed((first,))), result("handler-imports", Completed((second,))))

    shown = " ".join(terminal.render(report(*results)).split())

    assert shown.count("provided by: defusedxml") == 1
    assert "cause raised here as above, under imports-resolve fix add it" in shown
