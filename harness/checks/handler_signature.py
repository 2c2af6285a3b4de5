from dataclasses import replace

from harness.check import Engines, Findings, Inapplicable, Subject, define
from harness.diagnosis import handler, scripts
from harness.model import When


@define(since="0.1")
def check(subject: Subject, _: Engines) -> Findings:
    """Every handler takes an event and a context, and returns an answer.

    ## Why it matters

    Lambda calls the handler with two arguments by position, and turns what it returns into JSON. `def handler(event)`
    fails with every event: `TypeError: handler() takes 1 positional argument but 2 were given`. So does
    `async def handler`, whose coroutine nobody runs: `Runtime.MarshalError: Unable to marshal response: Object of type
    coroutine is not JSON serializable`. Unit tests call the handler as it is written, and do not see it. What decorates
    or replaces a function is not known, so that such handlers are not judged, and neither are those behind a wrapper
    (`AWS_LAMBDA_EXEC_WRAPPER`).

    ## How to fix

    Write `def handler(event, context):`. Run a coroutine in it: `return asyncio.run(main(event))`. Return what a
    generator yields as a list.
    """
    functions = [one for one in subject.manifest.functions if one.name in subject.program.names]
    if not functions:
        raise Inapplicable("no handler is declared")
    for one in functions:
        if scripts.script(one, subject.bundle.items) or scripts.WRAPPER in dict(one.environment):
            continue
        if found := handler.uncallable(one.handler, subject.program):
            yield replace(found, functions=(one.name,), when=When.AT_EVENT)
