"""Pulumi: what ``pulumi preview --json`` printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from harness.discovery import document
from harness.discovery.document import mapping, sequence, whole
from harness.discovery.values import IMAGE, Declared, Discovery, DiscoveryError, foreign
from harness.model import Place, Uncovered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.discovery.document import Document
    from harness.discovery.project import Project

NAMES: Final = ("preview.json", "pulumi-preview.json", "pulumi.json")
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_FUNCTION, _LAYER = "aws:lambda/function:Function", "aws:lambda/layerVersion:LayerVersion"
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The text that stands for a value which only the update decides (Pulumi's sdk, ``plugin.UnknownStringValue``)."""


def is_preview(path: Path) -> bool:
    """Whether a file is a preview: it has steps with URNs."""
    try:
        return bool(_steps(document.read(path)))
    except document.UnreadableDocumentError:
        return False


def read(project: Project, path: Path) -> Discovery:
    """The functions of a preview.

    Raises:
        UsageError: It cannot be read, or is none.
    """
    preview = document.read(path)
    steps = _steps(preview)
    if not steps:
        raise DiscoveryError(f"{path}: it has no steps: write it with `pulumi preview --json`")
    layers = {urn: _path(project, path, inputs.get("code")) for _, kind, urn, inputs in steps if kind == _LAYER}
    functions = [
        _function(project, path, Place(project.relative(path), preview.line(("steps", index))), urn, inputs, layers)
        for index, kind, urn, inputs in steps
        if kind == _FUNCTION
    ]
    return Discovery(
        tool="Pulumi",
        file=path,
        functions=tuple(one for one in functions if isinstance(one, Declared)),
        uncovered=tuple(one for one in functions if isinstance(one, Uncovered)),
    )


def _steps(preview: Document) -> list[tuple[int, str, str, dict[str, Any]]]:
    """Of each step that leaves a resource: its index, the resource's type, URN and inputs."""
    found = []
    for index, step in enumerate(sequence(mapping(preview.value).get("steps"))):
        state = mapping(mapping(step).get("newState"))
        if isinstance(state.get("urn"), str) and mapping(step).get("op") != "delete":
            found.append((index, str(state.get("type")), state["urn"], mapping(state.get("inputs"))))
    return found


def _function(  # noqa: PLR0913, PLR0917 - a step, and where it stands
    project: Project, path: Path, place: Place, urn: str, inputs: Mapping[str, Any], layers: Mapping[str, str | None]
) -> Declared | Uncovered:
    name = urn.rpartition("::")[2]
    runtime, handler = inputs.get("runtime"), inputs.get("handler")
    code = _path(project, path, inputs.get("code"))
    reason, undone = None, True
    if inputs.get("packageType") == "Image" or inputs.get("imageUri"):
        reason, undone = IMAGE, False
    elif not isinstance(runtime, str) or runtime == _UNKNOWN:
        reason = "its runtime is not known before the update"
    elif other := foreign(runtime):
        reason, undone = other, False
    elif not isinstance(handler, str) or handler == _UNKNOWN:
        reason = "its handler is not known before the update"
    elif code is None:
        reason = "its code is put together by the program, and is no file or folder of the project"
    if reason is not None:
        return Uncovered(name, reason, place, undone)
    unknown: list[str] = []
    return Declared(
        name=name,
        handler=str(handler),
        runtime=str(runtime),
        code=str(code),
        place=place,
        architecture=next(map(str, sequence(inputs.get("architectures"))), None),
        layers=tuple(_layers(inputs, layers, unknown)),
        memory=whole(inputs.get("memorySize")),
        timeout=whole(inputs.get("timeout")),
        tmp=whole(mapping(inputs.get("ephemeralStorage")).get("size")),
        environment=_environment(inputs, unknown),
        snap_start=mapping(inputs.get("snapStart")).get("applyOn") == "PublishedVersions",
        deployed_as=inputs["name"] if isinstance(inputs.get("name"), str) and inputs["name"] != _UNKNOWN else None,
        unknown=tuple(unknown),
    )


def _path(project: Project, preview: Path, code: object) -> str | None:
    """The file or folder of an archive; None for one that is put together of several assets."""
    archive = mapping(code)
    text = archive.get("path")
    if archive.get(_SIGNATURE) != _ARCHIVE or not isinstance(text, str):
        return None
    path = preview.parent / text
    return project.relative(path) if project.inside(path) else None


def _layers(inputs: Mapping[str, Any], layers: Mapping[str, str | None], unknown: list[str]) -> Iterator[str]:
    made = [archive for archive in layers.values() if archive]
    listed = sequence(inputs.get("layers"))
    pending = [layer for layer in listed if layer == _UNKNOWN]
    for layer in listed:
        if layer != _UNKNOWN:
            yield str(layer)
        elif len(made) == len(pending):
            yield made[pending.index(layer)] if len(made) == 1 else made[len(made) - len(pending)]
            pending.pop()
        else:
            unknown.append("layers: one that the update makes")
            yield "<layer>"


def _environment(inputs: Mapping[str, Any], unknown: list[str]) -> dict[str, str]:
    found = {}
    for name, value in mapping(mapping(inputs.get("environment")).get("variables")).items():
        if not isinstance(value, str) or value == _UNKNOWN:
            unknown.append(f"environment.{name}: the update decides it, or it is secret")
        found[str(name)] = value if isinstance(value, str) and value != _UNKNOWN else f"<{name}>"
    return found
