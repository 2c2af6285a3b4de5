"""Finds where a repository says which Python its functions run, are built with and are tested on."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.pythons.images import containerfile, script
from harness.dependencies.pythons.infrastructure import LANGUAGES, assigned, code
from harness.dependencies.pythons.pin import Kind, PythonPin
from harness.dependencies.pythons.pipeline_files import pipeline
from harness.dependencies.pythons.settings_files import DEVELOPERS, LINTERS
from harness.dependencies.pythons.templates import template
from harness.dependencies.repository import MAKEFILES, below, children, repository_root
from harness.dependencies.text_files import shown, text_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.dependencies.pythons.infrastructure import Value
    from harness.manifest import Manifest

__all__ = ["Kind", "PythonPin", "deployers", "python_pins"]

_LARGEST: Final = 1024 * 1024  # bytes; what is larger was not written by a person
_DEEPEST: Final = 6
_SCRIPTS: Final = 3  # folders that scripts lie in
_MOST: Final = 5_000  # files
_MANIFEST: Final = "lambda-artifact.toml"
_PIPELINES: Final = (
    *(".github/workflows/*.y*ml", ".github/actions/*/action.y*ml", ".gitlab-ci.yml", ".gitlab/**/*.yml"),
    *(".circleci/*.y*ml", "azure-pipelines*.y*ml", "bitbucket-pipelines.yml", "buildspec*.y*ml"),
)
# The work of a pipeline that installs dependencies, tests code, builds or deploys; a linter may run on any Python.
_WORKS: Final = re.compile(
    r"pytest|unittest|\btox\b|\bnox\b|lambda|layer|requirements|poetry|pipenv|\bpdm\b|\buv (?:sync|export|pip|run)|"
    r"\bsam (?:build|deploy)|\bcdk\b|serverless|\bsls\b|terraform|\bmake\b|zip",
    re.IGNORECASE,
)
# Pipelines that neither install nor test what is deployed, by their names.
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
_LAYER: Final = re.compile(r"(?<![a-z])layers?(?![a-z])", re.IGNORECASE)
# The commands and actions by which a pipeline, a script or a makefile deploys.
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
class _File:
    """A file to be read.

    Attributes:
        near: Whether it is the manifest's own neighbour, rather than somewhere below.
        listed: Whether the manifest names it.
    """

    path: Path
    near: bool
    listed: bool = False


def python_pins(manifest: Manifest) -> tuple[PythonPin, ...]:
    """The Pythons that the files around a manifest name; those of each file in order.

    Read are: templates, programs and Dockerfiles in the manifest's folder, to some depth, and directly in each folder
    above it up to the repository's root; the pipelines at the root; the files that the manifest lists as inputs; and of
    the files that choose a Python for a folder, those that hold for the manifest's, the project's and the sources'.
    Files that cannot be read, or are not what their name says, are passed over.
    """
    folder = manifest.folder.absolute()
    root = repository_root(folder)
    files = tuple(_files(manifest, folder, root))
    variables = _terraform_variables(files, folder)
    pins = (pin for file in files for pin in _of_file(file, folder, variables.get(file.path.parent, {})))
    return tuple(dict.fromkeys((*_settings(manifest, folder, root), *pins, *_pipelines(folder, root))))


def deployers(manifest: Manifest) -> frozenset[str]:
    """The tools that a repository's pipelines, scripts and makefiles deploy with; see ``PythonPin.tool``."""
    root = repository_root(manifest.folder.absolute())
    texts = (*map(_text, _pipeline_files(root)), _scripts(root))
    return frozenset(tool for tool, expression in _DEPLOYERS.items() if any(map(expression.search, texts)))


def _pipeline_files(root: Path) -> Sequence[Path]:
    return sorted({path for place in _PIPELINES for path in regular_files.found(root, place)})[:_MOST]


def _scripts(root: Path) -> str:
    """The texts of a repository's scripts and makefiles."""
    paths = (path for path, _ in below(root, _SCRIPTS))
    return "\n".join(_text(path) for path in paths if path.suffix in {".sh", ".bash"} or path.name in MAKEFILES)


def _terraform_variables(files: Sequence[_File], folder: Path) -> Mapping[Path, Mapping[str, Sequence[Value]]]:
    """The values of Terraform's variables, by the folder that they are for."""
    variables: dict[Path, dict[str, list[Value]]] = defaultdict(lambda: defaultdict(list))
    for path in (file.path for file in files if LANGUAGES.get(file.path.suffix) == "hcl"):
        for key, value in assigned(_text(path), shown(path, folder)):
            variables[path.parent][key].append(value)
    return variables


