"""The files that an archive of code is made of, as the repository has them."""

from __future__ import annotations

import os
import re
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.git import GitUnavailable, tracked
from harness.dependencies.globs import covers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

_CHUNK: Final = 1024 * 1024
_MOST: Final = 50_000  # files and folders
_MOST_BEYOND: Final = 1_000  # the same, behind a link that leads out of the folder: shared modules, and no system

# What git would not have either, where there is no git to ask.
_USUAL: Final = re.compile(
    r"(?:^|/)(?:\.git|\.hg|\.svn|\.venv|venv|node_modules|__pycache__|\.[a-z]+_cache|\.tox|\.nox|\.idea|\.vscode|"
    r"[^/]+\.egg-info|\.aws-sam|\.serverless|\.terraform|cdk\.out)(?:/|$)"
    r"|(?:^|/)(?:\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*|\.coverage[^/]*|[^/]+\.py[co]|[^/]*(?:~|\.sw[op]|\.orig|\.rej))$"
)
# What is for who develops, builds and deploys, wherever it is: folders, then files.
_DEVELOPERS: Final = re.compile(
    r"""
      (?:^|.*/)(?: \.[^/]+ | tests? | testing | __tests__ | e2e | docs? | examples? | samples? | benchmarks? | notebooks
                 | infra(?:structure)? | terraform | cdk(?:\.out)? | cloudformation | node_modules | __pycache__ )/.*
    | (?:.*/)?(?: \.[^/]* | test_[^/]*\.py | [^/]*_test\.py | conftest\.py | noxfile\.py | fabfile\.py | locustfile\.py
                | setup\.py | gunicorn[\w.]*\.py
                | (?i: readme | changelog | changes | licen[cs]e | copying | notice | authors | contributing
                     | codeowners | security | todo )(?: -[^/.]* )?(?: \.(?: md | rst | txt | adoc ) )?
                | (?: requirements | constraints )[^/]*\.(?: txt | in ) | pyproject\.toml | setup\.cfg | MANIFEST\.in
                | Pipfile | [^/]+\.lock | package(?:-lock)?\.json | tsconfig[^/]*\.json | pnpm-[^/]*\.yaml
                | (?i: (?:docker|container)file )[^/]* | [^/]+\.(?i: dockerfile ) | (?: docker-)?compose[^/]*\.ya?ml
                | (?i: (?:gnu)?makefile | justfile | procfile | tiltfile | jenkinsfile | taskfile[^/]* ) | [^/]+\.mk
                | (?: tox | pytest | mypy )\.ini | (?: ruff | mise | samconfig )[^/]*\.toml | pylintrc | runtime\.txt
                | [^/]+\.(?: tf | tfvars | hcl | md | mdx | rst | ipynb | zip | whl | tar | t?gz | log | pyi | pyc | pyx
                           | pxd | c | cc | cpp | h | hpp | rs | pot? | orig | rej | code-workspace )
                | template[^/]*\.(?: ya?ml | json ) | serverless[^/]*\.(?: ya?ml | json | ts | js ) | cdk[^/]*\.json
                | (?: buildspec | azure-pipelines | bitbucket-pipelines | codecov | mkdocs | cloudbuild )[^/]*\.ya?ml
                | renovate\.json5? | sonar-project\.properties | zappa_settings[^/]* | lambda-artifact[^/]*
                | script\.py\.mako | py\.typed
                | (?: build | deploy | release | package | publish | lint | format | test | setup | install )
                  [\w-]*\.sh )
    | tasks\.py
    """,
    re.VERBOSE,
)
# The same, unless the archive has something of them.
_TOOLS: Final = re.compile(r"(?:.*/)?(?:scripts?|tools?|bin|deploy(?:ment)?|build|ci|hack|dev|stubs|typings)/.*")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a folder of sources.

    Attributes:
        name: Relative to the folder, with forward slashes.
        path: Where it is.
    """

    name: str
    path: Path

    def is_same(self, size: int, crc: int) -> bool:
        """Whether it has a size, in bytes, and a CRC-32.

        Raises:
            OSError: It cannot be read.
        """
        if self.path.stat().st_size != size:
            return False
        found = 0
        with regular_files.opened(self.path) as file:
            while piece := file.read(_CHUNK):
                found = zlib.crc32(piece, found)
        return found == crc


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """The files of a folder of sources.

    Attributes:
        files: By name.
        unread: Folders that were not read to their end, since they have more files than anybody's sources; relative to
            the folder of sources, itself as the empty name.
    """

    files: tuple[SourceFile, ...]
    unread: tuple[str, ...] = ()


def sources(folder: Path, excludes: Sequence[str], left_out: Collection[Path] = ()) -> SourceFiles:
    """The files of a folder that belong into an archive which is made of it.

    Those that git tracks, or would track; without git, all but what nobody would add to a repository. A folder that git
    ignores as a whole is what a build step wrote: then everything in it counts.

    Args:
        folder: The folder.
        excludes: Patterns of what stays out of the archive; one without a slash holds in every folder.
        left_out: Files that do not count, by their absolute paths.
    """
    walked = _tracked(folder)
    if not walked.names:
        walked = _walked(folder)
    found = {name: folder / name for name in walked.names if not excluded(name, excludes)}
    files = (
        SourceFile(name, path)
        for name, path in sorted(found.items())
        if path.is_file() and path.absolute() not in left_out
    )
    return SourceFiles(tuple(files), tuple(one for one in walked.unread if not (one and excluded(one, excludes))))


def excluded(name: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches a file, or a folder that it is in."""
    return any(
        covers(pattern, name) or ("/" not in pattern.rstrip("/") and covers(f"**/{pattern}", name))
        for pattern in patterns
    )


