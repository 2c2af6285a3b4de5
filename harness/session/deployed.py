"""A deployed version: a manifest with the runtime, the architecture and the handler that the account has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.manifest import Architecture
from harness.model import UsageError
from harness.policy import KNOWN_RUNTIMES
from harness.sources.aws_resources import LambdaFunction, parse

if TYPE_CHECKING:
    from harness.manifest import Manifest


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
    if text is None or (function := function_of(text)) is None:
        return manifest
    from harness.sources.aws import Aws, AwsUnavailable  # noqa: PLC0415 - most runs ask AWS nothing
    from harness.sources.aws_packages import configuration  # noqa: PLC0415 - imports the SDK

    try:
        live = configuration(Aws(profile), function, text)
    except AwsUnavailable:
        return manifest  # nothing of it is known; the attempt to fetch its code says why
    runtime, architecture = stated
    if live.runtimes and not runtime:
        if live.runtimes[0] not in KNOWN_RUNTIMES:
            raise UsageError(f"{option} {text}: it runs on {live.runtimes[0]}, which is not Python")
        manifest = replace(manifest, runtime=live.runtimes[0])
    if live.architectures and not architecture:
        manifest = replace(manifest, architecture=Architecture(live.architectures[0]))
    if live.handler and len(manifest.functions) == 1:  # of several functions, each has a handler of its own
        manifest = replace(manifest, functions=(replace(manifest.functions[0], handler=live.handler),))
    return manifest