def _upwards(folder: Path, root: Path) -> tuple[Path, ...]:
    """A folder and those above it, up to the root."""
    return (folder, *(above for above in folder.parents if above.is_relative_to(root)))


def _settings(manifest: Manifest, folder: Path, root: Path) -> Iterator[PythonPin]:
    """The files that choose a Python for a folder; the nearest counts."""
    project = manifest.project.absolute() if manifest.project else None
    sources = (manifest.source, *(function.source for function in manifest.functions))
    folders = [folder, *(source.absolute() for source in sources if source), *([project.parent] if project else [])]
    for start in dict.fromkeys(folders):
        for name, read in (*DEVELOPERS.items(), *LINTERS.items()):
            path = next((above / name for above in _upwards(start, root) if regular_files.is_file(above / name)), None)
            if path and (name in LINTERS or path != project):  # the project's own Python is compared apart
                yield from _read(path, folder, read)


def _files(manifest: Manifest, folder: Path, root: Path) -> Iterator[_File]:
    """The files that may deploy the functions or build their archives."""
    archives = {manifest.code, *manifest.layers}
    archives |= {archive for function in manifest.functions for archive in (function.code, *function.layers)}
    paths = {archive.path.absolute() for archive in archives if archive and archive.path}
    yield from (_File(path.absolute(), near=True, listed=True) for path in manifest.inputs)
    yield from (_File(path, near=depth == 0) for path, depth in below(folder, _DEEPEST, partial(_is_foreign, paths)))
    for above in _upwards(folder, root)[1:]:
        yield from (_File(path, near=True) for path in children(above)[0])


def _is_foreign(archives: Collection[Path], folder: Path, names: Collection[str]) -> bool:
    """Whether a folder is not the user's own: an archive, what one was made from, or another manifest's."""
    if folder in archives or _MANIFEST in names:
        return True
    beside = any(archive.parent in {folder.parent, folder.parent.parent} for archive in archives)
    return folder.name == "python" and (beside or _LAYER.search(folder.parent.name) is not None)


def _of_file(file: _File, folder: Path, variables: Mapping[str, Sequence[Value]]) -> Iterator[PythonPin]:
    path, name, suffix = file.path, file.path.name, file.path.suffix
    if _CONTAINERFILE.fullmatch(name):
        yield from _read(path, folder, containerfile, None if file.near else _LAMBDA)
    elif suffix in {".yml", ".yaml", ".json", ".template"}:
        pins = _read(path, folder, template, None if name.startswith(_SETTINGS) else _TEMPLATE)
        yield from (replace(pin, tool=_template_tool(path)) for pin in pins)
    elif suffix in LANGUAGES and not _TESTS.fullmatch(name):
        if suffix == ".js" and regular_files.exists(path.with_suffix(".ts")):
            return  # compiled from it
        is_terraform = LANGUAGES[suffix] == "hcl"
        read = partial(code, language=LANGUAGES[suffix], known=variables)
        pins = _read(path, folder, read, None if is_terraform else _PROGRAM)
        yield from (replace(pin, tool="terraform" if is_terraform else _program_tool(path)) for pin in pins)
    elif file.listed or (file.near and (suffix == ".sh" or name in MAKEFILES)):
        yield from _read(path, folder, script, None if file.listed or name in MAKEFILES else _LAMBDA)


def _template_tool(path: Path) -> str:
    named = next((tool for tool in ("serverless", "zappa") if path.name.startswith(tool)), None)
    return named or ("sam" if "AWS::Serverless" in _text(path) else "cloudformation")


def _program_tool(path: Path) -> str:
    text = _text(path)
    return next((tool for tool, expression in _PROGRAMS if expression.search(text)), "serverless")


def _pipelines(folder: Path, root: Path) -> Iterator[PythonPin]:
    """The pipelines that have to do with the functions."""
    inside = "" if folder == root else folder.relative_to(root).as_posix()
    scripts = cache(partial(_scripts, root))
    for path in _pipeline_files(root):
        text = _text(path)
        # Of a repository with several projects, those that name this one.
        if _WORKS.search(text) and inside in text and not _SIDELINES.search(path.stem):
            yield from pipeline(text, shown(path, folder), scripts)


def _read(
    path: Path, folder: Path, read: Callable[[str, str], Iterator[PythonPin]], only: re.Pattern[str] | None = None
) -> Iterator[PythonPin]:
    """The pins of a file, if an expression is found in it."""
    text = _text(path)
    if text and (only is None or only.search(text)):
        yield from read(text, shown(path, folder))


def _text(path: Path) -> str:
    return text_or_none(path, _LARGEST) or ""
