"""The deployed side of a comparison: a manifest with what the account has of its functions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.manifest import Architecture, Source, SourceKind
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.sources.aws_resources import LambdaFunction, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.manifest import Function, Manifest
    from harness.sources.aws_packages import Deployed

_MISSING = "ResourceNotFoundException"


def function_of(text: str | None) -> LambdaFunction | None:
    """The function that a text names; None where it names an archive, or nothing."""
    found = parse(text) if text else None
    return found if isinstance(found, LambdaFunction) else None


def as_deployed(
    manifest: Manifest, option: str, text: str | None, profile: str | None, stated: tuple[str | None, str | None]
) -> Manifest:
    """A manifest with the runtime, the architecture and the handler of a deployed function.

    Args:
        manifest: What is declared.
        option: The option that names the function, for messages.
        text: Its value; without a function in it, the manifest is returned as it is.
        profile: The AWS profile.
        stated: The runtime and the architecture that options state, which win.

    Raises:
        UsageError: The function is not written in Python.
    """
    live, _ = _described(text, profile)
    if live is None:
        return manifest  # nothing of it is known; the attempt to fetch its code says why
    runtime, architecture = _platform(live, f"{option} {text}", stated)
    functions = manifest.functions
    if live.handler and len(functions) == 1:  # of several functions, each has a handler of its own
        functions = (replace(functions[0], handler=live.handler),)
    return replace(
        manifest,
        functions=functions,
        runtime=runtime or manifest.runtime,
        architecture=architecture or manifest.architecture,
    )


def from_account(
    before: Manifest,
    after: Manifest,
    names: Mapping[str, str],
    profile: str | None,
    stated: tuple[str | None, str | None] = (None, None),
) -> tuple[Manifest, Manifest]:
    """Both sides of a deployment: its functions as the account has them, and as they will be.

    Variables that the new manifest does not declare at all stay as they are. Those that both sides have keep the value
    of the manifest, which is made for verifications and says nothing of the account's.

    Args:
        before: The old side, as far as options name it.
        after: What is declared.
        names: What names each function in the account, by its name here: ``function:api:live``, or an ARN.
        profile: The AWS profile.
        stated: The runtime and the architecture that options state, which win.

    Returns:
        The old side, without the functions that the account does not have, and the new one.

    Raises:
        UsageError: A function is not written in Python, or the account has none of them.
    """
    old: list[Function] = []
    new = {function.name: function for function in after.functions}
    for function in before.functions:
        text = names[function.name]
        live, missing = _described(text, profile)
        if missing and function.code.text != text:
            continue
        here = Source(text, None, SourceKind.REMOTE)
        if function.code.text != text:
            function = replace(function, code=here, layers=(here,))  # noqa: PLW2901 - the same function
        if live is None:
            old.append(function)
            continue
        runtime, architecture = _platform(live, text, stated)
        variables = function.environment if live.variables is None else live.variables
        declared = dict(function.environment)
        if not new[function.name].environment:
            new[function.name] = replace(new[function.name], environment=variables)
        old.append(
            replace(
                function,
                handler=live.handler or function.handler,
                runtime=runtime,
                architecture=architecture,
                environment=tuple((name, declared.get(name, value)) for name, value in variables),
            )
        )
    if not old:
        raise UsageError(
            f"none of the functions is in the account: {', '.join(names.values())}: say what they are called there "
            "(`deployed-as`); the account is chosen by --profile, the region by AWS_DEFAULT_REGION"
        )
    first = before.of(old[0])
    before = replace(before, functions=tuple(old), runtime=first.runtime, architecture=first.architecture)
    return before, replace(after, functions=tuple(new.values()))


def _described(text: str | None, profile: str | None) -> tuple[Deployed | None, bool]:
    """What Lambda says of a function, as far as it does; and whether the account is known not to have it."""
    if text is None or (function := function_of(text)) is None:
        return None, False
    from harness.sources.aws import Aws, AwsUnavailable  # noqa: PLC0415 - most runs ask AWS nothing
    from harness.sources.aws_packages import configuration  # noqa: PLC0415 - imports the SDK

    try:
        return configuration(Aws(profile), function, text), False
    except AwsUnavailable as reason:
        return None, reason.code == _MISSING


def _platform(
    live: Deployed, named: str, stated: tuple[str | None, str | None]
) -> tuple[str | None, Architecture | None]:
    """The runtime and the architecture: those that options state, else the function's.

    Raises:
        UsageError: The function is not written in Python.
    """
    runtime, architecture = stated
    if not runtime and (runtime := next(iter(live.runtimes), None)) and runtime not in KNOWN_RUNTIMES:
        raise UsageError(f"{named}: it runs on {runtime}, which is not Python")
    architecture = architecture or next(iter(live.architectures), None)
    return runtime, Architecture(architecture) if architecture else None
