"""The fixtures ``artifact`` and ``lambda_runtime``: a project's own tests use the built archives."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.model import UsageError
from harness.plugin.verifications import find_manifest, option_path, verification_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from harness.artifact.bundle import Bundle
    from harness.dependencies.comparison.dependency_lists import DependencyLists
    from harness.engines.protocol import Answer, Init, Observation
    from harness.manifest import Function
    from harness.model import Finding
    from harness.verify import Verification


@pytest.fixture(scope="session")
def artifact(pytestconfig: pytest.Config) -> Bundle:
    """The bundle that the project's manifest declares: every path that the function sees, and its archive."""
    verification = _of_project(pytestconfig)
    functions = verification.manifest.functions
    return verification.workspace.bundle(functions[0] if functions else None)


@pytest.fixture(scope="session")
def lambda_runtime(pytestconfig: pytest.Config) -> LambdaRuntime:
    """The runtime with the project's artifact in it: invoke a handler with an event and get its response."""
    return LambdaRuntime(_of_project(pytestconfig), partial(pytest.fail, pytrace=False))


def _of_project(config: pytest.Config) -> Verification:
    path = option_path(config) or find_manifest(config)
    if path is None:
        reason = "no lambda-artifact.toml here or above: write one, or name it with --artifact-manifest"
        pytest.fail(reason, pytrace=False)
    try:
        return verification_of(config, path)
    except UsageError as problem:
        pytest.fail(str(problem), pytrace=False)


class FunctionError(Exception):
    """The handler failed: Lambda's error type and message, as ``Invoke`` would report them, and the remedy."""


class LambdaRuntime:
    """Invokes handlers of the built artifact in the Lambda runtime, each time in a fresh process."""

    def __init__(self, verification: Verification, fail: Callable[[str], NoReturn]) -> None:
        """Prepare for invocations.

        Args:
            verification: Declares the functions, and has the engine that starts them.
            fail: Called with the reason where nothing could be started.
        """
        self._verification = verification
        self._fail = fail

    def invoke(self, function: str, event: object, environment: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """The response of a function to an event.

        Args:
            function: Its name in the manifest.
            event: Anything that JSON can express.
            environment: Variables in addition to those that the manifest declares.

        Raises:
            FunctionError: The function did not start, or answered with an error.
            LookupError: The manifest has no such function.
        """
        from harness.engines.protocol import Answered, Ready

        __tracebackhide__ = True  # what a test prints is about the function, and not about this
        declared = self._declared(function)
        invoked = _with(declared, event, environment or {})
        seen, lists = self._observe(invoked)
        if not isinstance(seen.init, Ready):
            self._fail_with(seen, seen.init, None, invoked, lists)
        answer = next(iter(seen.answers), None)
        if isinstance(answer, Answered):
            return json.loads(answer.body)
        if answer is None:
            raise FunctionError("it ended before it was handed the event")
        return self._fail_with(seen, answer, 0, invoked, lists)

    def _fail_with(
        self, seen: Observation, end: Init | Answer, event: int | None, function: Function, lists: DependencyLists
    ) -> NoReturn:
        """Explain why there is no response.

        Raises:
            FunctionError: It is the function's own fault.
        """
        from harness.diagnosis.network import unjudged, unreached
        from harness.diagnosis.runtime_errors import explain, explain_answer

        __tracebackhide__ = True
        if called := unreached(seen, end, event, function, lists.program):
            self._fail(unjudged(f"{function.name} calls what is not here: {called}", called, function))
        if event is None:
            raise FunctionError(_lines(explain(seen, function, lists)))
        raise FunctionError(_lines(explain_answer(seen, event, function, lists)))

    def _declared(self, name: str) -> Function:
        functions = {one.name: one for one in self._verification.manifest.functions}
        if name not in functions:
            from harness.plain_text import nearest

            near = nearest(name, functions)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(functions) or 'none'}"
            raise LookupError(f"the manifest declares no function {name!r}: {hint}")
        return functions[name]

    def _observe(self, function: Function) -> tuple[Observation, DependencyLists]:
        from harness.check import Blocked
        from harness.engines.protocol import Unavailable
        from harness.session.runtime import Runtime
        from harness.session.workspace import Workspace
        from harness.sources.local import SourceUnavailable

        __tracebackhide__ = True
        manifest = replace(self._verification.manifest, functions=(function,))
        workspace = Workspace(manifest, self._verification.settings)
        try:
            seen = Runtime(manifest, workspace.settings, workspace).observe(function)
            return seen, workspace.subject(function).lists
        except (Blocked, SourceUnavailable, Unavailable) as reason:
            self._fail(str(reason))


def _lines(finding: Finding) -> str:
    """A finding as text: Lambda's words, the place, the chain of imports, the cause, the fix."""
    from harness.plain_text import harmless

    lines = [
        finding.message,
        f"where: {finding.where}",
        f"chain: {' → '.join(finding.chain)}" if finding.chain else None,
        f"cause: {finding.cause.rstrip()}" if finding.cause else None,
        f"fix: {finding.remedy}" if finding.remedy else None,
    ]
    return harmless("\n".join(line for line in lines if line))


def _with(function: Function, event: object, environment: Mapping[str, str]) -> Function:
    from harness.manifest import Event

    variables = tuple({**dict(function.environment), **environment}.items())
    return replace(function, events=(Event("event", Path(), json.dumps(event), None),), environment=variables)
