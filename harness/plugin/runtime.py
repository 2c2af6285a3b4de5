"""Invoking handlers of the built artifact, for a project's own tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.engines.protocol import Answer, Init, Observation
    from harness.manifest import Function
    from harness.model import Finding
    from harness.verify import Verification

# The plug-in imports this module in every run of everybody; what only an invocation needs is imported there.


class FunctionError(Exception):
    """The handler failed: Lambda's error type and message, as ``Invoke`` would report them, and what is to be done."""


class LambdaRuntime:
    """Invokes handlers of the built artifact in the Lambda runtime, each time in a fresh process."""

    def __init__(self, verification: Verification, fail: Callable[[str], NoReturn]) -> None:
        """Prepare for invocations.

        Args:
            verification: What is declared, and what starts the handlers.
            fail: Called with the reason where nothing could be started.
        """
        self._verification = verification
        self._fail = fail

    def invoke(self, function: str, event: object, environment: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """The response of a function to an event.

        Args:
            function: Its name in the manifest.
            event: Anything that JSON can say.
            environment: Variables beside those that the manifest declares.

        Raises:
            FunctionError: The function did not start, or answered with an error.
            LookupError: The manifest has no such function.
        """
        from harness.engines.protocol import Answered, Ready  # noqa: PLC0415 - see the top

        __tracebackhide__ = True  # what a test prints is about the function, and not about this
        declared = self._declared(function)
        invoked = _with(declared, event, environment or {})
        seen, lists = self._observe(invoked)
        if not isinstance(seen.init, Ready):
            self._judge(seen, seen.init, None, invoked, lists)
        answer = next(iter(seen.answers), None)
        if isinstance(answer, Answered):
            return json.loads(answer.body)
        if answer is None:
            raise FunctionError("it ended before it was handed the event")
        return self._judge(seen, answer, 0, invoked, lists)

    def _judge(
        self, seen: Observation, end: Init | Answer, event: int | None, function: Function, lists: DependencyLists
    ) -> NoReturn:
        """Say why there is no answer.

        Raises:
            FunctionError: It is the function's own fault.
        """
        from harness.diagnosis.network import unjudged, unreached  # noqa: PLC0415 - see the top
        from harness.diagnosis.runtime_errors import explain, explain_answer  # noqa: PLC0415

        __tracebackhide__ = True
        if called := unreached(seen, end, event, function, lists.program):
            self._fail(unjudged(f"{function.name} calls what is not here: {called}", called, function))
        if event is None:
            raise FunctionError(_told(explain(seen, function, lists)))
        raise FunctionError(_told(explain_answer(seen, event, function, lists)))

    def _declared(self, name: str) -> Function:
        functions = {one.name: one for one in self._verification.manifest.functions}
        if name not in functions:
            from harness.plain_text import nearest  # noqa: PLC0415 - see the top

            near = nearest(name, functions)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(functions) or 'none'}"
            raise LookupError(f"the manifest declares no function {name!r}: {hint}")
        return functions[name]

    def _observe(self, function: Function) -> tuple[Observation, DependencyLists]:
        from harness.check import Blocked  # noqa: PLC0415 - see the top
        from harness.engines.protocol import Unavailable  # noqa: PLC0415
        from harness.session.runtime import Runtime  # noqa: PLC0415
        from harness.session.workspace import Workspace  # noqa: PLC0415
        from harness.sources.local import SourceUnavailable  # noqa: PLC0415

        __tracebackhide__ = True
        manifest = replace(self._verification.manifest, functions=(function,))
        workspace = Workspace(manifest, self._verification.settings)
        try:
            seen = Runtime(manifest, workspace.settings, workspace).observe(function)
            return seen, workspace.subject(function).lists
        except (Blocked, SourceUnavailable, Unavailable) as reason:
            self._fail(str(reason))


def _told(finding: Finding) -> str:
    """A finding as lines: Lambda's words, the place, the chain of imports, the cause, the fix."""
    from harness.plain_text import harmless  # noqa: PLC0415 - see the top

    said = [
        finding.message,
        f"where: {finding.where}",
        f"chain: {' → '.join(finding.chain)}" if finding.chain else None,
        f"cause: {finding.cause.rstrip()}" if finding.cause else None,
        f"fix: {finding.remedy}" if finding.remedy else None,
    ]
    return harmless("\n".join(line for line in said if line))


def _with(function: Function, event: object, environment: Mapping[str, str]) -> Function:
    from harness.manifest import Event  # noqa: PLC0415 - see the top

    variables = tuple({**dict(function.environment), **environment}.items())
    return replace(function, events=(Event("event", Path(), json.dumps(event), None),), environment=variables)
