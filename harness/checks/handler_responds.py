"""See the check."""

import json
from typing import Any

from harness.check import Blocked, Engines, Findings, Inapplicable, Need, Scope, Subject, define
from harness.diagnosis.advice import for_answer
from harness.diagnosis.start import ending, printed
from harness.engines.protocol import Answered, Failed, Ready
from harness.manifest import Event
from harness.model import Finding, Note

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
    """
    function = subject.function
    if function is None or not function.events:
        raise Inapplicable("no event is declared")
    seen = engines.observe(function)
    if not isinstance(seen.init, Ready):
        raise Blocked("the handler does not start; handler-imports says why")
    for event, answer in zip(function.events, seen.answers, strict=False):
        place = f"handler {function.handler}, event {event.name}"
        match answer:
            case Answered(body=body):
                if (problem := unmet(event, body)) is not None:
                    yield Finding(problem, place, remedy=f"correct the handler, or `expect` in {event.name}")
                else:
                    yield Note(f"{event.name}: answered in {answer.seconds:.2f} s")
            case Failed(error=error):
                advice = for_answer(answer, function, subject.supply)
                cause = "".join([*([f"{advice.cause}\n"] if advice.cause else []), *error.stack])
                yield Finding(str(error), _place(error.stack) or place, remedy=advice.remedy, cause=cause or None)
            case _:
                advice = for_answer(answer, function, subject.supply)
                yield Finding(ending(answer, function), place, remedy=advice.remedy, cause=printed(seen))
    for event in function.events[len(seen.answers) :]:
        yield Finding(
            "the event was not handed out: the process had ended before",
            f"handler {function.handler}, event {event.name}",
            remedy="correct what ended it first",
        )


def _place(stack: tuple[str, ...]) -> str | None:
    """The innermost line of the user's own code: ``/var/task/app/main.py:12``."""
    for line in reversed(stack):
        if line.startswith('  File "/var/task/') and ", line " in line:
            file, _, rest = line[8:].partition('", line ')
            return f"{file}:{rest.split(',')[0].strip()}"
    return None


def unmet(event: Event, body: str) -> str | None:
    """What the answer lacks of what the event file expects; None when it lacks nothing."""
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
