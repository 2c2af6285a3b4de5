"""Whether the keys under which CI caches archives change with everything that the archives are built from."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from harness import regular_files
from harness.dependencies.git import GitUnavailable, tracked
from harness.dependencies.globs import covers, matches
from harness.dependencies.inputs import relative
from harness.dependencies.pipelines.caches import cache_steps
from harness.dependencies.repository import below, repository_root
from harness.manifest import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.dependencies.inputs import Inputs
    from harness.dependencies.pipelines.cache_step import CacheStep
    from harness.manifest import Manifest, Source

# A word of its own, as in lambda-layer, layers.zip and pythonLayer; players and the layers of images are others.
_LAYER: Final = re.compile(r"(?:(?<![A-Za-z])[Ll]ayers?|(?<=[a-z])Layers?)(?![a-z])")
_IMAGES: Final = re.compile(r"docker|buildx|buildkit|image|oci|podman|kaniko", re.IGNORECASE)
_DEEPEST: Final = 3  # folders that lists of dependencies lie in
_WILD: Final = re.compile(r"[*?\[!]")
_LEADING: Final = re.compile(r"(?:\w+://)?[^/]*/(?=.)")
# What scripts look for that is something else than an archive for Lambda, by its name.
_DEPENDENCIES: Final = re.compile(
    r"requirements|constraints|poetry|uv\.lock|pdm|Pipfile|pyproject|pylock|\*", re.IGNORECASE
)
_NAMED: Final = re.compile(
    r"node_modules|npm|yarn|venv|wheel|docker|image|frontend|static|site|\.tgz|\.whl", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Unkeyed:
    """A cache of archives under a key that stays the same when what they are built from changes.

    Attributes:
        step: Which keeps it.
        path: What it keeps, as the pipeline names it.
        own: Whether that is an archive of the manifest itself, rather than what holds one, or is named like one.
        inputs: What is not in the key, relative to the root of the repository.
        partly: Whether other inputs are.
        keyed: The patterns that are in the key.
        empty: Those of them that match no file.
    """

    step: CacheStep
    path: str
    own: bool
    inputs: tuple[str, ...]
    partly: bool
    keyed: tuple[str, ...]
    empty: tuple[str, ...]


def unkeyed(manifest: Manifest, inputs: Inputs) -> tuple[Unkeyed, ...]:
    """The caches of a repository's pipelines that can bring back an archive that is older than its inputs.

    Args:
        manifest: What is declared: only caches of its archives count, and those whose names say that they hold layers.
        inputs: What the archives are built from.
    """
    root = repository_root(manifest.folder)
    named = ((relative(one.path.absolute(), root), one.decisive) for one in inputs.files)
    files = [(name, decisive) for name, decisive in named if not name.startswith("../")]  # a key cannot have others
    archives = [relative(path.absolute(), root) for path in _archives(manifest)]
    folder = relative(manifest.folder.absolute(), root)
    steps = [step for step in cache_steps(root) if not _is_computed(step, files)]
    kept = [(step, *held) for step in steps if (held := _held(step, archives, root, folder))]
    # Of several archives each can be built from some of the inputs, and nothing says from which.
    shared = {name for step, _, own in kept if own for name, _ in files if step.hashes(name)}
    elsewhere = shared if len(archives) > 1 else set[str]()
    found = []
    known: frozenset[str] | None = None
    for step, path, own in kept:
        every = [*files, *((name, True) for name in _installed(step, files, root))]
        present = {name for name, _ in every if step.hashes(name) or (own and name in elsewhere)}
        if present.issuperset(_wanted(step, every, frozenset())):
            continue
        known = _tracked(root) if known is None else known
        ignored = frozenset(name for name, _ in every).difference(known) if known else frozenset[str]()
        missing = tuple(name for name in _wanted(step, every, ignored) if name not in present)
        sources = known or _below(root)
        if missing and (not step.by_hand or _hashes_sources(step, archives, sources.union(dict(every)), root)):
            patterns = tuple(dict.fromkeys(_shown(pattern) for group in step.hashed for pattern in group))
            partly = any(step.hashes(name) for name in _wanted(step, every, ignored))
            found.append(Unkeyed(step, path, own, missing, partly, patterns, tuple(_empty(step, patterns, root))))
    return tuple(found)


def _installed(step: CacheStep, files: Sequence[tuple[str, bool]], root: Path) -> Iterator[str]:
    """The files that the same scripts install from, which neither the manifest nor the key has."""
    inner = [path.removeprefix(f"{step.base}/") if step.base else path for path in dict.fromkeys(step.installed)]
    there = [path for path in inner if not _WILD.search(path) and regular_files.is_file(root / path)]
    if not any(step.hashes(path) for path in there):
        yield from (path for path in there if path not in dict(files))


def _hashes_sources(step: CacheStep, archives: Sequence[str], known: frozenset[str], root: Path) -> bool:
    """Whether a key that is made by hand is made of files of the repository, and not of the archive itself."""
    patterns = [pattern for group in step.hashed for pattern in group]
    if any(covers(pattern, one) for pattern in patterns for one in (*archives, *step.made) if one.endswith(".zip")):
        return False
    plain = [pattern for pattern in patterns if not _WILD.search(pattern)]
    return any(regular_files.exists(root / one) for one in plain) or any(
        covers(pattern, step.inside(name)) for pattern in patterns for name in known
    )


def _shown(pattern: str) -> str:
    return pattern.removeprefix("**/")


def _is_computed(step: CacheStep, files: Sequence[tuple[str, bool]]) -> bool:
    """Whether a key is made of a file that the pipeline writes for that: what `lambda-artifact key` prints, say."""
    patterns = (pattern for group in step.hashed for pattern in group)
    made = [pattern for pattern in patterns if posixpath.basename(pattern) in step.written]
    return any(not any(covers(pattern, step.inside(name)) for name, _ in files) for pattern in made)


def _wanted(step: CacheStep, files: Sequence[tuple[str, bool]], ignored: frozenset[str]) -> Iterator[str]:
    """The inputs that a key must have; in place of what the pipeline itself writes, what that is written from."""
    exported = {name for name, _ in files if name in ignored or posixpath.basename(name) in step.written}
    for name, decisive in files:
        if name not in exported and (decisive or exported):
            yield name


def _tracked(root: Path) -> frozenset[str]:
    """The files of the repository: what else is there, a build has written; none where that is not known."""
    try:
        return frozenset(tracked(root))
    except GitUnavailable:
        return frozenset()


def _below(root: Path) -> frozenset[str]:
    """The files that are there, where no repository is: a pipeline may hand over an archive of one."""
    return frozenset(path.relative_to(root).as_posix() for path, _ in below(root, _DEEPEST))


def _archives(manifest: Manifest) -> tuple[Path, ...]:
    """The layers on this machine; without layers, the code, which then has the dependencies in it."""
    functions = manifest.functions
    layers = [*manifest.layers, *(layer for one in functions for layer in one.layers)]
    codes = [manifest.code, *(one.code for one in functions)]
    sources: list[Source | None] = [*layers] if layers else codes
    return tuple(dict.fromkeys(one.path for one in sources if one is not None and one.path is not None))


def _held(step: CacheStep, archives: Sequence[str], root: Path, folder: str) -> tuple[str, bool] | None:
    """The path of a manifest's archives that a step keeps, and whether it is one of them; None where it keeps none.

    What a job installs into, and makes one of the archives of, counts like that archive.
    """
    if step.by_hand:
        return _named(step, archives)
    kept = [path for path in step.paths if not path.startswith("!")]
    spared = [path[1:] for path in step.paths if path.startswith("!")]
    places = [step.inside(one) for one in archives]
    places = [place for place in places if not any(covers(path, place) for path in spared)]
    for path in kept:
        if any(matches(path, place) or path.startswith(f"{place}/") for place in places):
            return path, True
    zipped = any(posixpath.basename(made) == posixpath.basename(one) for made in step.made for one in archives)
    places += (folder for folder in step.made if zipped and not folder.endswith(".zip"))
    for path in kept:
        if any(covers(path, place) for place in places) or _is_layer(step, path, root, folder):
            return path, False
    return None


def _named(step: CacheStep, archives: Sequence[str]) -> tuple[str, bool] | None:
    """The same of what scripts name with a key of their own: paths, keys of S3, layers."""
    names = {posixpath.basename(one): one for one in archives}
    for path in step.paths:
        if (name := posixpath.basename(path.rstrip("/"))) in names:
            return names[name], True
    layers = [path for path in step.paths if _LAYER.search(path) and not _IMAGES.search(path)]
    made = next((names[name] for one in step.made if (name := posixpath.basename(one)) in names), None)
    ours = any(_DEPENDENCIES.search(posixpath.basename(one)) for group in step.hashed for one in group)
    if made and (layers or (ours and not any(map(_NAMED.search, step.paths)))):
        return made, True
    return (_LEADING.sub("", layers[0]), len(archives) == 1) if layers else None


def _is_layer(step: CacheStep, path: str, root: Path, folder: str) -> bool:
    """Whether a path can be nothing but this manifest's layer, by its name and by where it is."""
    text = path.rstrip("/*")
    if not _LAYER.search(posixpath.basename(text)) or _IMAGES.search(text):
        return False
    if text.startswith(("/", "~", "$", "..")):
        return True
    parent = posixpath.dirname(posixpath.relpath(text, step.base or ".")) or "."
    parents = [one for one in _above(parent) if one not in _above(folder)]
    if any(regular_files.is_file(root / one / FILE_NAME) for one in parents):
        return False  # another manifest's
    return parent in _above(folder) or folder in _above(parent)


def _above(folder: str) -> tuple[str, ...]:
    """A folder and those that it is in, the root of the repository (a dot) last."""
    parts = [part for part in folder.split("/") if part not in {"", "."}]
    return (*("/".join(parts[:end]) for end in range(len(parts), 0, -1)), ".")


def _empty(step: CacheStep, patterns: Sequence[str], root: Path) -> Iterator[str]:
    """The patterns that name a file that is not there."""
    for pattern in patterns:
        inner = pattern.removeprefix(f"{step.base}/") if step.base else pattern
        if not _WILD.search(pattern) and not regular_files.exists(root / inner):
            yield pattern
