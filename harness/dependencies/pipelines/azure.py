"""Caches of Azure Pipelines: the task ``Cache@2``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from harness.dependencies.pipelines.cache_step import CacheStep, inside, substituted, unique
from harness.dependencies.pipelines.scripts import by_hand, shell
from harness.dependencies.yaml_nodes import child, entries, items, line, mappings, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from yaml.nodes import Node

    from harness.dependencies.pipelines.shell import Shell

_TASK: Final = re.compile(r"Cache(?:Beta)?@\d+")
_VARIABLE: Final = re.compile(r"\$\(([\w.-]+)\)")
_WORKSPACES: Final = ("$(Build.SourcesDirectory)", "$(System.DefaultWorkingDirectory)")
# Of these a key may be made, too: they say nothing of the content of files.
_CONSTANT: Final = re.compile(
    r"Agent\.(?:OS|OSArchitecture|JobName|MachineName)|System\.JobName|"
    r"Build\.(?:SourceBranch|SourceBranchName|DefinitionName|Repository\.Name)",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"\"[^\"]*\"")
_PATH: Final = re.compile(r"[./*]")  # a segment without any of these is a word


def steps(document: Node, name: str, source: Callable[[str], str]) -> Iterator[CacheStep]:
    """The steps of all jobs and templates.

    Args:
        document: The file.
        name: How a sentence names it.
        source: The text of a script of the repository.
    """
    every = tuple(mappings(document))
    known = {name: text for one in every for name, text in _literals(one)}
    tasks = (one for one in every if _TASK.fullmatch(scalar(child(one, "task")) or ""))
    scripts = shell(document, name, source)
    yield from unique(step for task in tasks for step in _step(task, known, scripts))
    yield from by_hand(scripts)


def _step(task: Node, known: Mapping[str, str], scripts: Shell) -> Iterator[CacheStep]:
    node = child(task, "inputs", "key")
    key = scalar(node)
    if node is None or key is None or "${{" in key or "$[" in key:
        return
    hashed: list[tuple[str, ...]] = []
    for segment in substituted(key, _VARIABLE, known).split("|"):
        made = [value for one in _VARIABLE.findall(segment) if (value := scripts.variables.get(one))]
        if made and all(one.keyed for one in made):
            hashed += (one.files for one in made)
            continue
        patterns = _patterns(segment)
        if not all(_known(pattern) for pattern in patterns or (segment,)):
            return
        if patterns:
            hashed.append(tuple(patterns))
    path = inside(substituted(scalar(child(task, "inputs", "path")) or "", _VARIABLE, known), *_WORKSPACES)
    paths = () if "$(" in path else (path,)
    yield CacheStep(f"{scripts.name}:{line(node)}", paths, tuple(hashed), installed=tuple(scripts.installed))


def _patterns(segment: str) -> Sequence[str]:
    """The patterns of a segment of a key; none where it is a word."""
    if _QUOTED.fullmatch(segment.strip()):
        return ()
    written = [text.strip() for text in segment.split(",")]
    negated = [("!" if text.startswith("!") else "", inside(text.lstrip("!"), *_WORKSPACES)) for text in written]
    patterns = [f"{sign}{text}" for sign, text in negated]
    return patterns if _PATH.search(_VARIABLE.sub("", "".join(patterns))) else ()


def _known(text: str) -> bool:
    """Whether all variables in a text are the same in every run."""
    return all(_CONSTANT.fullmatch(name) for name in _VARIABLE.findall(text))


def _literals(node: Node) -> Iterator[tuple[str, str]]:
    """The variables that are given a value in the file, in either of the two ways of writing that."""
    variables = child(node, "variables")
    listed = ((scalar(child(one, "name")), child(one, "value")) for one in items(variables))
    for name, value in (*entries(variables), *listed):
        text = scalar(value)
        if name is not None and text is not None and "$" not in text:
            yield name, text
