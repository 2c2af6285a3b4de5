"""Caches of CircleCI: ``save_cache``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.cache_step import CacheStep, inside, unique
from harness.dependencies.pipelines.scripts import by_hand, shell
from harness.dependencies.yaml_nodes import child, line, mappings, scalar, scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from yaml.nodes import Node

    from harness.dependencies.pipelines.shell import Shell

_TEMPLATE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CHECKSUM: Final = re.compile(r"\s*checksum\s+\"([^\"]+)\"\s*")
_CONSTANT: Final = re.compile(r"\s*(?:\.Branch|arch)\s*")
_WORKSPACE: Final = "~/project"
_PARAMETER: Final = "<<"


def steps(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    """The steps of all jobs and commands.

    Args:
        document: The file.
        name: How a sentence names it.
        source: The text of a script of the repository.
    """
    every = tuple(mappings(document))
    chosen = (scalar(child(one, "working_directory")) for one in every)
    roots = (_WORKSPACE, *(text.rstrip("/") for text in chosen if text))
    saves = (child(one, "save_cache") for one in every)
    known = shell(document, name, source)
    yield from unique(step for save in saves if save is not None for step in _step(save, roots, known))
    yield from by_hand(known)


def _step(save: Node, roots: Sequence[str], known: Shell) -> Iterator[CacheStep]:
    node = child(save, "key")
    key = scalar(node)
    if node is None or key is None or _PARAMETER in key:
        return
    hashed: list[tuple[str, ...]] = []
    for template in _TEMPLATE.findall(key):
        if found := _CHECKSUM.fullmatch(template):
            path = inside(found[1], *roots)
            made = known.contents.get(found[1]) or known.contents.get(path)
            hashed.append(made.files if made is not None and made.keyed else (path,))
        elif not _CONSTANT.fullmatch(template):
            return
    paths = tuple(inside(path, *roots) for path in scalars(child(save, "paths")) if _PARAMETER not in path)
    yield CacheStep(f"{known.name}:{line(node)}", paths, tuple(hashed), installed=tuple(known.installed))
