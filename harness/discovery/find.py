"""Find what a project has built, and read it with the reader of its tool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.discovery import cdk, pulumi, sam, serverless, terraform, zappa
from harness.discovery.document import mapping
from harness.discovery.document import read as read_document
from harness.discovery.values import Discovery, DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.discovery.project import Project


@dataclass(frozen=True)
class Build:
    """A build output that was found.

    Attributes:
        tool: As people call it.
        path: The file that says which functions there are.
        read: Reads it.
    """

    tool: str
    path: Path
    read: Callable[[Project, Path], Discovery]


def builds(project: Project) -> tuple[Build, ...]:
    """The build outputs of a folder; a template that nobody has built only where there is no other."""
    found = tuple(_outputs(project.folder))
    return found or tuple(_sources(project.folder))


def _outputs(folder: Path) -> Iterator[Build]:
    if (path := folder / sam.BUILT).is_file():
        yield Build("SAM", path, sam.read)
    if (path := folder / "cdk.out" / cdk.MANIFEST).is_file():
        yield Build("CDK", path, cdk.read)
    plans = (folder / name for name in terraform.NAMES)
    yield from (
        Build("Terraform", path, terraform.read) for path in plans if path.is_file() and terraform.is_plan(path)
    )
    if (path := folder / ".serverless" / serverless.STATE).is_file():
        yield Build("Serverless", path, serverless.read)
    yield from (Build("Chalice", path, sam.chalice) for path in _chalice(folder))
    previews = (folder / name for name in pulumi.NAMES)
    yield from (Build("Pulumi", path, pulumi.read) for path in previews if path.is_file() and pulumi.is_preview(path))
    yield from (Build("Zappa", folder / name, zappa.read) for name in zappa.SETTINGS if (folder / name).is_file())


def _chalice(folder: Path) -> Iterator[Path]:
    """``sam.json`` beside ``deployment.zip``, here or in one of the folders here."""
    for place in (folder, *sorted(folder.glob("*/"))):
        if (place / "sam.json").is_file() and (place / "deployment.zip").is_file():
            yield place / "sam.json"


def _sources(folder: Path) -> Iterator[Build]:
    for name in sam.TEMPLATES:
        if (folder / name).is_file():
            yield Build("SAM", folder / name, sam.read)
            return


def discover(project: Project, chosen: Path | None = None) -> Discovery | None:
    """The functions that a project's build output declares.

    Args:
        project: Where to look.
        chosen: The file of ``--from``; None takes the only one that is there.

    Returns:
        What was found; None where nothing was built here.

    Raises:
        DiscoveryError: There are several, or the chosen one is of no known form.
        UsageError: It cannot be read.
    """
    build = _named(project, chosen) if chosen is not None else only(project)
    return build.read(project, build.path) if build is not None else None


def only(project: Project) -> Build | None:
    """The only build output of a folder; None where nothing was built.

    Raises:
        DiscoveryError: There are several.
    """
    found = builds(project)
    if len(found) > 1:
        names = [f"{build.tool} ({project.relative(build.path)})" for build in found]
        raise DiscoveryError(
            f"{' and '.join(names)} were built here: choose one, as in --from {project.relative(found[0].path)}"
        )
    return found[0] if found else None


def _named(project: Project, path: Path) -> Build:
    """The reader of a file that the user names: by its name where that says it, else by its content."""
    if path.is_dir():
        inside = [
            path / cdk.MANIFEST,
            path / serverless.STATE,
            path / "build" / "template.yaml",
            path / "template.yaml",
        ]
        path = next((one for one in inside if one.is_file()), path)
    if not project.inside(path):
        raise DiscoveryError(f"--from {path}: it is outside of the project {project.root}: run the command there")
    if (build := _by_name(path) or _by_content(path)) is not None:
        return build
    raise DiscoveryError(
        f"--from {path}: no known form: name a CloudFormation template, a cdk.out/manifest.json, a plan in JSON, a "
        "serverless-state.json, a Pulumi preview or a zappa_settings.json"
    )


def _by_name(path: Path) -> Build | None:
    """By its name; of a template that says where archives will be, what lies beside it and says where they are."""
    if path.match(str(sam.BUILT)):
        return Build("SAM", path, sam.read)
    if path.name == serverless.STATE:
        return Build("Serverless", path, serverless.read)
    if path.name in zappa.SETTINGS:
        return Build("Zappa", path, zappa.read)
    if path.name.startswith("cloudformation-template-") and (state := path.with_name(serverless.STATE)).is_file():
        return Build("Serverless", state, serverless.read)
    if path.name.endswith(".template.json") and (assembly := path.with_name(cdk.MANIFEST)).is_file():
        stack = path.name.partition(".")[0]
        return Build("CDK", assembly, lambda project, path: cdk.read(replace(project, stack=stack), path))
    return None


def _by_content(path: Path) -> Build | None:
    if terraform.is_plan(path):
        return Build("Terraform", path, terraform.read)
    content = mapping(read_document(path).value)
    if "Resources" in content:
        chalice = path.name == "sam.json" and (path.parent / "deployment.zip").is_file()
        return Build("Chalice", path, sam.chalice) if chalice else Build("SAM", path, sam.read)
    if "artifacts" in content:
        return Build("CDK", path, cdk.read)
    return Build("Pulumi", path, pulumi.read) if "steps" in content else None
