"""AWS notes: where AWS and the manifest differ about an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.sources.aws_resources import LambdaFunction, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.manifest import Manifest
    from harness.sources.aws_packages import Deployed


def aws_notes(manifest: Manifest, deployed: Sequence[Deployed]) -> Iterator[str]:
    """Yield a sentence for each difference; none of them is wrong by itself."""
    for package in {package.text: package for package in deployed}.values():
        is_function = isinstance(parse(package.text), LambdaFunction)
        verb = "is" if is_function else "is declared"
        for key, there, here in (
            ("runtime", package.runtimes, manifest.runtime),
            ("architecture", package.architectures, str(manifest.architecture)),
        ):
            if there and here not in there:
                yield f"in AWS, {package.text} {verb} for {', '.join(there)}; its {key} here is {here}"
        for version, part in package.shares:
            yield (
                f"in AWS, {package.text} sends {part:.0%} of its calls to version {version}, which is another archive "
                "or has other settings, and is not verified here"
            )
        if is_function and package.layers and (without := _without_layers(manifest, package.text)):
            yield (
                f"in AWS, {package.text} carries layers ({', '.join(package.layers)}); it is verified "
                f"without{without}: --layer {package.text}, or the same in `layers`, takes those that it carries"
            )


def _without_layers(manifest: Manifest, text: str) -> str:
    """The functions with that code and no layer, as `` any (in api)``; empty if there is none."""
    if not manifest.functions:
        return "" if manifest.layers else " any"
    bare = [function.name for function in manifest.functions if function.code.text == text and not function.layers]
    return f" any (in {', '.join(bare)})" if bare else ""
