"""Where a repository says which Python its functions run, are built with and are tested on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from harness.project.pipelines import repository
from harness.project.pythons.code import LANGUAGES, code
from harness.project.pythons.images import containerfile, script
from harness.project.pythons.pipelines import pipeline
from harness.project.pythons.templates import template
from harness.project.pythons.values import Kind, Mention
from harness.project.pythons.versions import READERS
from harness.project.reading import read_text, shown
from harness.project.values import MalformedFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.manifest import Manifest

__all__ = ["Kind", "Mention", "mentions"]

_LARGEST: Final = 1024 * 1024  # bytes; what is larger was not written by a person
_DEEPEST: Final = 6
_MOST: Final = 5_000  # files, and folders
_MANIFEST: Final = "lambda-artifact.toml"
# What is made, installed or tried out there, and what is meant for readers, deploys nothing.
_ASIDE: Final = frozenset(
    [
        "node_modules",
        "venv",
        "env",
        "build",
        "dist",
        "out",
        "target",
        "cdk.out",
        "__pycache__",
        "site-packages",
        "vendor",
        "_vendor",
        "third_party",
        "package",
        "tests",
        "test",
        "testing",
        "__tests__",
        "testdata",
        "fixtures",
        "examples",
        "example",
        "docs",
        "doc",
        "htmlcov",
    ]
)
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
_CONTAINERFILE: Final = re.compile(r"(?:Docker|Container)file(?:\..*)?|.*\.(?:docker|container)file", re.IGNORECASE)
_TEMPLATE: Final = re.compile(r"AWS::")
_SETTINGS: Final = ("serverless", "zappa_settings")
_PROGRAM: Final = re.compile(r"aws[_-]cdk|pulumi|serverless|\bsst\b")
_TESTS: Final = re.compile(r"test_.*|.*_test\.py|.*\.(?:test|spec)\.\w+|.*\.d\.ts|conftest\.py")
_LAMBDA: Final = re.compile(r"lambda|layer|/opt/python|/asset-output", re.IGNORECASE)


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
    root = repository(folder)
    return tuple(
        dict.fromkeys(
            (
                *_choices(manifest, folder, root),
                *(one for place in _files(manifest, folder, root) for one in _said(place, folder)),
                *_pipelines(folder, root),
            )
        )
    )


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
        for name, read in READERS.items():
            path = next((one / name for one in _upwards(beginning, root) if (one / name).is_file()), None)
            # What the project itself asks for is a matter of its own.
            if path and path != (manifest.project and manifest.project.absolute()):
                yield from _read(path, folder, read)


def _files(manifest: Manifest, folder: Path, root: Path) -> Iterator[_Place]:
    """What deploys the functions or builds their archives."""
    archives = {manifest.code, *manifest.layers}
    archives |= {one for function in manifest.functions for one in (function.code, *function.layers)}
    left_out = {one.path.absolute() for one in archives if one and one.path}
    yield from (_Place(path.absolute(), near=True, listed=True) for path in manifest.inputs)
    yield from _below(folder, left_out)
    for above in _upwards(folder, root)[1:]:
        yield from (_Place(path, near=True) for path in _children(above)[0])


def _below(folder: Path, left_out: set[Path]) -> Iterator[_Place]:
    """The files of a folder and of those in it, the nearest first."""
    waiting, seen = [(folder, 0)], 0
    for here, depth in waiting:
        files, folders = _children(here)
        names = {path.name for path in files}
        # Another repository or manifest speaks for what is there; and an environment is nobody's.
        if here != folder and (here in left_out or names & {_MANIFEST, "pyvenv.cfg"} or (here / ".git").exists()):
            continue
        seen += len(files) + 1
        if seen > _MOST:
            return
        yield from (_Place(path, near=depth == 0) for path in files)
        if depth < _DEEPEST:
            waiting += [(one, depth + 1) for one in folders if one.name not in _ASIDE and one.name[0] != "."]


def _children(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and the folders in a folder, by name; links to folders are not followed."""
    try:
        with os.scandir(folder) as found:
            children = sorted(found, key=lambda one: one.name)
            files = [folder / one.name for one in children if one.is_file()]
            return files, [folder / one.name for one in children if one.is_dir(follow_symlinks=False)]
    except OSError:
        return [], []


def _said(place: _Place, folder: Path) -> Iterator[Mention]:
    """What one file says."""
    name, suffix = place.path.name, place.path.suffix
    if _CONTAINERFILE.fullmatch(name):
        yield from _read(place.path, folder, containerfile, None if place.near else _LAMBDA)
    elif suffix in {".yml", ".yaml", ".json", ".template"}:
        yield from _read(place.path, folder, template, None if name.startswith(_SETTINGS) else _TEMPLATE)
    elif suffix in LANGUAGES and not _TESTS.fullmatch(name):
        if suffix == ".js" and place.path.with_suffix(".ts").exists():
            return  # compiled from it
        read = partial(code, language=LANGUAGES[suffix])
        yield from _read(place.path, folder, read, None if LANGUAGES[suffix] == "hcl" else _PROGRAM)
    elif place.listed or (place.near and suffix == ".sh"):
        yield from _read(place.path, folder, script, None if place.listed else _LAMBDA)


def _pipelines(folder: Path, root: Path) -> Iterator[Mention]:
    """The pipelines that have to do with the functions."""
    inside = "" if folder == root else folder.relative_to(root).as_posix()
    for path in sorted({path for place in _PIPELINES for path in root.glob(place)})[:_MOST]:
        text = _text(path)
        # Of a repository with several projects, those that speak of this one.
        if _WORKS.search(text) and inside in text:
            yield from pipeline(text, shown(path, folder))


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
