"""Where a repository says which Python its functions run, are built with and are tested on."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from harness.dependencies.project import MalformedFileError
from harness.dependencies.pythons import linters
from harness.dependencies.pythons.declaration import Kind, Mention
from harness.dependencies.pythons.images import containerfile, script
from harness.dependencies.pythons.infrastructure import LANGUAGES, assigned, code
from harness.dependencies.pythons.pipeline_files import pipeline
from harness.dependencies.pythons.templates import template
from harness.dependencies.pythons.version_files import READERS
from harness.dependencies.repository import below, children, repository_root
from harness.dependencies.text_files import read_text, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.dependencies.pythons.infrastructure import Value
    from harness.manifest import Manifest

__all__ = ["Kind", "Mention", "deployers", "mentions"]

_LARGEST: Final = 1024 * 1024  # bytes; what is larger was not written by a person
_DEEPEST: Final = 6
_SCRIPTS: Final = 3  # folders that scripts lie in
_MOST: Final = 5_000  # files
_MANIFEST: Final = "lambda-artifact.toml"
_PIPELINES: Final = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".github/actions/*/action.yml",
    ".github/actions/*/action.yaml",
    ".gitlab-ci.yml",
    ".gitlab/**/*.yml",
    ".circleci/*.yml",
    ".circleci/*.yaml",
    "azure-pipelines*.yml",
    "azure-pipelines*.yaml",
    "bitbucket-pipelines.yml",
    "buildspec*.yml",
    "buildspec*.yaml",
)
# What a pipeline does that installs the dependencies, tests the code, or builds and deploys it. A linter may run on any
# Python.
_WORKS: Final = re.compile(
    r"pytest|unittest|\btox\b|\bnox\b|lambda|layer|requirements|poetry|pipenv|\bpdm\b|\buv (?:sync|export|pip|run)|"
    r"\bsam (?:build|deploy)|\bcdk\b|serverless|\bsls\b|terraform|\bmake\b|zip",
    re.IGNORECASE,
)
# What neither installs nor tests what is deployed, by its file's name.
_SIDELINES: Final = re.compile(
    r"(?:^|[-_.])(?:docs?|documentation|website|pages|lint(?:er|ing)?|format(?:ting)?|pre-?commit|codeql|stale|labeler)"
    r"(?:$|[-_.])",
    re.IGNORECASE,
)
_CONTAINERFILE: Final = re.compile(r"(?:Docker|Container)file(?:\..*)?|.*\.(?:docker|container)file", re.IGNORECASE)
_TEMPLATE: Final = re.compile(r"AWS::")
_SETTINGS: Final = ("serverless", "zappa_settings")
_PROGRAM: Final = re.compile(r"aws[_-]cdk|pulumi|serverless|\bsst\b")
_TESTS: Final = re.compile(r"test_.*|.*_test\.py|.*\.(?:test|spec)\.\w+|.*\.d\.ts|conftest\.py")
_LAMBDA: Final = re.compile(r"lambda|layer|/opt/python|/asset-output", re.IGNORECASE)
_MAKEFILES: Final = ("Makefile", "makefile", "GNUmakefile")
_LAYER: Final = re.compile(r"(?<![a-z])layers?(?![a-z])", re.IGNORECASE)
# What deploys what a file says, and how a pipeline, a script or a makefile does it.
_DEPLOYERS: Final[Mapping[str, re.Pattern[str]]] = {
    "terraform": re.compile(r"\b(?:terraform|tofu|terragrunt)\b[^\n]*\b(?:apply|plan)\b|hashicorp/|terraform-apply"),
    "sam": re.compile(r"\bsam (?:deploy|package|build)\b"),
    "cloudformation": re.compile(r"\bcloudformation (?:deploy|create|update|package)|aws-cloudformation-github-deploy"),
    "serverless": re.compile(r"\b(?:serverless|sls)\b[^\n]*\bdeploy\b|serverless/github-action"),
    "zappa": re.compile(r"\bzappa (?:deploy|update)\b"),
    "cdk": re.compile(r"\bcdk\b[^\n]*\b(?:deploy|synth)\b"),
    "pulumi": re.compile(r"\bpulumi\b[^\n]*\b(?:up|update)\b|pulumi/actions"),
    "sst": re.compile(r"\bsst\b[^\n]*\bdeploy\b"),
    "aws": re.compile(r"\blambda (?:update-function|create-function|publish)|update_function_code|lambda-action"),
}
_PROGRAMS: Final = (
    ("cdk", re.compile(r"aws[_-]cdk")),
    ("pulumi", re.compile("pulumi")),
    ("sst", re.compile(r"\bsst\b")),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A file to be read.

    Attributes:
        near: Whether it is the manifest's own neighbour, rather than somewhere below.
        listed: Whether the manifest names it.
    """

    path: Path
    near: bool
    listed: bool = False


