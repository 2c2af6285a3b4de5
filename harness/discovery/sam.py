"""AWS SAM: what ``sam build`` wrote, or a template that nobody has built. Chalice packages have the same form."""

from __future__ import annotations

import contextlib
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness import regular_files
from harness.discovery.cloudformation.functions import functions_of
from harness.discovery.cloudformation.services import services
from harness.discovery.cloudformation.template import Settings, Template
from harness.discovery.document import UnreadableDocumentError, mapping
from harness.discovery.project import newest, unbuilt
from harness.discovery.values import Declared, Discovery, Unlocated
from harness.model import Uncovered, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.discovery.project import Project

BUILT: Final = Path(".aws-sam", "build", "template.yaml")
BUILD_FILE: Final = Path(".aws-sam", "build.toml")
TEMPLATES: Final = ("template.yaml", "template.yml", "template.json", "sam.yaml", "sam.yml")


def read(project: Project, path: Path, tool: str = "SAM") -> Discovery:
    """The functions of a template, built or not.

    Raises:
        UsageError: The template, or what lies beside it, cannot be read.
    """
    config = _config(project, path)
    settings = Settings(
        root=project.root,
        parameters={**config["parameters"], **project.parameters},
        stack=project.stack or config["stack"] or "stack",
        region=config["region"] or project.region,
    )
    template = Template(path, settings, settings.parameters, origin=_origin(path, settings))
    functions = [_built(project, one) for one in functions_of(template)]
    return Discovery(
        tool=tool,
        file=path,
        functions=tuple(one for one in functions if isinstance(one, Declared)),
        uncovered=tuple(one for one in functions if isinstance(one, Uncovered)),
        services=services(project.relative(path), path, settings.region, [template]),
        notes=tuple(_stale(project, path)),
    )


def _origin(path: Path, settings: Settings) -> Template | None:
    """The template that ``sam build`` read; None where it has another name, or cannot be read any more."""
    folder = path.parent.parent.parent
    written = next((folder / name for name in TEMPLATES if (folder / name).is_file()), None)
    if written is None or path != folder / BUILT:
        return None
    origin = Template(written, settings)
    with contextlib.suppress(UsageError, OSError):
        return origin if origin.section("Resources") else None
    return None


def _built(project: Project, function: Declared | Uncovered) -> Declared | Uncovered:
    """The function, unless one of its folders is a source that nothing was installed into."""
    if isinstance(function, Uncovered):
        return function
    for text in (function.code, *function.layers):
        folder = project.root / text
        if "://" not in text and not text.startswith("arn:") and ".aws-sam" not in text and unbuilt(folder):
            reason = f"{text} has a requirements.txt and nothing is installed in it: run `sam build`, then verify again"
            rest = replace(function, code="") if text == function.code else None
            return Unlocated(function.name, reason, function.place, undone=True, declared=rest)
    return function


def _stale(project: Project, path: Path) -> Iterator[str]:
    """A note where a source is newer than its build."""
    folder = path.parent.parent.parent
    if not path.is_relative_to(folder / ".aws-sam"):
        return
    built = path.stat().st_mtime
    sources = [*_sources(folder / BUILD_FILE), *(folder / name for name in TEMPLATES if (folder / name).is_file())]
    for source in sources:
        if not project.inside(source):
            continue
        changed = newest(source) if source.is_dir() else (source.stat().st_mtime, source) if source.is_file() else None
        if changed and changed[0] > built + 1:
            yield (
                f"{project.relative(changed[1])} is newer than the build in {project.relative(path.parent)}: "
                "run `sam build` again"
            )
            return


def _sources(path: Path) -> Iterator[Path]:
    """The folders that were built, as ``build.toml`` names them."""
    try:
        content = tomllib.loads(regular_files.read(path).decode())
    except (OSError, ValueError, RecursionError):
        return
    for table in ("function_build_definitions", "layer_build_definitions"):
        for definition in mapping(content.get(table)).values():
            source = mapping(definition).get("codeuri")
            if isinstance(source, str):
                yield Path(source)


def _config(project: Project, path: Path) -> dict[str, Any]:
    """The parameters, stack and region of ``samconfig.toml``, for the stage that is asked for."""
    folders = [folder for folder in (path.parent, *path.parents) if folder.is_relative_to(project.root)]
    file = next((folder / "samconfig.toml" for folder in folders if (folder / "samconfig.toml").is_file()), None)
    found: dict[str, Any] = {"parameters": {}, "stack": None, "region": None}
    if file is None:
        return found
    try:
        content = tomllib.loads(regular_files.read(file).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableDocumentError(f"{file}: cannot be read as TOML: {error}") from None
    environment = mapping(content.get(project.stage or "default"))
    for command in ("global", "build", "deploy"):
        parameters = mapping(mapping(environment.get(command)).get("parameters"))
        found["parameters"].update(_overrides(parameters.get("parameter_overrides")))
        found["stack"] = parameters.get("stack_name") or found["stack"]
        found["region"] = parameters.get("region") or found["region"]
    return found


def _overrides(raw: object) -> dict[str, str]:
    """``parameter_overrides``: one text, a list of texts, or a table."""
    if isinstance(raw, dict):
        return {str(name): str(value) for name, value in raw.items()}
    texts = raw if isinstance(raw, list) else [raw] if isinstance(raw, str) else []
    overrides = {}
    for text in texts:
        try:
            words = shlex.split(str(text))
        except ValueError:
            words = str(text).split()
        for word in words:
            name, equals, value = word.partition("=")
            if name.startswith("ParameterKey") and ",ParameterValue=" in word:
                name, _, value = value.partition(",ParameterValue=")
            if equals:
                overrides[name] = value
    return overrides


def chalice(project: Project, path: Path) -> Discovery:
    """What ``chalice package`` wrote: ``sam.json`` beside ``deployment.zip``.

    Raises:
        UsageError: The template cannot be read.
    """
    return replace(read(project, path), tool="Chalice")
