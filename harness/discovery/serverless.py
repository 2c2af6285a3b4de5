"""The Serverless Framework and its fork osls: what ``package`` wrote to ``.serverless``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from harness.discovery import document
from harness.discovery.cloudformation.functions import functions_of
from harness.discovery.cloudformation.services import services
from harness.discovery.cloudformation.template import Settings, Template
from harness.discovery.document import mapping
from harness.discovery.values import Declared, Discovery, DiscoveryError
from harness.model import Place, Uncovered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.discovery.document import Document
    from harness.discovery.project import Project

STATE: Final = "serverless-state.json"
_TEMPLATE: Final = ("service", "provider", "compiledCloudFormationTemplate")
_STEP: Final = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]')
_DEEPEST: Final = 100


def read(project: Project, path: Path) -> Discovery:
    """The functions of a packaged service.

    Args:
        project: Where it is.
        path: Its ``serverless-state.json``.

    Raises:
        UsageError: It cannot be read, or is none.
    """
    content = document.read(path)
    service = mapping(mapping(content.value).get("service"))
    compiled = mapping(service.get("provider")).get("compiledCloudFormationTemplate")
    if not isinstance(compiled, dict):
        raise DiscoveryError(f"{path}: it has no compiled template: run `serverless package`")
    compiled = _resolved(compiled, content.value, 0)
    folder = path.parent
    given = {PurePosixPath(artifact).name: folder.parent / artifact for artifact in _artifacts(service, content.value)}

    def code(found: Any, resource: Mapping[str, Any]) -> str | None:  # noqa: ANN401 - the template's
        del resource
        key = mapping(found).get("S3Key")
        if not isinstance(key, str):
            return None
        packaged = folder / PurePosixPath(key).name
        archive = packaged if packaged.is_file() else given.get(packaged.name, packaged)
        return project.relative(archive) if project.inside(archive) else None

    provider = mapping(service.get("provider"))
    stack = project.stack or f"{service.get('service', 'service')}-{provider.get('stage', 'dev')}"
    region = str(provider.get("region") or project.region)
    settings = Settings(project.root, project.parameters, stack, region, code, globals=False)
    template = Template(path, settings, project.parameters, content=replace(content, value=compiled, within=_TEMPLATE))
    names = {
        str(mapping(function).get("name")): str(key) for key, function in mapping(service.get("functions")).items()
    }
    functions = [_named(one, names, path, content, project) for one in functions_of(template)]
    return Discovery(
        tool="Serverless",
        file=path,
        functions=tuple(one for one in functions if isinstance(one, Declared)),
        uncovered=tuple(one for one in functions if isinstance(one, Uncovered)),
        services=services(project.relative(path), path, region, [template]),
    )


def _artifacts(service: Mapping[str, Any], whole: object) -> Iterator[str]:
    """The zips that the service brings along (``package.artifact``), which are not copied to ``.serverless``."""
    configured = mapping(_resolved(service.get("initialServerlessConfig"), whole, 0))
    for part in (
        configured,
        *(one for key in ("functions", "layers") for one in mapping(configured.get(key)).values()),
    ):
        artifact = mapping(mapping(part).get("package")).get("artifact")
        if isinstance(artifact, str):
            yield artifact


def _named(
    function: Declared | Uncovered, names: Mapping[str, str], path: Path, content: Document, project: Project
) -> Declared | Uncovered:
    """The function under the name that the service has for it, rather than under its resource's."""
    if isinstance(function, Uncovered) or function.deployed_as is None:
        return function
    name = names.get(function.deployed_as.partition(":")[0])
    if name is None:
        return function
    place = Place(project.relative(path), content.line(("service", "functions", name)))
    return replace(function, name=name, place=place)


def _resolved(value: Any, whole: object, depth: int) -> Any:  # noqa: ANN401 - a document's
    """A value whose pointers (``$ref``) are what they point to."""
    if depth > _DEEPEST:
        raise DiscoveryError("the state of the service has pointers that lead in a circle: run `serverless package`")
    if isinstance(value, list):
        return [_resolved(part, whole, depth + 1) for part in value]
    if not isinstance(value, dict):
        return value
    pointer = value.get("$ref")
    if isinstance(pointer, str) and pointer.startswith("$") and len(value) == 1:
        target: Any = whole
        for key, index in _STEP.findall(pointer):
            try:
                target = target[int(index)] if index else target[key.replace('\\"', '"')]
            except (KeyError, IndexError, TypeError):
                return None
        return _resolved(target, whole, depth + 1)
    return {key: _resolved(part, whole, depth + 1) for key, part in value.items()}
