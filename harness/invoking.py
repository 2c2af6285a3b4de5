"""Invoking handlers of the built artifact, for a project's own tests."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from harness.engines.protocol import Observation
    from harness.manifest import Function
    from harness.verify import Verification

# The plug-in imports this module in every run of everybody; what only an invocation needs is imported there.


class FunctionError(Exception):
    """The handler failed: Lambda's error type and message, as ``Invoke`` would report them."""


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
        from harness.diagnosis.start import ending  # noqa: PLC0415 - see the top
        from harness.engines.protocol import Answered, Ready  # noqa: PLC0415

        declared = self._declared(function)
        observation = self._observe(_with(declared, event, environment or {}))
        if not isinstance(observation.init, Ready):
            raise FunctionError(ending(observation.init, declared))
        answer = next(iter(observation.answers), None)
        if isinstance(answer, Answered):
            return json.loads(answer.body)
        raise FunctionError(ending(answer, declared) if answer else "it ended before it was handed the event")

    def _declared(self, name: str) -> Function:
        functions = {one.name: one for one in self._verification.manifest.functions}
        if name not in functions:
            near = difflib.get_close_matches(name, functions, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(functions) or 'none'}"
            raise LookupError(f"the manifest declares no function {name!r}: {hint}")
        return functions[name]

    def _observe(self, function: Function) -> Observation:
        from harness.check import Blocked  # noqa: PLC0415 - see the top
        from harness.engines.protocol import Unavailable  # noqa: PLC0415
        from harness.sources.local import SourceUnavailable  # noqa: PLC0415
        from harness.verify import Verification  # noqa: PLC0415

        manifest = replace(self._verification.manifest, functions=(function,))
        try:
            return Verification(manifest, self._verification.settings).observe(function)
        except (Blocked, SourceUnavailable, Unavailable) as reason:
            self._fail(str(reason))


def _with(function: Function, event: object, environment: Mapping[str, str]) -> Function:
    from harness.manifest import Event  # noqa: PLC0415 - see the top

    variables = tuple({**dict(function.environment), **environment}.items())
    return replace(function, events=(Event("event", Path(), json.dumps(event), None),), environment=variables)
