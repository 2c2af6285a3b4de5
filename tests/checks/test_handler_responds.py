from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.check import Blocked, Inapplicable
from harness.checks.handler_responds import check, unmet
from harness.engines.protocol import Answer, Answered, Call, Exceeded, Exited, Failed, Frame
from harness.model import Finding, Note, When
from tests.build import Seen, code, error, event, findings, function, observation, said, subject

if TYPE_CHECKING:
    from harness.manifest import Event

MET = [
    ("{}", '{"statusCode": 200}'),
    ('{"statusCode": 200}', '{"statusCode": 200, "body": "x"}'),
    ('{"a": {"b": 1}}', '{"a": {"b": 1, "c": 2}, "d": 3}'),
    ("200", "200.0"),
    ('{"n": 1e2}', '{"n": 100}'),
    ("[]", "[]"),
    ('[1, {"a": 2}]', '[1, {"a": 2, "b": 3}]'),
    ("null", "null"),
    ('{"a": null}', '{"a": null}'),
    ('"text"', '"text"'),
    ("true", "true"),
    ('{"ä": "ö"}', '{"\\u00e4": "\\u00f6"}'),
]

UNMET = [
    ('{"statusCode": 200}', '{"statusCode": 500}', "the answer['statusCode'] is 500, expected 200"),
    ('{"statusCode": 200}', '{"statusCode": "200"}', "the answer['statusCode'] is \"200\", expected 200"),
    ('{"statusCode": 200}', '{"body": "x"}', 'the answer has no \'statusCode\': {"body": "x"}'),
    ('{"a": {"b": 1}}', '{"a": {"b": 2}}', "the answer['a']['b'] is 2, expected 1"),
    ('{"a": null}', "{}", "the answer has no 'a': {}"),
    ('{"ok": true}', '{"ok": 1}', "the answer['ok'] is 1, expected true"),
    ('{"n": 0}', '{"n": false}', "the answer['n'] is false, expected 0"),
    ('{"a": ""}', '{"a": null}', "the answer['a'] is null, expected \"\""),
    ("{}", "null", "the answer is null, expected {}"),
    ("{}", "[]", "the answer is [], expected {}"),
    ("[]", "{}", "the answer is {}, expected []"),
    ("[1]", "[1, 2]", "the answer has 2 elements, expected 1: [1, 2]"),
    ("[1, 2]", "[1]", "the answer has 1 elements, expected 2: [1]"),
    ("[1, 2]", "[2, 1]", "the answer[0] is 2, expected 1"),
    ('[{"a": 1}]', '[{"a": 2}]', "the answer[0]['a'] is 2, expected 1"),
    ("{}", "", "the answer is no JSON: "),
    ("{}", "<html>", "the answer is no JSON: <html>"),
    ("1", "NaN", "the answer is NaN, expected 1"),
]


@pytest.mark.parametrize(("expect", "body"), MET)
def test_what_is_expected_is_a_part_of_the_answer(expect: str, body: str) -> None:
    assert unmet(event(expect=expect), body) is None


@pytest.mark.parametrize(("expect", "body", "problem"), UNMET)
def test_the_first_difference_is_told_with_its_place(expect: str, body: str, problem: str) -> None:
    assert unmet(event(expect=expect), body) == problem


def test_an_event_without_expectation_takes_any_answer() -> None:
    assert unmet(event(), "<html>") is None


def test_an_answer_nested_beyond_reason_is_no_crash() -> None:
    problem = unmet(event(expect="{}"), "[" * 200_000)

    assert problem is not None
    assert problem.startswith("the answer is no JSON: [[[")
    assert len(problem) < 400


def test_a_long_answer_is_shortened() -> None:
    problem = unmet(event(expect="1"), json.dumps("x" * 9_000))

    assert problem is not None
    assert len(problem) < 400


def said_of(answers: list[Answer], *events: Event, output: str = "") -> list[Finding | Note]:
    one = function(events=events)
    return said(check, subject(code("app/main.py"), function=one), observation(None, *answers, output=output))


def test_an_answer_is_noted() -> None:
    assert said_of([Answered("{}", 0.25)], event()) == [Note("event.json: answered in 0.25 s")]