def mentions(manifest: Manifest) -> tuple[Mention, ...]:
    """What the files around a manifest say; the lines of each file in order.

    Looked at are: templates, programs and Dockerfiles in the manifest's folder, to some depth, and directly in each
    folder above it up to the repository's root; the pipelines at the root; and of the files that choose a Python for a
    folder, those that hold for the manifest's, the project's and the sources'. What cannot be read, or is not what its
    name says, has nothing to say.

    Args:
        manifest: The manifest; what it lists as inputs is looked at, too.
    """
    folder = manifest.folder.absolute()
    root = repository_root(folder)
    places = tuple(_files(manifest, folder, root))
    known = _assigned(places, folder)
    return tuple(
        dict.fromkeys(
            (
                *_choices(manifest, folder, root),
                *(one for place in places for one in _said(place, folder, known)),
                *_pipelines(folder, root),
            )
        )
    )


def deployers(manifest: Manifest) -> frozenset[str]:
    """The tools that a repository's pipelines, scripts and makefiles deploy with; see ``Mention.tool``.

    Args:
        manifest: The manifest.
    """
    folder = manifest.folder.absolute()
    root = repository_root(folder)
    pipelines = sorted({path for place in _PIPELINES for path in root.glob(place)})[:_MOST]
    texts = (*map(_text, pipelines), _scripts(root))
    return frozenset(tool for tool, expression in _DEPLOYERS.items() if any(map(expression.search, texts)))


def _scripts(root: Path) -> str:
    """The texts of a repository's scripts and makefiles."""
    paths = (path for path, _ in below(root, _SCRIPTS))
    return "\n".join(_text(path) for path in paths if path.suffix in {".sh", ".bash"} or path.name in _MAKEFILES)


def _assigned(places: Sequence[_Place], folder: Path) -> Mapping[Path, Mapping[str, Sequence[Value]]]:
    """What Terraform's variables hold, by the folder that they are for."""
    found: dict[Path, dict[str, list[Value]]] = defaultdict(lambda: defaultdict(list))
    for place in places:
        if LANGUAGES.get(place.path.suffix) == "hcl":
            for key, value in assigned(_text(place.path), shown(place.path, folder)):
                found[place.path.parent][key].append(value)
    return found


def _upwards(folder: Path, root: Path) -> tuple[Path, ...]:
    """A folder and those above it, up to the root."""
    if not folder.is_relative_to(root):
        return (folder,)
    return (folder, *(one for one in folder.parents if one.is_relative_to(root)))


def _choices(manifest: Manifest, folder: Path, root: Path) -> Iterator[Mention]:
    """The files that choose a Python for a folder; the nearest counts."""
    sources = (manifest.source, *(function.source for function in manifest.functions))
    beginnings = [folder, *(one.absolute() for one in sources if one)]
    if manifest.project:
        beginnings.append(manifest.project.absolute().parent)
    for beginning in dict.fromkeys(beginnings):
        for name, read in (*READERS.items(), *linters.READERS.items()):
            path = next((one / name for one in _upwards(beginning, root) if (one / name).is_file()), None)
            # What the project itself asks for is a matter of its own.
            if path and (name in linters.READERS or path != (manifest.project and manifest.project.absolute())):
                yield from _read(path, folder, read)


