"""What AWS says of what was fetched, beside what the manifest says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.sources.aws_resources import LambdaFunction, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.manifest import Manifest
    from harness.sources.aws_packages import Told


def remarks(manifest: Manifest, told: Sequence[Told]) -> Iterator[str]:
    """One sentence on each thing that is worth knowing; none of it is wrong by itself."""
    for one in {one.text: one for one in told}.values():
        is_function = isinstance(place(one.text), LambdaFunction)
        said = "is" if is_function else "is declared"
        for key, there, here in (
            ("runtime", one.runtimes, manifest.runtime),
            ("architecture", one.architectures, str(manifest.architecture)),
        ):
            if there and here not in there:
                yield f"in AWS, {one.text} {said} for {', '.join(there)}; its {key} here is {here}"
        for version, part in one.shares:
            yield (
                f"in AWS, {one.text} sends {part:.0%} of its calls to version {version}, which is another archive or "
                "has other settings, and is not looked at here"
            )
        if is_function and one.layers and (unnamed := _without_layers(manifest, one.text)):
            yield (
                f"in AWS, {one.text} carries layers ({', '.join(one.layers)}); it is verified without{unnamed}: "
                f"--layer {one.text}, or the same in `layers`, takes those that it carries"
            )


def _without_layers(manifest: Manifest, text: str) -> str:
    """Which functions are verified with that code and no layer at all: `` (for api)``; nothing if there is none."""
    if not manifest.functions:
        return "" if manifest.layers else " any"
    bare = [one.name for one in manifest.functions if one.code.text == text and not one.layers]
    return f" any (in {', '.join(bare)})" if bare else ""
