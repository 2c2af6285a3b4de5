"""The files that an archive of code is made of, as the repository has them."""

from __future__ import annotations

import os
import re
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.git import GitUnavailable, tracked
from harness.dependencies.globs import covers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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
        if regular_files.size(self.path) != size:
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
    walk = _tracked(folder)
    if not walk.names:
        walk = _walked(folder)
    found = {name: folder / name for name in sorted(walk.names) if not excluded(name, excludes)}
    files = (
        SourceFile(*item)
        for item in found.items()
        if regular_files.is_file(item[1]) and item[1].absolute() not in left_out
    )
    return SourceFiles(tuple(files), tuple(name for name in walk.unread if not (name and excluded(name, excludes))))


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
class _Walk:
    """Names of files, and of folders that were not read to their end."""

    names: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def _tracked(folder: Path) -> _Walk:
    walk = _Walk()
    with suppress(GitUnavailable):
        for name in tracked(folder):
            if not regular_files.is_folder(folder / name):
                walk.names.append(name)
                continue
            inside = _walked(folder / name)  # a submodule, or a link to a folder
            walk.names += (f"{name}/{file}" for file in inside.names)
            walk.unread += (f"{name}/{unread}".rstrip("/") for unread in inside.unread)
    return walk


def _walked(folder: Path) -> _Walk:
    """The files in a folder; through links too, as most tools that zip go, and each folder once.

    Links come last, so that none keeps the folder's own files from being found. One that leads out of the folder to
    more than shared modules, such as to a disk with data, is not followed at all.
    """
    walk, seen, waiting = _Walk(), set[tuple[int, int]](), deque([""])
    root = regular_files.resolved(folder)
    while waiting and len(walk.names) < _MOST:
        start = waiting.popleft()
        target = regular_files.resolved(folder / start)
        if start and root.is_relative_to(target):  # a circle
            continue
        most = _MOST if target.is_relative_to(root) else _MOST_BEYOND
        names, links, is_whole = _tree(folder, start, seen, most)
        if is_whole or not start:
            walk.names += names
            waiting += links
        if not is_whole:
            walk.unread.append(start)
    return walk


def _tree(root: Path, start: str, seen: set[tuple[int, int]], most: int) -> tuple[list[str], list[str], bool]:
    """The files below a folder, the links to folders among them, and whether these are all; seen folders are left."""
    names: list[str] = []
    links: list[str] = []
    count = 0
    for here, folders, files in regular_files.walked(root / start):
        status = Path(here).stat()
        if (key := (status.st_dev, status.st_ino)) in seen:
            folders.clear()
            continue
        seen.add(key)
        prefix = os.path.relpath(here, root).replace(os.sep, "/").removeprefix(".")
        prefix = f"{prefix}/" if prefix else ""
        folders[:] = [name for name in folders if not _USUAL.search(prefix + name)]
        files = [prefix + name for name in files if not _USUAL.search(prefix + name)]  # noqa: PLW2901 - the same files
        names += files
        links += (prefix + name for name in folders if Path(here, name).is_symlink())
        count += len(files) + len(folders)
        folders[:] = [name for name in folders if not Path(here, name).is_symlink()]
        if count > most:
            return names, links, False
    return names, links, True