def test_an_answer_that_is_not_the_expected_one_is_found() -> None:
    (finding,) = said_of([Answered('{"statusCode": 500}', 0.1)], event(expect='{"statusCode": 200}'))

    assert finding == Finding(
        "the answer['statusCode'] is 500, expected 200",
        "handler app.main.handler, event event.json",
        remedy="correct the handler, or `expect` in event.json",
        when=When.AT_EVENT,
    )


def test_a_function_error_is_told_as_lambda_logs_it_with_the_users_line() -> None:
    stack = (
        '  File "/var/task/app/main.py", line 7, in handler\n    return send(event)\n',
        '  File "/var/task/app/mail.py", line 12, in send\n    smtp.send()\n',
        '  File "/opt/python/smtp/__init__.py", line 3, in send\n    raise LookupError("no")\n',
    )

    (finding,) = said_of([Failed(error("LookupError", "no", *stack), 0.1)], event())

    assert isinstance(finding, Finding)
    assert (finding.message, finding.where) == ("LookupError: no", "/var/task/app/mail.py:12")
    assert finding.cause == "".join(stack)


def test_an_error_outside_the_users_code_is_placed_at_the_event() -> None:
    (finding,) = said_of([Failed(error("Runtime.MarshalError", "Unable to marshal response"), 0.1)], event())

    assert isinstance(finding, Finding)
    assert finding.where == "handler app.main.handler, event event.json"
    assert finding.cause is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Exited(-9, 1.0), "Runtime.ExitError: Runtime exited with error: signal: killed"),
        (Exceeded("timeout", 30.01), "Sandbox.Timedout: Task timed out after 30.01 seconds"),
    ],
)
def test_a_process_that_ended_is_told_with_its_last_words(answer: Answer, message: str) -> None:
    (finding,) = said_of([answer], event(), output="loading\n\nstill loading\n")

    assert isinstance(finding, Finding)
    assert (finding.message, finding.cause) == (message, "it printed last:\nloading\nstill loading")


def test_events_that_nobody_was_left_to_answer_are_found_too() -> None:
    found = said_of([Answered("{}", 0.1), Exited(1, 0.1)], *(event(name=f"{n}.json") for n in range(4)))

    assert [one.where for one in found if isinstance(one, Finding)] == [
        f"handler app.main.handler, event {n}.json" for n in (1, 2, 3)
    ]


def test_a_handler_that_did_not_start_is_not_blamed_twice() -> None:
    looked_at = subject(code("app/main.py"), function=function(events=(event(),)))

    with pytest.raises(Blocked, match="handler-imports says why"):
        findings(check, looked_at, observation(Exited(1, 0.1)))


UNREACHABLE = Failed(error("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>"), 0.1)


def test_a_call_of_what_is_not_here_is_judged_only_where_it_is_known() -> None:
    events = event(name="a.json"), event(name="b.json", expect="1"), event(name="c.json"), event(name="d.json")
    call = Call("desk.example:443", 1, (Frame("/var/task/app/main.py", 7, "app.main"),))
    broken = Failed(error("ValueError", "no"), 0.1)
    seen = replace(observation(None, UNREACHABLE, Answered("2", 0.1), broken), calls=(call,))
    looked_at = subject(code("app/main.py"), function=function(events=events))
    found: list[Finding | Note] = []

    with pytest.raises(Blocked) as reason:
        found.extend(check.body(looked_at, Seen((seen,))))
    known = said(check, replace(looked_at, function=replace(function(events=events), network_known=True)), seen)

    expected = (
        "the handler calls what is not here at a.json: another machine (URLError: <urlopen error [Errno -3] Temporary "
        "failure in name resolution>); b.json: desk.example:443, from /var/task/app/main.py:7 (the answer is 2, "
        "expected 1); d.json"
    )
    assert str(reason.value).splitlines()[0] == expected
    assert known == [*known[:-1], Note(f"{expected}. As is declared, what follows was not judged", limit=True)]
    assert [one.message for one in known if isinstance(one, Finding)] == ["ValueError: no"]


def test_an_init_that_is_known_to_call_what_is_not_here_leaves_no_event_to_judge() -> None:
    seen = observation(UNREACHABLE)
    looked_at = subject(code("app/main.py"), function=replace(function(events=(event(),)), network_known=True))

    with pytest.raises(Inapplicable, match="as is declared"):
        said(check, looked_at, seen)
