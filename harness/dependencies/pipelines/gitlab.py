"""Caches of GitLab CI whose key is made of files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.cache_step import CacheStep, inside, substituted, unique
from harness.dependencies.pipelines.scripts import by_hand, shell
from harness.dependencies.yaml_nodes import child, entries, items, line, scalar, scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from yaml.nodes import Node

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_WORKSPACES: Final = ("$CI_PROJECT_DIR", "${CI_PROJECT_DIR}")
# Of these a key may be made, too: they say nothing of the content of files.
_CONSTANT: Final = re.compile(
    r"CI_(?:COMMIT_(?:REF_SLUG|REF_NAME|BRANCH)|DEFAULT_BRANCH|JOB_(?:NAME|NAME_SLUG|STAGE|IMAGE)|PROJECT_\w+|"
    r"RUNNER_EXECUTABLE_ARCH)"
)


def steps(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    """The caches of all jobs, and those that jobs share.

    Args:
        document: The file.
        name: How a sentence names it.
        source: The text of a script of the repository.
    """
    shared = _literals(document)
    found = (
        step
        for holder in (document, *(value for _, value in entries(document)))
        for cache in _caches(child(holder, "cache"))
        for step in _step(cache, {**shared, **_literals(holder)}, name)
    )
    yield from unique(found)
    yield from by_hand(shell(document, name, source))


def _caches(node: Node | None) -> tuple[Node, ...]:
    return items(node) or ((node,) if node else ())


def _step(cache: Node, known: Mapping[str, str], name: str) -> Iterator[CacheStep]:
    key = child(cache, "key")
    files = child(key, "files") or child(key, "files_commits")
    if key is None or files is None:
        return  # one key for a branch or a job: its archives are replaced by every run
    patterns = [substituted(text, _VARIABLE, known) for text in scalars(files)]
    prefix = substituted(scalar(child(key, "prefix")) or "", _VARIABLE, known)
    if any("$" in text for text in patterns) or not _constant(prefix):
        return
    paths = (inside(substituted(text, _VARIABLE, known), *_WORKSPACES) for text in scalars(child(cache, "paths")))
    yield CacheStep(f"{name}:{line(key)}", tuple(path for path in paths if "$" not in path), (tuple(patterns),))


def _constant(text: str) -> bool:
    return all(_CONSTANT.fullmatch(braced or bare) for braced, bare in _VARIABLE.findall(text))


def _literals(node: Node | None) -> dict[str, str]:
    """The variables that are given a value in the file."""
    found = ((name, scalar(value)) for name, value in entries(child(node, "variables")))
    return {name: text for name, text in found if text is not None and "$" not in text}