def is_developers(name: str) -> bool:
    """Whether a file is for who develops, builds and deploys, and nothing that a function misses."""
    return _DEVELOPERS.fullmatch(name) is not None


def is_tool(name: str) -> bool:
    """Whether a file is in a folder of tools, of which an archive has all or nothing."""
    return _TOOLS.fullmatch(name) is not None


@dataclass(slots=True)
class _Walked:
    """What was found on a walk: names of files, and of folders that were not read to their end."""

    names: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def _tracked(folder: Path) -> _Walked:
    found = _Walked()
    try:
        names = tracked(folder)
    except GitUnavailable:
        return found
    for name in names:
        if not (folder / name).is_dir():
            found.names.append(name)
            continue
        inside = _walked(folder / name)  # of a submodule, or of a link to a folder, the files in it
        found.names += (f"{name}/{one}" for one in inside.names)
        found.unread += (f"{name}/{one}".rstrip("/") for one in inside.unread)
    return found


def _walked(folder: Path) -> _Walked:
    """The files in a folder; through links too, as most tools that zip go, and each folder once.

    Links come last, so that none keeps the folder's own files from being found. One that leads out of the folder to
    more than shared modules, such as to a disk with data, is not followed at all.
    """
    found, seen = _Walked(), set[tuple[int, int]]()
    root = folder.resolve()
    names, links, is_whole = _tree(folder, "", seen, _MOST)
    found.names += names
    found.unread += () if is_whole else ("",)
    waiting = deque(links)
    while waiting and len(found.names) < _MOST:
        link = waiting.popleft()
        target = (folder / link).resolve()
        if root.is_relative_to(target):  # a circle
            continue
        names, links, is_whole = _tree(folder, link, seen, _MOST if target.is_relative_to(root) else _MOST_BEYOND)
        if is_whole:
            found.names += names
            waiting += links
        else:
            found.unread.append(link)
    return found


def _tree(root: Path, start: str, seen: set[tuple[int, int]], most: int) -> tuple[list[str], list[str], bool]:
    """The files below a folder, the links to folders among them, and whether these are all that there are."""
    names: list[str] = []
    links: list[str] = []
    waiting, count = [start], 0
    while waiting:
        files, folders, others = _children(root, waiting.pop(), seen)
        names += files
        waiting += folders
        links += others
        count += len(files) + len(folders) + len(others)
        if count > most:
            return names, links, False
    return names, links, True


def _children(root: Path, here: str, seen: set[tuple[int, int]]) -> tuple[list[str], list[str], list[str]]:
    """The files in a folder, the folders, and the links to folders; nothing of one that was seen."""
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    try:
        status = (root / here).stat()
        if (key := (status.st_dev, status.st_ino)) in seen:
            return [], [], []
        seen.add(key)
        with os.scandir(root / here) as found:
            for one in found:
                name = f"{here}/{one.name}" if here else one.name
                if not _USUAL.search(name):
                    (files if not one.is_dir() else links if one.is_symlink() else folders).append(name)
    except OSError:
        return [], [], []
    return files, folders, links
