"""Caches of CircleCI: ``save_cache``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.project.documents import child, line, mappings, scalar, scalars
from harness.project.pipelines.values import CacheStep, inside, unique

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaml.nodes import Node

_TEMPLATE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CHECKSUM: Final = re.compile(r"\s*checksum\s+\"([^\"]+)\"\s*")
_CONSTANT: Final = re.compile(r"\s*(?:\.Branch|arch)\s*")
_WORKSPACE: Final = "~/project"
_PARAMETER: Final = "<<"


def steps(document: Node, name: str) -> Iterator[CacheStep]:
    """The steps of all jobs and commands.

    Args:
        document: The file.
        name: How a sentence names it.
    """
    every = tuple(mappings(document))
    chosen = (scalar(child(one, "working_directory")) for one in every)
    roots = (_WORKSPACE, *(text.rstrip("/") for text in chosen if text))
    saves = (child(one, "save_cache") for one in every)
    yield from unique(step for save in saves if save is not None for step in _step(save, roots, name))


def _step(save: Node, roots: Sequence[str], name: str) -> Iterator[CacheStep]:
    node = child(save, "key")
    key = scalar(node)
    if node is None or key is None or _PARAMETER in key:
        return
    hashed: list[tuple[str, ...]] = []
    for template in _TEMPLATE.findall(key):
        if found := _CHECKSUM.fullmatch(template):
            hashed.append((inside(found[1], *roots),))
        elif not _CONSTANT.fullmatch(template):
            return
    paths = tuple(inside(path, *roots) for path in scalars(child(save, "paths")) if _PARAMETER not in path)
    yield CacheStep(f"{name}:{line(node)}", paths, tuple(hashed))
