"""AWS CDK: what ``cdk synth`` wrote to ``cdk.out``."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from harness.discovery import document
from harness.discovery.cloudformation.functions import functions_of
from harness.discovery.cloudformation.services import services
from harness.discovery.cloudformation.template import Settings, Template
from harness.discovery.document import mapping
from harness.discovery.values import Declared, Discovery, DiscoveryError
from harness.model import Uncovered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.discovery.project import Project

MANIFEST: Final = "manifest.json"
_STACK: Final = "aws:cloudformation:stack"
_ASSETS: Final = "cdk:asset-manifest"
_NESTED: Final = "cdk:cloud-assembly"
_DEEPEST: Final = 5  # assemblies within assemblies: pipelines have stages, and stages have none


def read(project: Project, path: Path) -> Discovery:
    """The functions of an assembly's stacks.

    Args:
        project: Where it is, and which stack is asked for.
        path: Its ``manifest.json``.

    Raises:
        UsageError: The assembly cannot be read, or has no such stack.
    """
    stacks = list(_stacks(project, path.parent, 0))
    if project.stack:
        stacks = [stack for stack in stacks if project.stack in (stack.settings.stack, stack.path.stem.split(".")[0])]
        if not stacks:
            raise DiscoveryError(f"{path}: it has no stack {project.stack}: `cdk list` shows the stacks")
    if len(stacks) > 1:
        for stack in stacks:
            stack.prefix = f"{stack.settings.stack}/"
    functions = [function for stack in stacks for function in functions_of(stack)]
    return Discovery(
        tool="CDK",
        file=path,
        functions=tuple(one for one in functions if isinstance(one, Declared)),
        uncovered=tuple(one for one in functions if isinstance(one, Uncovered)),
        services=services(project.relative(path), path, stacks[0].settings.region, stacks) if stacks else None,
    )


def _stacks(project: Project, folder: Path, depth: int) -> Iterator[Template]:
    manifest = document.read(folder / MANIFEST)
    artifacts = mapping(mapping(manifest.value).get("artifacts"))
    if not artifacts or depth > _DEEPEST:
        raise DiscoveryError(f"{folder / MANIFEST}: it is no manifest of a cloud assembly: run `cdk synth`")
    assets = dict(_assets(folder, artifacts))

    def code(content: Any, resource: Mapping[str, Any]) -> str | None:  # noqa: ANN401 - the template's
        key = mapping(content).get("S3Key")
        path = assets.get(PurePosixPath(key).stem) if isinstance(key, str) else None
        if path is None:
            own = mapping(resource.get("Metadata")).get("aws:asset:path")
            path = folder / own if isinstance(own, str) else None
        return project.relative(path) if path is not None and project.inside(path) else None

    for name, artifact in artifacts.items():
        properties = mapping(mapping(artifact).get("properties"))
        if mapping(artifact).get("type") == _STACK and isinstance(properties.get("templateFile"), str):
            stack = str(properties.get("stackName") or name)
            settings = Settings(project.root, project.parameters, stack, _region(artifact, project), code)
            yield Template(folder / properties["templateFile"], settings, project.parameters)
        elif mapping(artifact).get("type") == _NESTED and isinstance(properties.get("directoryName"), str):
            inner = folder / properties["directoryName"]
            if project.inside(inner):
                yield from _stacks(project, inner, depth + 1)


def _region(artifact: Mapping[str, Any], project: Project) -> str:
    """The region of ``aws://123456789012/eu-central-1``."""
    region = str(artifact.get("environment", "")).rpartition("/")[2]
    return region if region and not region.startswith("unknown") else project.region


def _assets(folder: Path, artifacts: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """The files and folders of the assets, by their digest."""
    for artifact in artifacts.values():
        file = mapping(mapping(artifact).get("properties")).get("file")
        if mapping(artifact).get("type") != _ASSETS or not isinstance(file, str):
            continue
        content = mapping(document.read(folder / file).value)
        for digest, asset in mapping(content.get("files")).items():
            source = mapping(mapping(asset).get("source")).get("path")
            if isinstance(source, str):
                yield str(digest), folder / source
                # The key in the bucket need not be the digest.
                for destination in mapping(mapping(asset).get("destinations")).values():
                    key = mapping(destination).get("objectKey")
                    if isinstance(key, str):
                        yield PurePosixPath(key).stem, folder / source
