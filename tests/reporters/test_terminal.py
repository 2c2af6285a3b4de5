from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.model import (
    Completed,
    Defect,
    Edit,
    Fault,
    Finding,
    FunctionInfo,
    Note,
    Place,
    Report,
    Severity,
    Skipped,
    Stage,
    Verdict,
    When,
)
from harness.reporters import FORMATS, terminal
from harness.reporters.document import Document, Table, problem_texts
from tests.reporters.reports import ALL, EMPTY, HOSTILE, MISSING, MIXED, PASSED, UNAVAILABLE, report, result

ON = "on python3.12, x86_64,"
CONTAINER = "container engine, public.ecr.aws/lambda/python:3.12@sha256:0123456789ab, Python 3.12.11"
BOTH = "build/code.zip 1f2e3d4c5b6a, build/layer.zip 1f2e3d4c5b6a"

PASSED_TEXT = f"""\
PASS  both functions start, the slowest, api, in 1.4 s; 3 checks passed, 1 not applicable
verified    {BOTH} {ON}
            {CONTAINER}
"""

MIXED_TEXT = f"""\
FAIL  none of 2 functions starts; 1 warning (--strict); 1 check could not be done

1  No module named 'defusedxml'   stops both functions
   Runtime.ImportModuleError: Unable to import module 'app.main': No module named 'defusedxml'
   at    /var/task/app/services/carriers/usps.py:7
   do    Build the layer from requirements.txt again:
             pip install --target python -r requirements.txt
   by    app.main → app.api.v1.tracking → app.services.carriers → app.services.carriers.usps
   why   defusedxml is in requirements.txt, and in none of the layers

2  3 files cannot be read by the function's user
   at    build/code.zip!app/main.py
   do    Give them mode 644.

CRASHED upload-size
  KeyError: 'x'
    Traceback:
      File "checks.py", line 1
    KeyError: 'x'

started     api in 1.42 s, 118 MB; worker in 0.32 s, 90 MB
waived      1 finding of shared-libraries (the GUI is never imported)
verified    {BOTH} {ON}
            {CONTAINER}
not vouched No network was to be had.
note        1 waiver matched nothing.
"""

UNAVAILABLE_TEXT = f"""\
INCOMPLETE  1 of 2 functions could not be judged

NOT DONE handler-imports[api]
  no Docker daemon answers

started     api in 1.42 s, 118 MB; worker in 0.32 s, 90 MB
checked     1 check passed
verified    {BOTH} {ON} no
            engine
"""

EMPTY_TEXT = """\
INCOMPLETE  nothing was checked
verified    unpacked abababababab on python3.12, x86_64, no engine
"""

VERBOSE_TEXT = """\
   seen  handler-imports, 2 functions: api, worker: Runtime.ImportModuleError: Unable to import module 'app.main': \
No module named 'defusedxml'
         /var/task/app/services/carriers/usps.py:7
   page  https://lambda-artifact-harness.example/checks/handler-imports/
"""

GOLDEN = {
    "passed": (PASSED, PASSED_TEXT),
    "mixed": (MIXED, MIXED_TEXT),
    "unavailable": (UNAVAILABLE, UNAVAILABLE_TEXT),
    "empty": (EMPTY, EMPTY_TEXT),
}


