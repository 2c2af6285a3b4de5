"""Zappa: ``zappa_settings.json``, and the zip that ``zappa package`` wrote beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from harness.discovery import document
from harness.discovery.document import mapping, sequence
from harness.discovery.values import IMAGE, Declared, Discovery, DiscoveryError
from harness.manifest import Uncovered
from harness.model import Place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.discovery.project import Project

SETTINGS: Final = "zappa_settings.json"
HANDLER: Final = "handler.lambda_handler"
_DEEPEST: Final = 10  # stages that extend one another


def read(project: Project, path: Path) -> Discovery:
    """The function of a stage.

    Raises:
        UsageError: The settings cannot be read, or have no such stage, or several and none is chosen.
    """
    content = document.read(path)
    stages = {name: stage for name, stage in mapping(content.value).items() if isinstance(stage, dict)}
    built = {name: _archive(path.parent, _settings(stages, name), name) for name in stages}
    name = project.stage or next((name for name, archive in built.items() if archive), next(iter(stages), None))
    if name is None or name not in stages:
        raise DiscoveryError(f"{path}: it has no stage {name}: choose one with --stage ({', '.join(stages) or 'none'})")
    candidates = [stage for stage, archive in built.items() if archive]
    if project.stage is None and len(candidates) > 1:
        raise DiscoveryError(f"{path}: {', '.join(candidates)} were packaged: choose one with --stage")
    settings, place = _settings(stages, name), Place(project.relative(path), content.line((name,)))
    found = _function(project, settings, name, built[name], place)
    return Discovery(
        tool="Zappa",
        file=path,
        functions=(found,) if isinstance(found, Declared) else (),
        uncovered=(found,) if isinstance(found, Uncovered) else (),
    )


def _settings(stages: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """A stage with what it extends below it."""
    merged: dict[str, Any] = {}
    for _ in range(_DEEPEST):
        stage = stages.get(name, {})
        merged = {**stage, **merged}
        name = str(stage.get("extends", ""))
        if not name:
            break
    return merged


def _archive(folder: Path, settings: Mapping[str, Any], stage: str) -> Path | None:
    """The newest zip of a stage: ``PROJECT-STAGE-TIME.zip``."""
    project = str(settings.get("project_name") or folder.absolute().name)
    slug = "".join(letter if letter.isalnum() else "-" for letter in project.lower())
    matching = [
        path
        for path in folder.glob("*.zip")
        if f"-{stage}-" in path.name and path.name.lower().replace("_", "-").startswith(slug)
    ]
    return max(matching, key=lambda path: path.stat().st_mtime, default=None)


def _function(
    project: Project, settings: Mapping[str, Any], stage: str, archive: Path | None, place: Place
) -> Declared | Uncovered:
    if settings.get("docker_image_uri"):
        return Uncovered(stage, IMAGE, place)
    if settings.get("slim_handler"):
        return Uncovered(stage, "its slim handler fetches the code from S3 when it starts", place)
    if archive is None:
        return Uncovered(stage, f"it was not packaged: run `zappa package {stage}`", place, undone=True)
    variables = {**mapping(settings.get("aws_environment_variables"))}
    return Declared(
        name=stage,
        handler=str(settings.get("lambda_handler") or HANDLER),
        runtime=str(settings.get("runtime") or "python3.12"),
        code=project.relative(archive),
        place=place,
        architecture=next(map(str, sequence(settings.get("architecture"))), None)
        if isinstance(settings.get("architecture"), list)
        else settings.get("architecture"),
        layers=tuple(map(str, sequence(settings.get("layers")))),
        memory=int(settings.get("memory_size", 512)),
        timeout=int(settings.get("timeout_seconds", 30)),
        environment={str(name): str(value) for name, value in variables.items()},
        deployed_as=str(settings["lambda_function_name"]) if settings.get("lambda_function_name") else None,
        unknown=() if settings.get("runtime") else ("runtime: Zappa takes that of the Python which packages",),
    )