def _files(manifest: Manifest, folder: Path, root: Path) -> Iterator[_Place]:
    """What deploys the functions or builds their archives."""
    archives = {manifest.code, *manifest.layers}
    archives |= {one for function in manifest.functions for one in (function.code, *function.layers)}
    left_out = {one.path.absolute() for one in archives if one and one.path}
    yield from (_Place(path.absolute(), near=True, listed=True) for path in manifest.inputs)
    yield from (_Place(path, near=depth == 0) for path, depth in below(folder, _DEEPEST, partial(_is_others, left_out)))
    for above in _upwards(folder, root)[1:]:
        yield from (_Place(path, near=True) for path in children(above)[0])


def _is_others(archives: Collection[Path], folder: Path, names: Collection[str]) -> bool:
    """Whether a folder is none of the user's own: an archive, what one was made from, or another manifest's."""
    if folder in archives or _MANIFEST in names:
        return True
    beside = any(one.parent in {folder.parent, folder.parent.parent} for one in archives)
    return folder.name == "python" and (beside or _LAYER.search(folder.parent.name) is not None)


def _said(place: _Place, folder: Path, known: Mapping[Path, Mapping[str, Sequence[Value]]]) -> Iterator[Mention]:
    """What one file says."""
    name, suffix = place.path.name, place.path.suffix
    if _CONTAINERFILE.fullmatch(name):
        yield from _read(place.path, folder, containerfile, None if place.near else _LAMBDA)
    elif suffix in {".yml", ".yaml", ".json", ".template"}:
        found = _read(place.path, folder, template, None if name.startswith(_SETTINGS) else _TEMPLATE)
        yield from (replace(one, tool=_template_tool(place.path)) for one in found)
    elif suffix in LANGUAGES and not _TESTS.fullmatch(name):
        if suffix == ".js" and place.path.with_suffix(".ts").exists():
            return  # compiled from it
        language = LANGUAGES[suffix]
        read = partial(code, language=language, known=known.get(place.path.parent))
        for one in _read(place.path, folder, read, None if language == "hcl" else _PROGRAM):
            yield replace(one, tool="terraform" if language == "hcl" else _program_tool(place.path))
    elif place.listed or (place.near and (suffix == ".sh" or name in _MAKEFILES)):
        yield from _read(place.path, folder, script, None if place.listed or name in _MAKEFILES else _LAMBDA)


def _template_tool(path: Path) -> str:
    for tool in ("serverless", "zappa"):
        if path.name.startswith(tool):
            return tool
    return "sam" if "AWS::Serverless" in _text(path) else "cloudformation"


def _program_tool(path: Path) -> str:
    text = _text(path)
    return next((tool for tool, expression in _PROGRAMS if expression.search(text)), "serverless")


def _pipelines(folder: Path, root: Path) -> Iterator[Mention]:
    """The pipelines that have to do with the functions."""
    inside = "" if folder == root else folder.relative_to(root).as_posix()
    scripts = cache(partial(_scripts, root))
    for path in sorted({path for place in _PIPELINES for path in root.glob(place)})[:_MOST]:
        text = _text(path)
        # Of a repository with several projects, those that speak of this one.
        if _WORKS.search(text) and inside in text and not _SIDELINES.search(path.stem):
            yield from pipeline(text, shown(path, folder), scripts)


def _read(
    path: Path, folder: Path, read: Callable[[str, str], Iterator[Mention]], only: re.Pattern[str] | None = None
) -> Iterator[Mention]:
    """What a file says, if it has a certain word in it."""
    text = _text(path)
    if text and (only is None or only.search(text)):
        yield from read(text, shown(path, folder))


def _text(path: Path) -> str:
    try:
        return read_text(path, path.name, _LARGEST)
    except MalformedFileError:
        return ""
