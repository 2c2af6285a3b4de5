import json
from dataclasses import replace
from typing import Any

from harness.check import Blocked, Engines, Findings, Inapplicable, Need, Scope, Subject, define
from harness.diagnosis import scripts
from harness.diagnosis.network import Unreached, unjudged, unreached
from harness.diagnosis.runtime_errors import explain_answer
from harness.engines.protocol import Answered, Observation, Ready
from harness.manifest import Event, Function
from harness.model import Finding, Note, When

SHOWN = 300


@define(since="0.1", scope=Scope.FUNCTION, need=Need.RUNTIME)
def check(subject: Subject, engines: Engines) -> Findings:
    """Every handler answers its sample events without a FunctionError.

    ## Why it matters

    A handler that starts can still fail at its first event: imports inside functions, a file that is opened late, an
    answer that is no JSON. `Invoke` reports such an error under HTTP status 200, with `FunctionError` set, so a smoke
    test that looks at the status alone passes.

    ## How to fix

    The finding has the error as Lambda would log it. Where the event file has `expect`, the answer must contain it:
    every key that it names with that value, lists element by element.

    An event at which the handler calls AWS, a database or any other machine that is not here cannot be judged: the
    check is incomplete (exit code 3) and names the call. `aws-seed` gives the handler an emulated AWS, and
    `network-at-init = "known"` accepts it.
    """
    function = subject.function
    if function is None or not function.events:
        raise Inapplicable("no event is declared")
    if scripts.script(function, subject.bundle.items):
        raise Inapplicable("the handler is a script, which is not started here")
    seen = engines.observe(function)
    if not isinstance(seen.init, Ready):
        if function.network_known and unreached(seen, seen.init, None, function, subject.program):
            raise Inapplicable("its init calls what is not here, as is declared: no event was handed out")
        raise Blocked("the handler does not start; handler-imports says why")
    calls: list[tuple[str, Unreached]] = []
    for number, event in enumerate(function.events[: len(seen.answers)]):
        said = _judged(subject, function, event, seen, number)
        if isinstance(said, Unreached):
            calls.append((event.name, said))
        else:
            yield said
    left = function.events[len(seen.answers) :]
    if not calls:
        yield from (_not_handed_out(function, event) for event in left)
        return
    listed = "; ".join([*(f"{name}: {called}" for name, called in calls), *(event.name for event in left)])
    text = unjudged(f"the handler calls what is not here at {listed}", calls[0][1], function)
    if not function.network_known:
        raise Blocked(text)
    yield Note(text, limit=True)


def _judged(
    subject: Subject, function: Function, event: Event, seen: Observation, number: int
) -> Finding | Note | Unreached:
    """Judge the answer to an event."""
    answer = seen.answers[number]
    problem = unmet(event, answer.body) if isinstance(answer, Answered) else None
    if isinstance(answer, Answered) and problem is None:
        return Note(f"{event.name}: answered in {answer.seconds:.2f} s")
    if called := unreached(seen, answer, number, function, subject.program):
        return replace(called, ended=problem) if problem else called
    if problem is not None:
        remedy = f"correct the handler, or `expect` in {event.name}"
        return Finding(problem, _place(function, event), remedy=remedy, when=When.AT_EVENT)
    return explain_answer(seen, number, function, subject.lists)


def _not_handed_out(function: Function, event: Event) -> Finding:
    return Finding(
        "the event was not handed out: the process had ended before",
        _place(function, event),
        remedy="correct what ended it first",
        when=When.AT_EVENT,
    )


def _place(function: Function, event: Event) -> str:
    return f"handler {function.handler}, event {event.name}"


def unmet(event: Event, body: str) -> str | None:
    """The difference between an answer and what the event file expects; None where there is none."""
    if event.expect is None:
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # nested beyond reason
        return f"the answer is no JSON: {body[:SHOWN]}"
    return _difference(json.loads(event.expect), answer, "the answer")


def _difference(expected: Any, found: Any, place: str) -> str | None:  # noqa: ANN401 - any JSON
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key not in found:
                return f"{place} has no {key!r}: {_short(found)}"
            if (problem := _difference(value, found[key], f"{place}[{key!r}]")) is not None:
                return problem
        return None
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{place} has {len(found)} elements, expected {len(expected)}: {_short(found)}"
        problems = (_difference(e, f, f"{place}[{i}]") for i, (e, f) in enumerate(zip(expected, found, strict=True)))
        return next((problem for problem in problems if problem is not None), None)
    same = expected == found and isinstance(expected, bool) == isinstance(found, bool)
    return None if same else f"{place} is {_short(found)}, expected {_short(expected)}"


def _short(value: Any) -> str:  # noqa: ANN401 - any JSON
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
