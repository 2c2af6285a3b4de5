"""Zappa: its settings, and the zip that ``zappa package`` wrote beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from harness.artifact.archive import read as read_archive
from harness.artifact.entries import Role
from harness.discovery import document
from harness.discovery.document import mapping, sequence, whole
from harness.discovery.values import IMAGE, Declared, Discovery, DiscoveryError
from harness.model import Place, Uncovered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.discovery.project import Project

SETTINGS: Final = ("zappa_settings.json", "zappa_settings.yml", "zappa_settings.yaml")
_HANDLER: Final = "handler.lambda_handler"
_FIRST: Final = "First"  # Zappa's handler imports the application when the first event comes, whatever is in it
_MOUNT: Final = "/mnt/efs"
_TAG: Final = re.compile(r"\.cpython-3(\d+)[.-]")  # of compiled modules
_DEEPEST: Final = 10  # stages that extend one another


def read(project: Project, path: Path) -> Discovery:
    """The function of a stage.

    Raises:
        UsageError: The settings cannot be read, or have no such stage, or several and none is chosen.
    """
    content = document.read(path)
    stages = {name: stage for name, stage in mapping(content.value).items() if isinstance(stage, dict)}
    built = {name: _archive(path.parent, _deployed_as(path.parent, _settings(stages, name), name)) for name in stages}
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


def _deployed_as(folder: Path, settings: Mapping[str, Any], stage: str) -> str:
    """The function's name in the account."""
    project = str(settings.get("project_name") or folder.absolute().name)
    return "-".join(re.findall(r"[a-z0-9]+", f"{project}-{stage}".lower()))


def _archive(folder: Path, name: str) -> Path | None:
    """The newest zip of a function: ``NAME-SECONDS.zip``."""
    packaged = [path for path in folder.glob(f"{name}-*.zip") if path.stem.removeprefix(f"{name}-").isdigit()]
    return max(packaged, key=lambda path: path.stat().st_mtime, default=None)


def _runtime(archive: Path) -> str | None:
    """The runtime of the Python that packaged an archive, which its compiled modules name; None where none does."""
    try:
        entries = read_archive(archive, archive.name, Role.CODE).entries
    except OSError:
        return None
    versions = {found[1] for entry in entries if (found := _TAG.search(entry.name))}
    return f"python3.{versions.pop()}" if len(versions) == 1 else None


def _function(
    project: Project, settings: Mapping[str, Any], stage: str, archive: Path | None, place: Place
) -> Declared | Uncovered:
    if settings.get("docker_image_uri"):
        return Uncovered(stage, IMAGE, place)
    if settings.get("slim_handler"):
        return Uncovered(stage, "its slim handler fetches the code from S3 when it starts", place)
    if archive is None:
        return Uncovered(stage, f"it was not packaged: run `zappa package {stage}`", place, undone=True)
    runtime = settings.get("runtime") or _runtime(archive)
    if runtime is None:
        reason = f"{archive.name} does not show which Python packaged it: set `runtime` in {place.file}"
        return Uncovered(stage, reason, place, undone=True)
    architecture, systems = settings.get("architecture"), settings.get("efs_config")
    return Declared(
        name=stage,
        handler=str(settings.get("lambda_handler") or _HANDLER),
        runtime=str(runtime),
        code=project.relative(archive),
        place=place,
        architecture=architecture if isinstance(architecture, str) else next(iter(sequence(architecture)), None),
        layers=tuple(map(str, sequence(settings.get("layers")))),
        memory=whole(settings.get("memory_size")) or 512,
        timeout=whole(settings.get("timeout_seconds")) or 30,
        tmp=whole(mapping(settings.get("ephemeral_storage")).get("Size")),
        environment={
            str(name): str(value) for name, value in mapping(settings.get("aws_environment_variables")).items()
        },
        file_systems=tuple(
            str(mapping(system).get("LocalMountPath", _MOUNT))
            for system in (systems if isinstance(systems, list) else [systems] if systems else [])
        ),
        snap_start=settings.get("snap_start") == "PublishedVersions",
        events={_FIRST: "{}"},
        first=_FIRST,
        deployed_as=_deployed_as(archive.parent, settings, stage),
    )