@pytest.mark.parametrize(("given", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_golden(given: Report, expected: str) -> None:
    assert FORMATS["terminal"](given) == expected


@pytest.mark.parametrize("given", ALL.values(), ids=ALL)
def test_lines_are_clean(given: Report) -> None:
    text = FORMATS["terminal"](given)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert all(line == line.rstrip() for line in text.split("\n"))
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode("utf-8")


def test_colour_changes_nothing_but_colour() -> None:
    coloured = FORMATS["terminal"](MIXED, colour=True)
    assert coloured.startswith("\x1b[1;31mFAIL\x1b[0m  none of 2")
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == MIXED_TEXT


def test_an_artifact_cannot_speak_for_the_report() -> None:
    lines = FORMATS["terminal"](HOSTILE).split("\n")
    ours = {
        "FAIL",
        "CRASHED",
        "NOT",
        "TIME",
        "",
        "started",
        "waived",
        "verified",
        "not",
        "note",
        "1",
        "2",
        "3",
        "4",
        "5",
    }
    assert {line.split(" ")[0] for line in lines if not line.startswith(" ")} <= ours
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert not [line for line in lines if "##[" in line or "##vso[" in line]


def test_a_long_message_is_bounded_and_keeps_both_ends() -> None:
    finding = replace(MISSING, message="start " + "x" * 1_000_000 + " end")
    text = FORMATS["terminal"](report(result("a", Completed((finding,)))))
    assert len(text) < 10_000
    assert "1  start xxx" in text
    assert "xxx end\n" in text
    assert "996,010 more characters" in text


def test_a_message_is_never_wrapped_and_an_explanation_is() -> None:
    words = "word " * 50 + "end"
    finding = replace(MISSING, message=words, cause=words)
    text = FORMATS["terminal"](report(result("a", Completed((finding,)))), width=60)
    assert f"1  {words}\n" in text
    assert f"   why   {'word ' * 9}word\n         word word" in text


def test_a_long_chain_keeps_both_ends() -> None:
    finding = replace(MISSING, chain=tuple(f"m{number}" for number in range(40)))
    text = FORMATS["terminal"](report(result("a", Completed((finding,)))))
    assert "   by    m0 → m1 → m2 → m3 → (28 more) → m32 → m33 → m34 → m35 → m36 → m37 → m38 → m39\n" in text


START = replace(MISSING, when=When.AT_START)
NAMES = tuple(f"f{number}" for number in range(40))


@pytest.mark.parametrize(
    ("given", "functions", "static", "first", "heading"),
    [
        (START, NAMES[:30], False, "30 of 40 functions do not start", "stops f0, f1, f2, f3, f4 and 25 more"),
        (START, NAMES[:30], True, "30 of 40 functions would not start", "stops f0, f1, f2, f3, f4 and 25 more"),
        (START, NAMES, False, "none of 40 functions starts", "stops all 40 functions"),
        (START, ("f1",), False, "1 of 40 functions does not start", "stops f1"),
        (
            replace(START, when=When.AT_EVENT),
            ("f1", "f2"),
            False,
            "2 of 40 functions fail at an event",
            "breaks f1 and f2 at an event",
        ),
        (replace(START, spared=("f2", "f3")), ("f1",), True, "1 of 40", "stops f1, not f2 or f3"),
        (replace(START, stage=Stage.DEPLOY), (), False, "AWS would refuse it", "AWS refuses it"),
        (replace(MISSING, message="odd"), (), False, "1 problem", "odd"),
    ],
)
def test_the_first_line_and_the_heading_say_whom_it_stops(
    given: Finding, functions: tuple[str, ...], first: str, heading: str, *, static: bool
) -> None:
    said = report(result("a", Completed((replace(given, functions=functions),))), static=static)
    lines = FORMATS["terminal"](replace(said, functions=tuple(FunctionInfo(name, "a.b") for name in NAMES))).split("\n")

    assert lines[0].startswith(f"FAIL  {first}")
    assert lines[2].startswith("1  ")
    assert lines[2].endswith(heading)


def test_steps_are_numbered_and_nothing_is_said_twice() -> None:
    steps = (Edit("add defusedxml", Place("requirements.txt", 3)), Edit("rebuild layer.zip"))
    fault = (Fault(Defect.NO_DISTRIBUTION, "defusedxml"),)
    first = replace(
        START, edits=steps, faults=fault, cause="affected, when they start: api (a:1)\nnot affected: b\nyes"
    )
    same = Finding("defusedxml is not in requirements.txt", "pyproject.toml:3", faults=fault)
    old = Finding("attrs 1 is built in", "layer.zip!attrs", edits=steps[1:])
    shown = FORMATS["terminal"](report(result("a", Completed((same, first, old)))))

    assert "   do    1. requirements.txt:3: add defusedxml\n         2. rebuild layer.zip\n" in shown
    assert "   why   yes\n   also  attrs 1 is built in\n" in shown
    assert "affected" not in shown
    assert "is not in requirements.txt" not in shown
    assert "is not in requirements.txt" in FORMATS["terminal"](
        report(result("a", Completed((same, first)))), verbose=True
    )


def test_warnings_are_a_line_each_and_explained_on_demand() -> None:
    several = tuple(Finding(f"warning {number} {'x ' * 100}", "a", Severity.WARNING, "mend") for number in range(7))
    said = report(result("a", Completed(several)))
    lines = FORMATS["terminal"](said).split("\n")

    assert lines[1] == "7 warnings (-v explains them)"
    assert lines[2].startswith("   warning 0 x x")
    assert lines[3].startswith("     x x")
    assert lines[3].endswith(" …")
    assert lines[12] == "   and 2 more"
    assert "   do    mend\n" in FORMATS["terminal"](said, verbose=True)


def test_what_follows_from_a_handler_that_does_not_start_is_not_said() -> None:
    follows = result("handler-responds", Skipped("the handler does not start"), "api")
    other = result("handler-responds", Skipped("no daemon"), "worker")
    shown = FORMATS["terminal"](report(result("handler-imports", Completed((START,)), "api"), follows, other))

    assert "the handler does not start" not in shown
    assert "NOT DONE handler-responds[worker]\n  no daemon" in shown


def test_all_of_it_is_said_on_demand() -> None:
    shown = FORMATS["terminal"](MIXED, verbose=True)

    assert VERBOSE_TEXT in shown
    assert "\nchecked     3 checks passed, 1 not applicable\n" in shown
    assert "\narchive     build/code.zip: 0.2 MB zipped, 0.8 MB unpacked, 131 files, sha256 1f2e3d4c5b6a\n" in shown
    assert "\npassed      archive-integrity, shared-libraries, handler-imports (1 of 3)\n" in shown
    assert "\nnot applicable layer-count\n" in shown


def test_a_static_pass_says_that_it_is_one() -> None:
    given = replace(report(result("a", Completed()), static=True), functions=())
    assert FORMATS["terminal"](given).startswith("PASS  no error found; no handler was started; 1 check passed\n")


def test_what_a_check_could_not_judge_is_counted_and_measures_are_not() -> None:
    unstamped = Note("no archive is stamped", limit=True)
    notes = (unstamped, Note("12 patterns match"), unstamped)
    results = (result("layer-fresh", Completed(notes=notes)), result("file-permissions", Completed(notes=notes[1:2])))

    assert "not vouched 1 remark on what checks could not judge (-v)\n" in FORMATS["terminal"](report(*results))
    shown = FORMATS["terminal"](report(*results), verbose=True)
    assert shown.count("remark      layer-fresh: no archive is stamped") == 1
    assert "patterns match" not in shown


def test_a_cause_is_given_once_and_referred_to() -> None:
    first = Finding("No module named 'defusedxml'", "a.py:1", cause="not built", remedy="add it")
    findings = (("layers", "api", first), ("layers", "job", first), ("code", None, replace(first, message="odd")))

    several, other = problem_texts(findings)

    assert (several.consequence, several.cause) == ("error: layers, 2 functions: api, job", "not built")
    assert (other.title, other.consequence, other.cause, other.steps) == ("odd", "error: code", "as in 1", "add it")


def test_a_table_that_is_too_wide_becomes_a_paragraph_for_each_row() -> None:
    table = Table(("function", "code first", "after"), (("api", "fails", "works"),))
    document = Document("transition", Verdict.PASS, "safe", (), (), (), table)

    assert "\n  function  code first  after\n  api       fails       works\n" in terminal.render(document)
    narrow = replace(table, rows=(("api", "fails " * 8, "works"),))
    shown = terminal.render(replace(document, table=narrow), width=40)
    assert shown.startswith("PASS  safe\n\n  api\n    code first: fails fails")
    assert all(len(line) <= 40 for line in shown.splitlines())
